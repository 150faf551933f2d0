"""What an incident is of, how bad it is, and in which mode an operation is: the words that everything else shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

CARRIER: Final = "carrier"
BACK_OFFICE: Final = "back_office"
PAYMENTS: Final = "payments"
SURGE: Final = "surge"
NODE: Final = "node"
SPEECH: Final = "speech"
JOURNAL: Final = "journal"
INCIDENT_KINDS: Final = (CARRIER, BACK_OFFICE, PAYMENTS, SURGE, NODE, SPEECH, JOURNAL)
"""Of incidents: playbooks and messages are chosen by them."""


class Severity(IntEnum):
    """How bad it is; the least number is the worst."""

    CRITICAL = 1
    """A capability is lost, or very many callers feel it."""
    MAJOR = 2
    """Callers feel it."""
    MINOR = 3
    """No caller feels it yet: another path carries, or it is looked at in time."""


class Mode(Enum):
    """In what state the operation is: it selects words and staffing, and never paths."""

    NORMAL = "normal"
    DEGRADED = "degraded"
    """There is an incident."""
    CRISIS = "crisis"
    """There is a critical one."""
    RECOVERY = "recovery"
    """All that there is, is on its way back."""


ANSWERED: Final = "answered"
FLOWS: Final = "flows"
HEARD: Final = "heard"
USES: Final = "uses"


@dataclass(frozen=True, slots=True)
class Objectives:
    """The share of what callers want that is to go well."""

    answered: float = 0.99
    """Calls to us that are not refused for a reason of ours."""
    flows: float = 0.99
    """Flows that do not fail."""
    heard: float = 0.95
    """Answered calls whose line does not fall silent."""
    uses: float = 0.95
    """Uses of a capability that are answered, each capability by itself."""

    def of(self, name: str) -> float:
        """One of them by its name; what has none of its own is a use."""
        return {ANSWERED: self.answered, FLOWS: self.flows, HEARD: self.heard}.get(name, self.uses)


@dataclass(frozen=True, slots=True)
class PathTest:
    """What is asked of a path before it carries callers again; it changes nothing."""

    action: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How what failed comes back."""

    hold_s: float = 60.0
    """How long everything must be well before any caller comes by it again."""
    step_s: float = 30.0
    """How long it must carry each share well before it carries the next."""
    shares: tuple[float, ...] = (0.05, 0.25, 0.5, 1.0)
    """Of new calls that may choose it, one after another."""
    tests: Mapping[str, PathTest] = field(default_factory=dict)
    """By the path's whole name; carriers are tested by calls between `preflight.test_numbers`."""


@dataclass(frozen=True, slots=True)
class IncidentSettings:
    """When something is an incident, how bad it is, and how it ends."""

    objectives: Objectives = Objectives()
    short_s: float = 60.0
    """The window that says that it goes on,"""
    long_s: float = 600.0
    """and the one that says that it matters."""
    burn: float = 8.0
    """So many times what the objective allows, in both windows."""
    bad_min: int = 5
    """Fewer bad ones in a window say nothing."""
    surge_times: float = 3.0
    """So many times the usual calls of a minute are a surge,"""
    surge_calls_min: int = 60
    """where they are so many at least."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Capability -> kind; others are `back_office`, but for those called payments and speech."""
    critical_customers: int = 200
    """So many callers who feel it make it critical,"""
    major_customers: int = 5
    """and so many major."""
    together_s: float = 120.0
    """What fails within this time, and needs the same thing, is one incident."""
    close_after_s: float = 900.0
    """One that nobody commands closes by itself, so long after its gate has passed; 0 never."""
    gate: GateSettings = GateSettings()
    exercise: str = ""
    """The drill that all of this is part of, for a node that was started for one; empty in earnest."""
