"""Facts of runs, which are flows without a caller, and of the events that are told to them. See `facts`.

`call` holds the id of the run, or of the event. The facts of a run, folded in order, give its state, as those of a call
do; the index that says which runs are due follows from them too (`call.runs.index`).
"""

from typing import ClassVar

from keepline.model.frozen import frozen


@frozen
class RunStarted:
    """A run is to be made, or is asked for again: of several with one id the first alone counts."""

    kind: ClassVar[str] = "run_started.1"
    call: str
    """Id of the run: r and 15 hex digits; of one with a key they follow from its flow and its key."""
    at_s: float
    flow: str
    key: str
    operation: str
    """Digest of the version it began with, and ends with."""
    parent: str
    """Id of the call or the run that started it; empty where a command did."""
    parent_step: int
    variables: str
    """JSON, as `keepline.flow.capabilities` writes it."""


@frozen
class RunWaiting:
    """A step of the run waits: for time, an event, a run or a call. It may be said again."""

    kind: ClassVar[str] = "run_waiting.1"
    call: str
    at_s: float
    step: int
    subject: str
    """event NAME KEY, run ID or call ID; empty where it waits for time alone."""
    until_s: float | None
    """When it has waited long enough; none where it waits for ever."""


@frozen
class RunUseStarted:
    """A run is about to ask for a change; synced before it is asked."""

    kind: ClassVar[str] = "run_use_started.1"
    call: str
    at_s: float
    step: int
    capability: str
    action: str
    """What the flow wants."""
    asks: str
    """What is asked: the action itself, or the one that tells what became of it."""
    arguments: str
    attempt: int
    """1 the first time."""
    deadline_s: float
    first_at_s: float = 0.0
    """When the first attempt began."""
    sent_at_s: float = 0.0
    """When the action itself, and not what tells of it, was asked last."""
    path: str = ""
    """Of a change that has several: the one that it is asked of."""
    path_attempt: int = 1
    """The first attempt at that path."""
    why: str = ""
    """Why the path before was left."""


@frozen
class RunStepEnded:
    """A verb of the run's flow has its result; synced before the next step begins."""

    kind: ClassVar[str] = "run_step_ended.1"
    call: str
    at_s: float
    step: int
    verb: str
    fingerprint: str
    outcome: str
    value: str
    began_at_s: float
    reason: str = ""
    """How it ended; of a use: what was asked; of an event that was heard: its id."""
    attempts: int = 1


@frozen
class RunEnded:
    """The run is over."""

    kind: ClassVar[str] = "run_ended.1"
    call: str
    at_s: float
    ending: str
    """returned, raised, changed, broken or set_aside."""
    error: str
    value: str
    """What its flow returned, JSON."""
    outcome: str = ""
    """What the flow noted last."""


@frozen
class EventTold:
    """Somebody outside told of an event; it is kept until a run hears it."""

    kind: ClassVar[str] = "event_told.1"
    call: str
    """Id of the event, made by who told it: e and 15 hex digits."""
    at_s: float
    event: str
    key: str
    variables: str
    """JSON."""


@frozen
class EventForgotten:
    """An event that nobody has waited for gave way to newer ones."""

    kind: ClassVar[str] = "event_forgotten.1"
    call: str
    at_s: float
    event: str
    key: str


RunFact = RunStarted | RunWaiting | RunUseStarted | RunStepEnded | RunEnded | EventTold | EventForgotten
RUN_TYPES: tuple[type[RunFact], ...] = (
    RunStarted,
    RunWaiting,
    RunUseStarted,
    RunStepEnded,
    RunEnded,
    EventTold,
    EventForgotten,
)
