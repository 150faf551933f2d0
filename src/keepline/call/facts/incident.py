"""What is on record of incidents and of the operation's mode. No state of a call follows from it. See `facts`.

`call` holds the incident's id, `INC-20261123-1`: its day (UTC) and its number of that day; of the mode it is `mode`.
"""

from typing import ClassVar

from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.model.frozen import frozen

MODE = "mode"
"""What stands in the place of a call's id in facts of the mode."""


@frozen
class IncidentOpened:
    """Something affects callers, or soon will: found by a detector, or said by a person."""

    kind: ClassVar[str] = "incident_opened.1"
    call: str
    """Id of the incident."""
    at_s: float
    about: str
    """carrier, back_office, payments, surge, node, speech or journal."""
    cause: str
    """In a few words: a path, what several paths share, or what a person says."""
    severity: int
    """1 critical, 2 major, 3 minor."""
    capabilities: tuple[str, ...]
    paths: tuple[str, ...]
    """Those that failed, by their whole names."""
    detector: str
    """path, burn, dead_air, surge, journal, crash_loop or person."""
    evidence: str
    since_s: float
    """When what the evidence speaks of began."""
    customers: int = 0
    """Callers who have felt it so far."""
    exercise: str = ""
    """Id of the drill that it belongs to; empty in earnest."""
    by: str = ""
    """Who opened it; empty for a detector."""
    asked: str = ""
    """Id of the request."""


@frozen
class IncidentChanged:
    """More is known of it: all that is, as it stands from here on."""

    kind: ClassVar[str] = "incident_changed.1"
    call: str
    at_s: float
    cause: str
    severity: int
    capabilities: tuple[str, ...]
    paths: tuple[str, ...]
    customers: int
    detector: str
    """What had the news."""
    evidence: str
    why: str
    """What has changed, in words."""


@frozen
class IncidentMoved:
    """It has come to another phase."""

    kind: ClassVar[str] = "incident_moved.1"
    call: str
    at_s: float
    event: str
    """mitigated, worsened, cleared, failed again or passed."""
    why: str


@frozen
class IncidentNoted:
    """Somebody has written something down."""

    kind: ClassVar[str] = "incident_noted.1"
    call: str
    at_s: float
    text: str
    by: str
    asked: str = ""


@frozen
class IncidentTaken:
    """Somebody commands it from here on: takes it up, or what was offered."""

    kind: ClassVar[str] = "incident_taken.1"
    call: str
    at_s: float
    by: str
    why: str = ""
    """Where it was taken from somebody who had not offered it."""
    before: str = ""
    """Who commanded."""


@frozen
class IncidentOffered:
    """Who commands it offers it to somebody else, who does not command before they take it."""

    kind: ClassVar[str] = "incident_offered.1"
    call: str
    at_s: float
    to: str
    """Empty where an offer is taken back."""
    by: str
    why: str


@frozen
class GateMoved:
    """The recovery gate of an incident has come further, or back to its beginning."""

    kind: ClassVar[str] = "gate_moved.1"
    call: str
    at_s: float
    event: str
    """cleared, tested, held, stepped, loaded or reverted."""
    share: float
    """Of new calls that may choose the paths of the incident from here on, 0 to 1."""
    attempt: int
    """Counts recoveries that were begun, from 1."""
    next_at_s: float
    """Before that no other recovery is begun; 0 where nothing was reverted."""
    why: str


@frozen
class PathTested:
    """What came of the test of a path on its way back."""

    kind: ClassVar[str] = "path_tested.1"
    call: str
    at_s: float
    path: str
    attempt: int
    """Of the recovery."""
    ok: bool
    words: str
    test: str = ""
    """Id of the test call; empty where it was none."""
    test_in: str = ""
    """Of a carrier: id of that which went out by another one and came in by it; empty where there was none."""


@frozen
class IncidentClosed:
    """It is over."""

    kind: ClassVar[str] = "incident_closed.1"
    call: str
    at_s: float
    by: str
    """Empty where it closed by itself: nobody had taken it, and it stayed well."""
    why: str
    overrode: str = ""
    """What was missing, where it was closed in spite of it."""


@frozen
class ModeSet:
    """A person says in which mode the operation is for a while, whatever the incidents are."""

    kind: ClassVar[str] = "mode_set.1"
    call: str
    """Always `mode`."""
    at_s: float
    mode: str
    """normal, degraded, crisis or recovery; empty: it follows from the incidents again."""
    until_s: float
    why: str
    by: str


@frozen
class ModeChanged:
    """The mode is another one than it was."""

    kind: ClassVar[str] = "mode_changed.1"
    call: str
    """Always `mode`."""
    at_s: float
    mode: str
    before: str
    why: str


IncidentFact = (
    IncidentOpened
    | IncidentChanged
    | IncidentMoved
    | IncidentNoted
    | IncidentTaken
    | IncidentOffered
    | GateMoved
    | PathTested
    | IncidentClosed
    | ActionAdded
    | ActionEnded
    | ModeSet
    | ModeChanged
)
INCIDENT_TYPES: tuple[type[IncidentFact], ...] = (
    IncidentOpened,
    IncidentChanged,
    IncidentMoved,
    IncidentNoted,
    IncidentTaken,
    IncidentOffered,
    GateMoved,
    PathTested,
    IncidentClosed,
    ActionAdded,
    ActionEnded,
    ModeSet,
    ModeChanged,
)
