"""What is asked about incidents and the mode, and what they tell. Part of `inputs` and `effects`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """A person says that there is an incident; answered with `IncidentAnswered`, as all of these."""

    asked: str
    """Id of the request: asked again, it opens no second one."""
    about: str
    cause: str
    severity: int
    """1 critical, 2 major, 3 minor."""
    capabilities: tuple[str, ...]
    paths: tuple[str, ...]
    by: str
    exercise: str = ""
    """Id of the drill that it belongs to."""


@dataclass(frozen=True, slots=True)
class TakeIncident:
    """Somebody takes command: of one that nobody has, that was offered to them, or, with a reason, any."""

    asked: str
    incident: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OfferIncident:
    """Whoever commands it hands it over to somebody, who has to take it."""

    asked: str
    incident: str
    to: str
    """Empty takes the offer back."""
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class NoteIncident:
    """Something is to stand in the timeline."""

    asked: str
    incident: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class CloseIncident:
    """It is over, somebody says."""

    asked: str
    incident: str
    by: str
    why: str = ""
    override: bool = False
    """Also where the recovery gate has not passed: needs a reason, which is kept."""


@dataclass(frozen=True, slots=True)
class AddAction:
    """Something is to be done after it, by somebody."""

    asked: str
    incident: str
    what: str
    owner: str
    due_s: float
    by: str


@dataclass(frozen=True, slots=True)
class EndAction:
    """It is done or dropped, or open again."""

    asked: str
    incident: str
    number: int
    state: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class SetMode:
    """The mode, for a while, whatever the incidents are."""

    asked: str
    mode: str
    """Empty: it follows from the incidents again."""
    for_s: float
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class IncidentAnswered:
    """What became of it: it is on record, or cannot be."""

    asked: str
    mistake: str = ""
    incident: str = ""
    """Id of the one that it is about."""


IncidentInput = (
    OpenIncident | TakeIncident | OfferIncident | NoteIncident | CloseIncident | AddAction | EndAction | SetMode
)


@dataclass(frozen=True, slots=True)
class JournalTroubled:
    """What is wrong with the journal; empty when it is well again."""

    what: str
    lost: int = 0
    """Facts that never will be on record."""


@dataclass(frozen=True, slots=True)
class ProcessDied:
    """A process of the node died of itself, or again and again."""

    role: str
    deaths: int
    """Young ones in a row; 0 for a single one."""
    how: str


NodeNews = JournalTroubled | ProcessDied
