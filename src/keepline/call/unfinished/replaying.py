"""Kept changes are made once their path takes them: in the order of their series, once each, conflicts for people.

A path that takes nothing is tried with one change alone, again and again; once it takes one, the others follow. An
attempt is no fact, only that it came to nothing: after a crash it is made again under the same key. So what is kept is
only what the other side does once for one key. The machine works on the book alone, as `resolving` does.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call.agenda import Due
from keepline.call.facts.work import UseKept, UseResolved, UseTried, WorkFact, WorkOpened
from keepline.call.turn import Turn
from keepline.call.unfinished.book import CONFLICT, ItemState, WorkBook, WorkItem
from keepline.flow.capabilities import Refused, Reply, Unavailable, UseOutcome, outcome_words, write_outcome
from keepline.model.capability import CapabilityAction, Outbox
from keepline.model.limits_capabilities import KEPT_FAILURES_MAX, KEPT_PAUSE_S_MAX, KEPT_PAUSE_S_MIN

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

SILENT_S = 0.5
"""Beyond its deadline, until an attempt that nobody answers is given up."""
PREFIX = "kept "
"""Of the agenda's keys of paths that changes are kept for."""
OfficeKey = tuple[str, str]
"""Capability, path."""


@dataclass(slots=True)
class _Asked:
    attempt: int
    deadline_s: float


@dataclass(slots=True)
class _Office:
    """One path that changes are kept for."""

    series: dict[str, deque[str]] = field(default_factory=dict)
    """Items in the order in which they are made, by what they are about."""
    ready: deque[str] = field(default_factory=deque)
    """In turn, those of `is_ready`, and some that were."""
    is_ready: set[str] = field(default_factory=set)
    """Those with something to make and nothing under way."""
    asked: dict[str, _Asked] = field(default_factory=dict)
    """Attempts under way, by item."""
    is_up: bool = False
    """It took the last one."""
    down_since_s: float = 0.0
    next_at_s: float | None = None
    """When it is tried next."""
    made: int = 0

    def wait(self, series: str) -> None:
        """It has its turn behind the others."""
        if series not in self.is_ready:
            self.is_ready.add(series)
            self.ready.append(series)

    def next(self) -> str | None:
        """Whose turn it is."""
        while self.ready and self.ready[0] not in self.is_ready:
            self.ready.popleft()
        return self.ready[0] if self.ready else None


class Replaying:
    """The part of the exchange that makes what is kept."""

    __slots__ = ("_exchange", "_failures", "_leave", "_offices", "book")

    def __init__(self, exchange: "Exchange", leave: Callable[[Turn, WorkFact], None]) -> None:
        """`leave` puts a fact on record and has it noted."""
        self._exchange = exchange
        self._leave = leave
        self.book = WorkBook()
        self._offices: dict[OfficeKey, _Office] = {}
        self._failures: dict[str, tuple[int, int]] = {}
        """Of an item: how often it failed while others were made, and how many had been made then."""

    def take(self, book: WorkBook, now_s: float) -> None:
        """Go on with what there is: a process took over."""
        self.book = book
        for item in book:
            if item.state is ItemState.KEPT:
                self.add(item, now_s)

    def holds(self, capability: str, path: str, series: str) -> bool:
        """Something of this series is kept, so that what comes now has to wait behind it."""
        office = self._offices.get((capability, path))
        return office is not None and bool(office.series.get(series))

    def add(self, item: WorkItem, now_s: float) -> None:
        """It is kept from here on."""
        begun = item.begun
        assert isinstance(begun, UseKept)
        key = (begun.capability, begun.path)
        office = self._offices.get(key)
        if office is None:
            office = self._offices[key] = _Office(down_since_s=now_s)
        series = office.series.setdefault(begun.series, deque())
        series.append(item.id)
        if len(series) == 1:
            office.wait(begun.series)
        if office.next_at_s is None and not office.asked:
            self._again(key, office, now_s + KEPT_PAUSE_S_MIN)

    def forget(self, item: WorkItem) -> None:
        """It is kept no more."""
        begun = item.begun
        office = self._offices.get((begun.capability, begun.path)) if isinstance(begun, UseKept) else None
        if office is None or not isinstance(begun, UseKept):
            return
        office.asked.pop(item.id, None)
        self._failures.pop(item.id, None)
        series = office.series.get(begun.series)
        if series is None or item.id not in series:
            return
        was_head = series[0] == item.id
        series.remove(item.id)
        if not series:
            del office.series[begun.series]
            office.is_ready.discard(begun.series)
        elif was_head:
            office.wait(begun.series)

    # Time ---------------------------------------------------------------------------------------------------------

    def is_stale(self, due: Due) -> bool:
        """Whether a deadline has lost its reason."""
        if due.key.startswith(PREFIX):
            return self._office_of(due.key).next_at_s != due.at_s
        asked = self._asked_of(due.key)
        return asked is None or asked.deadline_s != due.at_s

    def due(self, turn: Turn, key: str) -> None:
        """It is time to try a path, or to wait no longer for an answer."""
        if key.startswith(PREFIX):
            office = self._office_of(key)
            office.next_at_s = None
            self._pump(turn, self._key_of(key), office)
            return
        item, asked = self.book.get(key), self._asked_of(key)
        if item is not None and asked is not None:
            self._judge(turn, item, Unavailable("no answer within its time"))

    def on_answered(self, turn: Turn, item: WorkItem, given: fx.CapabilityAnswered) -> bool:
        """An answer to an attempt of ours; False where it is somebody else's."""
        asked = self._asked_of(item.id)
        if asked is None or asked.attempt != given.attempt:
            return False
        self._judge(turn, item, given.outcome)
        return True

    # Attempts -----------------------------------------------------------------------------------------------------

    def _pump(self, turn: Turn, key: OfficeKey, office: _Office) -> None:
        """Begin what may be under way now: one change while the path is away, one of each series once it is back."""
        at_once = self._at_once(key)
        while (series := office.next()) is not None and len(office.asked) < (at_once if office.is_up else 1):
            item = self.book.get(office.series[series][0])
            assert item is not None
            assert isinstance(item.begun, UseKept)
            if turn.now_s >= item.begun.until_s:
                self._conflict(turn, item, f"it was kept for {turn.now_s - item.begun.at_s:.0f} s, and is not taken")
                continue
            action = self._action_of(item.begun)
            if action is None:
                what = f"the operation has no {item.begun.capability}.{item.begun.action} any more"
                self._conflict(turn, item, what)
                continue
            office.is_ready.discard(series)
            office.ready.popleft()
            self._ask(turn, office, item, action)

    def _ask(self, turn: Turn, office: _Office, item: WorkItem, action: CapabilityAction) -> None:
        begun = item.begun
        assert isinstance(begun, UseKept)
        deadline_s = turn.now_s + action.timeout_s
        asked = office.asked[item.id] = _Asked(item.attempts + 1, deadline_s + SILENT_S)
        exchange = self._exchange
        operation = begun.operation if begun.operation in exchange.programs else exchange.current
        turn.emit(
            fx.CallCapability(
                begun.call, begun.step, begun.capability, begun.action, begun.arguments, item.key, deadline_s, True,
                asked.attempt, operation, path=begun.path,
            )
        )  # fmt: skip
        exchange.agenda.add(Due(asked.deadline_s, "unfinished", item.id))

    def _judge(self, turn: Turn, item: WorkItem, outcome: UseOutcome) -> None:
        begun = item.begun
        assert isinstance(begun, UseKept)
        key = (begun.capability, begun.path)
        office = self._offices[key]
        asked = office.asked.pop(item.id)
        if not isinstance(outcome, Reply | Refused):
            self._came_to_nothing(turn, item, office, asked, outcome_words(write_outcome(outcome, changes=True)))
            return
        office.is_up, office.made = True, office.made + 1
        value, what = write_outcome(outcome, changes=True), f"{begun.capability}.{begun.action}"
        if isinstance(outcome, Refused):
            self._conflict(turn, item, outcome_words(value))
        self._leave(
            turn, UseResolved(begun.call, turn.now_s, item.id, begun.step, what, value, asked.attempt, begun.action)
        )
        turn.emit(fx.Report("use_made", begun.call, f"{what}: {outcome_words(value)}"))
        self._pump(turn, key, office)

    def _came_to_nothing(self, turn: Turn, item: WorkItem, office: _Office, asked: _Asked, why: str) -> None:
        begun = item.begun
        assert isinstance(begun, UseKept)
        key = (begun.capability, begun.path)
        if office.is_up:
            office.is_up, office.down_since_s = False, turn.now_s
        office.wait(begun.series)
        pause_s = min(max(turn.now_s - office.down_since_s, KEPT_PAUSE_S_MIN), KEPT_PAUSE_S_MAX)
        self._again(key, office, turn.now_s + pause_s)
        fact = UseTried(
            begun.call, turn.now_s, item.id, asked.attempt, begun.action, why, turn.now_s, turn.now_s + pause_s
        )
        self._leave(turn, fact)
        failures, made = self._failures.get(item.id, (0, office.made))
        failures += made != office.made
        self._failures[item.id] = (failures, office.made)
        if failures >= KEPT_FAILURES_MAX:
            self._conflict(turn, item, f"it fails again and again, and others are taken: {why}")

    def _conflict(self, turn: Turn, item: WorkItem, why: str) -> None:
        """What was promised cannot be made: somebody has to see to it, and to tell who was promised it."""
        begun = item.begun
        assert isinstance(begun, UseKept)
        self.forget(item)
        self._leave(
            turn,
            WorkOpened(
                begun.call, turn.now_s, item.id, CONFLICT, why, begun.flow, begun.from_number, begun.to_number,
                begun.step, begun.capability, begun.action, begun.arguments, begun.operation, begun.first_at_s,
                item.sent_at_s, item.attempts, path=begun.path,
            ),
        )  # fmt: skip
        what = f"{begun.capability}.{begun.action}"
        turn.emit(fx.Report("work_opened", begun.call, f"{what} was promised, and cannot be made: {why}"))

    def _again(self, key: OfficeKey, office: _Office, at_s: float) -> None:
        office.next_at_s = at_s
        self._exchange.agenda.add(Due(at_s, "unfinished", f"{PREFIX}{key[0]}/{key[1]}"))

    # What it looks up ---------------------------------------------------------------------------------------------

    @staticmethod
    def _key_of(due: str) -> OfficeKey:
        capability, _, path = due.removeprefix(PREFIX).partition("/")
        return capability, path

    def _office_of(self, due: str) -> _Office:
        return self._offices[self._key_of(due)]

    def _asked_of(self, name: str) -> _Asked | None:
        item = self.book.get(name)
        if item is None or not isinstance(item.begun, UseKept):
            return None
        office = self._offices.get((item.begun.capability, item.begun.path))
        return office.asked.get(name) if office is not None else None

    def _action_of(self, begun: UseKept) -> CapabilityAction | None:
        exchange = self._exchange
        program = exchange.programs.get(begun.operation) or exchange.programs.get(exchange.current)
        found = program.operation.capabilities.get(begun.capability) if program is not None else None
        return found.action(begun.action, begun.path) if found is not None else None

    def _at_once(self, key: OfficeKey) -> int:
        program = self._exchange.programs.get(self._exchange.current)
        found = program.operation.capabilities.get(key[0]) if program is not None else None
        boxes = [each.connector for each in found.paths if isinstance(each.connector, Outbox)] if found else []
        return boxes[0].at_once if boxes else 1
