"""The numbers of one node: who watches their carriers, decides, asks for them to be pointed elsewhere, and tells of it.

A request is on record before it is sent, and made again with its key until somebody says what came of it: so a process
that takes over goes on with it, and the other side does it once. A number has one request at a time. Requests are asked
of a capability of the operation, so that whatever a capability can speak can point numbers.
It looks at everything four times a second, and only where an operation has such numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keepline.call.effects import CallCapability, CapabilityAnswered, Persist, Report
from keepline.call.effects_number import NumberAnswered, PointNumber
from keepline.call.facts.number import NUMBERS, NumberAsked, NumberFact, NumberLeft, NumberPointed, NumberTried
from keepline.call.numbers.book import AWAY, HOME, NumberBook, NumberStanding, key_of
from keepline.call.numbers.deciding import Wanted, is_unwanted, wanted
from keepline.call.numbers.shown import standing_of
from keepline.call.numbers.watching import Watching
from keepline.call.turn import Turn
from keepline.flow.capabilities import (
    Refused,
    Reply,
    Unavailable,
    UseOutcome,
    outcome_words,
    write_outcome,
    write_value,
)
from keepline.model.capability import CapabilityAction
from keepline.model.failover import API, Failover
from keepline.model.limits_numbers import (
    NUMBER_PAUSE_S_MAX,
    NUMBER_PAUSE_S_MIN,
    NUMBER_REFUSED_S_MAX,
    NUMBER_REFUSED_S_MIN,
    NUMBER_WORDS_CHARS_MAX,
)
from keepline.model.operation import Number, Operation
from keepline.paths.inbound import Inbound, InboundView

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

LOOK_EVERY_S: Final = 0.25
SILENT_S: Final = 0.5
"""Beyond its deadline, until an attempt that nobody answers is given up."""
SOON_S: Final = 2.0
"""Until it is looked again whether what was accepted is done."""
DONE_WITHIN_S: Final = 60.0
"""What was accepted, and is not done by then, is asked for again."""


@dataclass(slots=True)
class _Asking:
    """An attempt that is under way."""

    number: str
    request: int
    attempt: int
    is_look: bool
    deadline_s: float


@dataclass(frozen=True, slots=True)
class _Look:
    """It is looked what came of a request, before it is made again."""

    request: int
    until_s: float
    """Until then it is looked again and again."""
    next_at_s: float = 0.0


_NO_LOOK: Final = _Look(0, 0.0)


class Numbers:
    """The part of the exchange that has them."""

    __slots__ = ("_asking", "_exchange", "_looks", "_looks_at_s", "_released", "_schedule", "_step", "book", "watching")

    def __init__(self, exchange: "Exchange", schedule: Callable[[float], None]) -> None:
        """`schedule` asks for `due` at a time."""
        self._exchange = exchange
        self._schedule = schedule
        self.book = NumberBook()
        self.watching = Watching(exchange)
        self._asking: dict[int, _Asking] = {}
        """By the number of the attempt among all of this process, that its answer comes back with."""
        self._step = 0
        self._looks: dict[str, _Look] = {}
        """By the number: of requests that were, or may have been, taken, which is looked at."""
        self._released: set[str] = set()
        """Numbers whose carrier was well since this process has it, so that no person's return holds them any more."""
        self._looks_at_s: float | None = None

    # What it is given -------------------------------------------------------------------------------------------------

    def take(self, book: NumberBook) -> None:
        """Go on with what there is: a process took over. What it had asked for may have been done."""
        self.book = book
        for _, standing in book:
            standing.was_sent = True

    def use(self, operation: Operation) -> None:
        """Have the numbers of this version of the operation."""
        trunks = {trunk.name: trunk for trunk in operation.trunks}
        names: dict[str, None] = {}
        for number in operation.numbers.values():
            if number.failover is not None and number.failover.method == API:
                names |= dict.fromkeys((number.carrier, number.failover.arrives_by))
        self.watching.use(trunks[name] for name in names if name in trunks)
        if len(self.watching) and self._looks_at_s is None:
            self._look_at(0.0)

    def is_stale(self, at_s: float) -> bool:
        """A look was put off."""
        return self._looks_at_s != at_s

    def heard(self, turn: Turn, trunk: str, *, is_call: bool) -> None:
        """A carrier has sent a request."""
        if len(self.watching):
            self.watching.heard(turn.now_s, trunk, is_call=is_call)

    def due(self, turn: Turn) -> None:
        """It is time to look at everything."""
        self._looks_at_s = None
        if not len(self.watching):
            return
        self.watching.look(turn)
        for step, asking in list(self._asking.items()):
            if turn.now_s >= asking.deadline_s:
                del self._asking[step]
                self._came_to_nothing(turn, asking, "no answer within its time", was_sent=True)
        if not self._exchange.draining:
            for name, number in self._operation.numbers.items():
                if number.failover is not None and number.failover.method == API:
                    self._decide(turn, name, number, number.failover)
        self._look_at(turn.now_s + LOOK_EVERY_S)

    def on_wanted(self, turn: Turn, given: PointNumber) -> None:
        """A person wants a number to point somewhere: put it on record, or say why not."""
        turn.emit(NumberAnswered(given.asked, self.point(turn, given)))

    def point(self, turn: Turn, given: PointNumber) -> str:
        """Put it on record that somebody wants it; what is wrong with it where that cannot be."""
        mistake = self._mistake_in(given)
        if not mistake:
            number = self._operation.numbers[given.number]
            assert number.failover is not None
            self._begin(turn, given.number, number.failover, Wanted(given.to, given.why), given.by)
        return mistake

    def on_answered(self, turn: Turn, given: CapabilityAnswered) -> bool:
        """What came of an attempt; False where it is none of ours."""
        if given.call != NUMBERS:
            return False
        asking = self._asking.pop(given.step, None)
        if asking is not None:
            self._judge(turn, asking, given.outcome)
        return True

    def standings(self, now_s: float) -> list[dict[str, object]]:
        """Every number that belongs to a carrier, as people are told."""
        found = []
        for name, number in self._operation.numbers.items():
            if number.carrier or number.failover is not None:
                silent_s = number.failover.silent_s if number.failover is not None else 0.0
                view = self.watching.view(number.carrier, now_s, silent_s)
                found.append(standing_of(name, number, self.book.of(name), view))
        return found

    # Decisions --------------------------------------------------------------------------------------------------------

    @property
    def _operation(self) -> Operation:
        return self._exchange.programs[self._exchange.current].operation

    def _decide(self, turn: Turn, name: str, number: Number, failover: Failover) -> None:
        standing = self.book.of(name)
        home = self.watching.view(number.carrier, turn.now_s, failover.silent_s)
        assert home is not None
        self._tell_of(turn, number.carrier, home)
        if home.inbound is Inbound.ALIVE:
            self._released.add(name)
        if any(each.number == name for each in self._asking.values()):
            return
        if standing.open is not None:
            if is_unwanted(standing, home) and not standing.was_sent:
                self._leave(turn, name, standing, "its reason is gone, and it was never sent")
            elif turn.now_s >= max(standing.next_at_s, self._looks.get(name, _NO_LOOK).next_at_s):
                self._ask(turn, name, failover, standing)
            return
        if turn.now_s < standing.next_at_s:
            return
        other = self.watching.view(failover.arrives_by, turn.now_s, failover.silent_s)
        found = wanted(standing, failover, home, other, turn.now_s, is_released=name in self._released)
        if found is not None:
            self._begin(turn, name, failover, found)

    def _tell_of(self, turn: Turn, carrier: str, view: InboundView) -> None:
        """News of a carrier, once."""
        watched = self.watching.get(carrier)
        if watched is None or watched.was is view.inbound:
            return
        before, watched.was = watched.was, view.inbound
        if view.inbound in (Inbound.DEAD, Inbound.SUSPECT) or before in (Inbound.DEAD, Inbound.SUSPECT):
            words = f"{carrier} was {before.value} for calls to us, and is {view.inbound.value}: {view.evidence}"
            turn.emit(Report("inbound_changed", "", words))

    def _mistake_in(self, given: PointNumber) -> str:
        number = self._operation.numbers.get(given.number)
        if number is None:
            return f"there is no number {given.number!r}; `keepline numbers` says which there are"
        method = number.failover.method if number.failover is not None else "none"
        if number.failover is None or method != API:
            return f"{given.number} is not ours to point: its failover is {method}, not {API}"
        if given.to not in (AWAY, HOME):
            return f"{given.to!r} is neither {AWAY} nor {HOME}"
        words = len(given.why) + len(given.by)
        if not given.why.strip() or not given.by.strip() or words > NUMBER_WORDS_CHARS_MAX:
            return f"say who and why, in up to {NUMBER_WORDS_CHARS_MAX} characters"
        standing = self.book.of(given.number)
        if standing.open is not None and standing.open.to != given.to:
            now = f"{given.number} is asked to point {standing.open.to} at this moment"
            return f"{now} (attempt {standing.attempts + 1}): wait until that is over"
        return ""

    # Requests ---------------------------------------------------------------------------------------------------------

    def _begin(self, turn: Turn, name: str, failover: Failover, found: Wanted, by: str = "") -> None:
        """A request is on record, and made; one for the same that is under way stays as it is."""
        standing = self.book.of(name)
        if standing.open is not None:
            return
        request, target = standing.requests + 1, failover.away if found.to == AWAY else failover.home
        key = key_of(name, request, turn.now_s)
        self._record(turn, NumberAsked(NUMBERS, turn.now_s, name, found.to, target, request, key, found.why, by))
        turn.emit(Report("number_asked", "", f"{name} is to point {found.to} ({target}): {found.why}"))
        self._released.discard(name)
        self._ask(turn, name, failover, standing)

    def _ask(self, turn: Turn, name: str, failover: Failover, standing: NumberStanding) -> None:
        """Make the request, or look what came of it."""
        asked = standing.open
        assert asked is not None
        is_look = self._looks.get(name, _NO_LOOK).request == asked.request
        action_name = failover.look if is_look else failover.action
        action = self._action(failover, action_name)
        if action is None:
            self._leave(turn, name, standing, f"the operation has no {failover.capability}.{action_name} any more")
            return
        self._step += 1
        deadline_s = turn.now_s + action.timeout_s
        attempt = standing.attempts + 1
        self._asking[self._step] = _Asking(name, asked.request, attempt, is_look, deadline_s + SILENT_S)
        arguments = {"number": name} if is_look else {"number": name, "to": asked.target}
        turn.emit(
            CallCapability(
                NUMBERS, self._step, failover.capability, action_name, write_value(arguments), asked.key, deadline_s,
                action.changes, attempt, self._exchange.current,
            )
        )  # fmt: skip

    def _judge(self, turn: Turn, asking: _Asking, outcome: UseOutcome) -> None:
        standing = self.book.of(asking.number)
        asked, number = standing.open, self._operation.numbers.get(asking.number)
        if asked is None or asked.request != asking.request or number is None or number.failover is None:
            return
        failover, told = number.failover, asked.target
        if isinstance(outcome, Reply) and failover.field:
            told = str(outcome.fields.get(failover.field))
        if isinstance(outcome, Reply) and told == asked.target:
            self._done(turn, standing, asking)
        elif asking.is_look:
            self._look_again(turn, asking, failover, standing)
        elif isinstance(outcome, Reply):
            self._looks[asking.number] = _Look(asking.request, turn.now_s + DONE_WITHIN_S)
            self._tried(turn, asking, f"accepted, and it still points to {told}", SOON_S, was_sent=True)
        elif isinstance(outcome, Refused):
            pause_s = min(NUMBER_REFUSED_S_MIN * 2**standing.refusals, NUMBER_REFUSED_S_MAX)
            words = outcome_words(write_outcome(outcome, changes=True))
            self._leave(turn, asking.number, standing, words, turn.now_s + pause_s)
        else:
            words = outcome_words(write_outcome(outcome, changes=True))
            self._came_to_nothing(turn, asking, words, was_sent=not isinstance(outcome, Unavailable))

    def _done(self, turn: Turn, standing: NumberStanding, asking: _Asking) -> None:
        asked, number = standing.open, self._operation.numbers[asking.number]
        assert asked is not None
        self._looks.pop(asking.number, None)
        self._record(turn, NumberPointed(NUMBERS, turn.now_s, asking.number, asked.request, asked.to, asking.attempt))
        if number.failover is not None:
            self.watching.expect_none(number.carrier if asked.to == AWAY else number.failover.arrives_by)
        turn.emit(Report("number_pointed", "", f"{asking.number} points {asked.to} ({asked.target})"))

    def _look_again(self, turn: Turn, asking: _Asking, failover: Failover, standing: NumberStanding) -> None:
        """It does not point where it should: what was accepted is looked at again, else it is asked for again."""
        look = self._looks[asking.number]
        if turn.now_s < look.until_s:
            self._looks[asking.number] = _Look(look.request, look.until_s, turn.now_s + SOON_S)
            return
        del self._looks[asking.number]
        self._ask(turn, asking.number, failover, standing)

    def _came_to_nothing(self, turn: Turn, asking: _Asking, why: str, *, was_sent: bool) -> None:
        standing, number = self.book.of(asking.number), self._operation.numbers.get(asking.number)
        if standing.open is None or standing.open.request != asking.request:
            return
        if number is None or number.failover is None:
            self._leave(turn, asking.number, standing, "the operation does not point it any more")
        elif asking.is_look:
            self._look_again(turn, asking, number.failover, standing)
        else:
            if was_sent and number.failover.look:
                self._looks[asking.number] = _Look(asking.request, turn.now_s)
            pause_s = min(NUMBER_PAUSE_S_MIN * 2 ** min(asking.attempt - 1, 10), NUMBER_PAUSE_S_MAX)
            self._tried(turn, asking, why, pause_s, was_sent=was_sent)

    def _tried(self, turn: Turn, asking: _Asking, why: str, pause_s: float, *, was_sent: bool) -> None:
        names = (asking.number, asking.request, asking.attempt, why)
        self._record(turn, NumberTried(NUMBERS, turn.now_s, *names, was_sent, turn.now_s + pause_s))
        turn.emit(Report("number_waits", "", f"{asking.number}: attempt {asking.attempt}: {why}"))

    def _leave(self, turn: Turn, name: str, standing: NumberStanding, why: str, next_at_s: float = 0.0) -> None:
        self._looks.pop(name, None)
        self._record(turn, NumberLeft(NUMBERS, turn.now_s, name, standing.requests, why, next_at_s))
        turn.emit(Report("number_left", "", f"{name} was not pointed elsewhere: {why}"))

    # Helpers ----------------------------------------------------------------------------------------------------------

    def _record(self, turn: Turn, fact: NumberFact) -> None:
        self.book.note(fact)
        turn.emit(Persist(fact, synced=True))

    def _action(self, failover: Failover, name: str) -> CapabilityAction | None:
        found = self._operation.capabilities.get(failover.capability)
        return found.action(name) if found is not None else None

    def _look_at(self, at_s: float) -> None:
        self._looks_at_s = at_s
        self._schedule(at_s)
