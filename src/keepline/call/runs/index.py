"""What the index of runs says, as it follows from facts: who is due when, who waits for what, which events are kept.

Each fact makes a few changes, as values, which a table in a database and one in a simulation apply alike. The index
decides nothing: a run that it wakes in vain looks at its facts and waits again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from keepline.call.facts import Fact
from keepline.call.facts.run import EventForgotten, EventTold, RunEnded, RunStarted, RunStepEnded, RunWaiting
from keepline.flow.runs import event_subject

AT_WORK_S = 0.0
"""Due time of a run that is at work: whoever has the node next goes on with it at once."""
CALL = "call "
"""How the subject begins of who waits for a call: it is looked at again by every process."""
WAITING_VERBS = frozenset(("wait", "wait_for", "join", "call_out"))


@dataclass(frozen=True, slots=True)
class AddRun:
    """A run is there; one that is known stays as it is."""

    started: RunStarted


@dataclass(frozen=True, slots=True)
class SetRun:
    """A run waits, or is at work."""

    run: str
    due_s: float | None
    """None: not before something else happens."""
    subject: str
    since_s: float


@dataclass(frozen=True, slots=True)
class EndRun:
    """A run is over."""

    run: str
    at_s: float
    ending: str


@dataclass(frozen=True, slots=True)
class MakeDue:
    """Whoever waits for this is due now."""

    subject: str
    at_s: float
    only_first: bool
    """The one that waits longest."""


@dataclass(frozen=True, slots=True)
class KeepEvent:
    """An event is there that nobody has heard; one that is known stays as it is."""

    told: EventTold


@dataclass(frozen=True, slots=True)
class DropEvent:
    """An event was heard, or gave way."""

    id: str


IndexChange = AddRun | SetRun | EndRun | MakeDue | KeepEvent | DropEvent


def is_plain_step(fact: Fact) -> bool:
    """Whether it is the end of a step that waited for nothing, as most facts of runs are: it changes nothing here."""
    return type(fact) is RunStepEnded and fact.verb not in WAITING_VERBS


def changes_of(fact: Fact) -> Iterator[IndexChange]:
    """What a fact changes in the index."""
    if isinstance(fact, RunStepEnded):
        if fact.verb in WAITING_VERBS:
            yield SetRun(fact.call, AT_WORK_S, "", fact.at_s)
            if fact.verb == "wait_for" and fact.reason.startswith("e"):
                yield DropEvent(fact.reason)
    elif isinstance(fact, RunStarted):
        yield AddRun(fact)
    elif isinstance(fact, RunWaiting):
        due_s = AT_WORK_S if fact.subject.startswith(CALL) else fact.until_s
        yield SetRun(fact.call, due_s, fact.subject, fact.at_s)
    elif isinstance(fact, RunEnded):
        yield EndRun(fact.call, fact.at_s, fact.ending)
        yield MakeDue(f"run {fact.call}", fact.at_s, only_first=False)
    elif isinstance(fact, EventTold):
        yield KeepEvent(fact)
        yield MakeDue(event_subject(fact.event, fact.key), fact.at_s, only_first=True)
    elif isinstance(fact, EventForgotten):
        yield DropEvent(fact.call)
