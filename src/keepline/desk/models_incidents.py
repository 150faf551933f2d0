"""Incidents as the API has them: what is told, and what is asked."""

from pydantic import BaseModel, ConfigDict, Field

from keepline.desk.people.answering import Asked


class IncidentShown(BaseModel):
    """One incident, as `keepline incident list --json` has it."""

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    cause: str
    severity: int
    worst: int
    phase: str
    capabilities: list[str]
    paths: list[str]
    customers: int
    detectors: list[str]
    evidence: str
    exercise: str
    opened_by: str
    commander: str
    offered_to: str
    since: float
    opened_at: float
    taken_at: float | None
    mitigated_at: float | None
    cleared_at: float | None
    restored_at: float | None
    closed_at: float | None
    closed_by: str
    closed_why: str
    overrode: str
    gate: str
    """waiting, testing, holding, loading or passed."""
    share: float
    """Of new calls that may choose what failed, while the gate is loading."""
    gate_why: str


class ModeShown(BaseModel):
    """The mode of the operation."""

    mode: str
    why: str
    set_by: str
    until: float | None


class IncidentsNow(BaseModel):
    """The incidents, the newest first, and the mode."""

    incidents: list[IncidentShown]
    mode: ModeShown


class IncidentEventShown(BaseModel):
    """One line of a timeline: a fact of the journal."""

    position: int
    at: float
    kind: str
    fields: dict[str, object]
    words: str
    """The same for a person."""


class IncidentWhole(BaseModel):
    """One incident with its timeline."""

    incident: IncidentShown
    timeline: list[IncidentEventShown]


class IncidentAsked(BaseModel):
    """What was asked is on record; or it waits for a second person."""

    incident: str
    held_until: float | None = None
    """Until when it waits; null where it does not."""


class OpenAsked(Asked):
    """Say that there is an incident."""

    kind: str
    cause: str
    severity: int = 2
    capabilities: list[str] = Field(default_factory=list)
    paths: list[str] = Field(default_factory=list)
    exercise: str = ""


class TakeAsked(Asked):
    """Take command; from somebody who has not offered it, with a reason."""

    why: str = ""


class HandOverAsked(Asked):
    """Offer the command; `to` empty takes the offer back."""

    to: str = ""
    why: str = ""


class NoteAsked(Asked):
    """Write something into the timeline."""

    text: str


class CloseAsked(Asked):
    """Close it; before its gate has passed by an override, with a reason."""

    why: str = ""
    override: bool = False


class ModeAsked(Asked):
    """Set the mode for a while; an empty mode has it follow from the incidents again."""

    mode: str = ""
    for_s: float = 3_600.0
    why: str = ""
