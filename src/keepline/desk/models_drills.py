"""What the API answers with about drills."""

from typing import Literal

from pydantic import Field

from keepline.desk.models import Model
from keepline.desk.people.answering import Asked


class DrillShown(Model):
    """One that there is, and where it may be run."""

    name: str
    title: str
    path: str
    """What it is about; empty for one that is about no path in particular."""
    in_world: bool
    """It can be run against a world of its own."""
    blast_radius: str
    in_production: bool
    """It can be run against this node, by marked test calls."""
    production_blast_radius: str
    why_not_in_production: str


class Said(Model):
    at: float
    words: str


class DrillCard(Model):
    """What came of a run."""

    calls: int
    detected: bool | None
    """None where there is nothing to be noticed."""
    detected_after_s: float | None
    evidence: list[str]
    rerouted: int
    failed: int
    delayed: int
    lost: int
    audio_gaps: int
    back_after_s: float | None


class DrillRunShown(Model):
    """One run."""

    run: str
    drill: str
    title: str
    path: str
    by: str
    production: str
    """The operation whose node it was run against; empty for a world of its own."""
    blast_radius: str
    status: str
    """running, completed, aborted, failed, not begun, or cut off."""
    passed: bool
    started_at: float
    ended_at: float | None
    rollback_verified: bool | None
    why: list[str]
    """Why it is not passed."""
    error: str
    said: list[Said]
    card: DrillCard | None
    against: list[str]
    """What is different from the last run."""


class DrillRunning(DrillRunShown):
    """The one that runs, or that was cut off and has left something."""

    is_ending: bool


class PathDrilled(Model):
    path: str
    standing: Literal["drilled", "expired", "failed", "never", "no drill"]
    drills: list[str]
    passed_at: float | None


class DrillsNow(Model):
    """The newest run first."""

    operation: str
    has_world: bool
    blast_radius_of_all: str
    """Of every drill, one after another; empty where there is no world for that."""
    running: DrillRunning | None
    drills: list[DrillShown]
    coverage: list[PathDrilled]
    runs: list[DrillRunShown]


class DrillAsked(Asked):
    """Run it: the confirmation is the drill's name, or in production the operation's."""

    confirm: str
    production: bool = False
    why: str = Field(default="", max_length=300)


class DrillEndAsked(Asked):
    """End it, with its rollback."""

    why: str = Field(default="", max_length=300)


class DrillAnswered(Model):
    """It runs, or ends; how it is is told by `/api/drills`."""

    drill: str
    run: str
    """Empty while it waits for a second person."""
    held_until: float | None = None
    """Until when it waits; null where it does not."""
