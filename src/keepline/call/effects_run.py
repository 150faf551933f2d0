"""What the core and the shell tell each other of runs: inputs and effects. Frozen values.

The effects of a run are carried out once all facts before them are synced, and not while the journal is in trouble:
nobody is on the line, so nothing is lost by waiting.
"""

from dataclasses import dataclass

from keepline.call.facts import Fact
from keepline.call.facts.run import EventTold
from keepline.flow.capabilities import Value

Variables = tuple[tuple[str, Value], ...]
"""What a run is started with, or an event tells: names and values, text where a command gave them."""

# Effects --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadDue:
    """Ask the index which runs are due; the shell answers with `RunsDue`."""

    after: tuple[float, str]
    """Due time and id of the last one that was told of."""
    until_s: float


@dataclass(frozen=True, slots=True)
class ReadWaiting:
    """Ask the index who waits for something; the shell answers with `WaitersRead`."""

    subject: str


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """Ask the journal for all facts of a run, a call or an event; the shell answers with `FactsRead`."""

    id: str


@dataclass(frozen=True, slots=True)
class RestRun:
    """Tell, by `RunRested`, that everything so far is synced: the run may leave memory."""

    run: str
    facts: int
    """How many facts it had: one that has more by then stays."""


@dataclass(frozen=True, slots=True)
class RunAnswered:
    """What became of a `StartRun` or a `TellEvent`: it is on record, or cannot be."""

    asked: str
    """The id that the command gave."""
    id: str = ""
    """Of the run, or of the event; with a key the run is the one that has it."""
    mistake: str = ""
    known: bool = False
    """It was on record before."""


RunEffect = ReadDue | ReadWaiting | ReadFacts | RestRun | RunAnswered

# Inputs ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunsAdopted:
    """This process has the runs of the node from now on."""

    kept: tuple[EventTold, ...]
    """Events that nobody has heard."""


@dataclass(frozen=True, slots=True)
class RunsDue:
    """Runs that are due, in order."""

    runs: tuple[str, ...]
    last: tuple[float, str] | None
    """Where to go on; None where these were all."""
    next_s: float | None = None
    """When the next run is due that is not asked for yet; None where none is, or these were not all."""


@dataclass(frozen=True, slots=True)
class WaitersRead:
    """Who waits for something, on disk."""

    subject: str
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactsRead:
    """All facts of an id; none where it is unknown."""

    id: str
    facts: tuple[Fact, ...]
    problem: str = ""
    """Why they cannot be used, where that is so."""


@dataclass(frozen=True, slots=True)
class RunRested:
    """Everything of a run up to so many facts is synced."""

    run: str
    facts: int


@dataclass(frozen=True, slots=True)
class StartRun:
    """A command wants a run; one whose id is known is not made twice."""

    flow: str
    id: str
    key: str = ""
    variables: Variables = ()


@dataclass(frozen=True, slots=True)
class TellEvent:
    """A command tells of an event; one whose id is known is not told twice."""

    event: str
    key: str
    id: str
    variables: Variables = ()


RunInput = RunsAdopted | RunsDue | WaitersRead | FactsRead | RunRested | StartRun | TellEvent
