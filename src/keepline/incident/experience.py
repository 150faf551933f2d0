"""What callers experienced, by the minute: a fold over the facts of calls, by their own times.

It counts what this node saw. A call that no carrier brought was never seen: how many those are is an estimate, made of
what came before (`unseen`), and called one wherever it is shown. Test calls and exercises are nobody's experience.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from keepline.call.carriers.blaming import fault_of
from keepline.call.carriers.causes import Fault
from keepline.call.facts import (
    CallAnswered,
    CallEnded,
    CallLost,
    CallPlaced,
    CallProgressed,
    CallReceived,
    CallRefused,
    Fact,
    FlowFailed,
    LineFellSilent,
    StepEnded,
)
from keepline.call.facts.bid import BidLed, BidPlaced
from keepline.flow.capabilities import Promised, Reply, Unavailable, read_outcome
from keepline.flow.steps import StepOutcome
from keepline.model.limits_desk import EXPERIENCE_CALLERS_MAX, EXPERIENCE_MINUTES_MAX, METRIC_CALLS_MAX

EXPERIENCE_FACTS: Final = (
    CallReceived, CallPlaced, CallProgressed, BidPlaced, BidLed, CallAnswered, CallRefused, CallLost, FlowFailed,
    LineFellSilent, StepEnded, CallEnded,
)  # fmt: skip
MINUTE_S: Final = 60
DELAYED_S: Final = 2.0
"""A caller who hears nothing for so long after the moment at which the call was to be answered was delayed."""
GAVE_UP: Final = 487
USE: Final = "use"
TEST_FLOWS: Final = ("preflight.", "drill.")
"""How the names of flows begin that only test calls run."""


def has_come_of_a_use(fact: StepEnded) -> bool:
    """Whether a step says what came of a use: one whose caller hung up meanwhile says nothing of it."""
    return fact.verb == USE and fact.outcome == StepOutcome.DONE.value


@dataclass(slots=True)
class Minute:
    """What happened to the calls of one minute: each counts in the minute in which it began."""

    at_s: int
    attempts: int = 0
    """Calls that came, and calls that were to be placed."""
    answered: int = 0
    delayed: int = 0
    """Answered, and later than usual: after waiting, or by another carrier than the first that was asked."""
    lost: int = 0
    """Refused by us, cut by their carrier, failed, or not to be placed for want of a carrier."""
    gave_up: int = 0
    """Callers who hung up before they were answered."""
    rerouted: int = 0
    """Answered calls of ours that another carrier carried than the first that was asked."""
    copied: int = 0
    """Questions answered from a copy."""
    deferred: int = 0
    """What was promised, to be done later."""
    denied: int = 0
    """What callers were told that it cannot be had now."""
    arrived: Counter[str] = field(default_factory=Counter)
    """Calls that came, by carrier."""
    provided: set[str] = field(default_factory=set)
    """Capabilities of which something was had,"""
    missed: set[str] = field(default_factory=set)
    """and those of which something could not be had. One that is only here was away for this minute."""


@dataclass(slots=True)
class _Live:
    minute: int
    caller: str
    due_s: float
    """When it was to be answered."""
    is_inbound: bool
    carriers: int = 1
    lead: int = 0
    rang: bool = False
    is_answered: bool = False
    is_lost: bool = False
    fault: Fault | None = None
    """Of the last refusal, of a call that we place."""


class Experience:
    """The minutes, and the people who were not served as usual. `count` takes the facts in order."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[int, Minute] = OrderedDict()
        self._live: OrderedDict[str, _Live] = OrderedDict()
        self._affected: dict[str, float] = {}
        """Caller -> when something was last not as usual."""

    def minutes(self, since_s: float = 0.0, until_s: float = float("inf")) -> list[Minute]:
        """Those that began within, the oldest first; minutes without a call are not among them."""
        return [each for at, each in sorted(self._minutes.items()) if since_s - MINUTE_S < at <= until_s]

    def affected(self, since_s: float) -> int:
        """Callers who were lost, delayed, deferred denied, or on a line that fell silent, since then, each once."""
        return sum(at_s >= since_s for at_s in self._affected.values())

    def count(self, fact: Fact) -> None:
        """One fact."""
        if isinstance(fact, CallReceived | CallPlaced):
            self._begin(fact)
            return
        live = self._live.get(fact.call)
        if live is None:
            return
        if isinstance(fact, CallEnded):
            del self._live[fact.call]
            self._end(live, fact)
        elif isinstance(fact, CallAnswered):
            self._answer(live, fact)
        elif isinstance(fact, BidPlaced):
            live.carriers += 1
        elif isinstance(fact, BidLed):
            live.lead, live.rang = fact.bid, False
        elif isinstance(fact, CallProgressed):
            live.rang = live.rang or fact.status > 100
        elif isinstance(fact, CallRefused):
            live.fault = fault_of(fact, rang=live.rang)
        elif isinstance(fact, CallLost | FlowFailed):
            self._lose(live, fact.at_s)
        elif isinstance(fact, LineFellSilent):
            self._affect(live, fact.at_s)
        elif isinstance(fact, StepEnded) and has_come_of_a_use(fact):
            self._use(live, fact)

    def _begin(self, fact: CallReceived | CallPlaced) -> None:
        if fact.flow.startswith(TEST_FLOWS):
            return
        minute = self._minute(fact.at_s)
        minute.attempts += 1
        if isinstance(fact, CallReceived):
            minute.arrived[fact.carrier] += 1
            live = _Live(minute.at_s, fact.from_number, fact.answer_at_s, True)
        else:
            live = _Live(minute.at_s, fact.to_number, fact.at_s, False)
            if fact.slot < 0:  # it never left
                live.fault = Fault.CARRIER if not fact.carrier else Fault.NOBODY
        self._live[fact.call] = live
        while len(self._live) > METRIC_CALLS_MAX:
            self._live.popitem(last=False)

    def _minute(self, at_s: float) -> Minute:
        at = int(at_s) // MINUTE_S * MINUTE_S
        minute = self._minutes.setdefault(at, Minute(at))
        while len(self._minutes) > EXPERIENCE_MINUTES_MAX:
            self._minutes.popitem(last=False)
        return minute

    def _answer(self, live: _Live, fact: CallAnswered) -> None:
        live.is_answered = True
        minute = self._minute(live.minute)
        minute.answered += 1
        minute.rerouted += not live.is_inbound and live.lead > 0
        if live.carriers > 1 or (live.is_inbound and fact.at_s - live.due_s > DELAYED_S):
            minute.delayed += 1
            self._affect(live, fact.at_s)

    def _end(self, live: _Live, fact: CallEnded) -> None:
        if live.is_answered or live.is_lost:
            return
        if live.is_inbound and fact.sip_status == GAVE_UP:
            self._minute(live.minute).gave_up += 1
        elif live.is_inbound or live.fault is Fault.CARRIER:
            self._lose(live, fact.at_s)

    def _lose(self, live: _Live, at_s: float) -> None:
        if not live.is_lost:
            live.is_lost = True
            self._minute(live.minute).lost += 1
            self._affect(live, at_s)

    def _use(self, live: _Live, fact: StepEnded) -> None:
        minute, outcome = self._minute(fact.at_s), read_outcome(fact.value)
        (minute.missed if isinstance(outcome, Unavailable) else minute.provided).add(fact.reason.partition(".")[0])
        if isinstance(outcome, Reply):
            minute.copied += outcome.age_s > 0
        elif isinstance(outcome, Promised):
            minute.deferred += 1
            self._affect(live, fact.at_s)
        elif isinstance(outcome, Unavailable):
            minute.denied += 1
            self._affect(live, fact.at_s)

    def _affect(self, live: _Live, at_s: float) -> None:
        if live.caller and (live.caller in self._affected or len(self._affected) < EXPERIENCE_CALLERS_MAX):
            self._affected[live.caller] = at_s


def minutes_without(minutes: Iterable[Minute]) -> dict[str, int]:
    """Capability -> the minutes in which it was asked for and nothing of it could be had."""
    found: Counter[str] = Counter()
    for each in minutes:
        found.update(each.missed - each.provided)
    return dict(found)


def unseen(before: list[Minute], since: list[Minute], carriers: frozenset[str], share: float) -> tuple[int, int]:
    """Of callers by `carriers` who were to be expected as before: how many never came by any, and how many came by
    another carrier. `share`: how long `since` lasted, of how long `before` did. An estimate: it takes that for usual.
    """
    usual = sum((each.arrived for each in before), Counter[str]())
    came = sum((each.arrived for each in since), Counter[str]())
    missed = sum(max(0.0, usual[name] * share - came[name]) for name in carriers)
    others = (usual.keys() | came.keys()) - carriers
    more = sum(max(0.0, came[name] - usual[name] * share) for name in others)
    return round(max(0.0, missed - more)), round(min(missed, more))
