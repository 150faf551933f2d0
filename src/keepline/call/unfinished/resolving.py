"""Uses in doubt are found out, after their calls: asked again with longer and longer pauses, until a limit.

The machine works on the book alone, so it goes on in whatever process has the book. An attempt is no fact, only that
it came to nothing: after a crash it is made again, which is what a key, or a question, is there for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keepline.call import effects as fx
from keepline.call.agenda import Due
from keepline.call.effects_work import CloseWork, RetryWork, WorkAnswered, WorkCounted
from keepline.call.facts.work import (
    UseKept,
    UsePending,
    UseResolved,
    UseTried,
    WorkClosed,
    WorkFact,
    WorkOpened,
    WorkRetried,
)
from keepline.call.turn import Turn
from keepline.call.unfinished.book import OUTCOMES, USE, Begun, ItemState, WorkBook, WorkItem
from keepline.call.unfinished.doubt import key_of, way_out
from keepline.call.unfinished.replaying import PREFIX, Replaying
from keepline.flow.capabilities import (
    NOT_FOUND,
    Refused,
    Reply,
    Unavailable,
    UseOutcome,
    outcome_words,
    without_secrets,
    write_outcome,
)
from keepline.model.capability import CapabilityAction
from keepline.model.limits_capabilities import PENDING_PAUSE_S_MAX, PENDING_PAUSE_S_MIN, WORK_WORDS_CHARS_MAX

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

SILENT_S = 0.5
"""Beyond its deadline, until an attempt that nobody answers is given up."""
NOT_DONE_AFTER_ALL = "it is certain now that nothing was done, and who wanted it knows of a doubt alone"
NEVER_HAD = "the other side never had it: nothing was done"


@dataclass(slots=True)
class _Asked:
    attempt: int
    asks: str
    at_s: float
    deadline_s: float


class Resolving:
    """The part of the exchange that sees to what calls leave unfinished."""

    __slots__ = ("_asked", "_exchange", "book", "replaying")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.book = WorkBook()
        self._asked: dict[str, _Asked] = {}
        """Attempts under way."""
        self.replaying = Replaying(exchange, self._leave)

    @property
    def handlers(self) -> dict[type, Callable[[Turn, Any], None]]:
        """What people ask of it."""
        return {CloseWork: self.close, RetryWork: self.retry}

    def take(self, book: WorkBook, now_s: float) -> None:
        """Go on with what there is: a process took over."""
        self.book = book
        for item in book:
            self._schedule(item)
        self.replaying.take(book, now_s)

    def note(self, turn: Turn) -> None:
        """Take notice of what the turn leaves."""
        before = self.book.counts()
        left, turn.left = turn.left, []
        for fact in left:
            was = self.book.get(fact.item)
            self.book.note(fact)
            item = self.book.get(fact.item)
            if isinstance(fact, UseKept | WorkRetried) and item is not None and item.state is ItemState.KEPT:
                self.replaying.add(item, turn.now_s)
            elif was is not None and isinstance(was.begun, UseKept) and was.state is not ItemState.KEPT:
                self.replaying.forget(was)
            if item is None or item.state is not ItemState.PENDING:
                self._asked.pop(fact.item, None)
            else:
                self._schedule(item)
        counts = self.book.counts()
        if counts != before:
            turn.emit(WorkCounted(tuple(counts.items())))

    def is_stale(self, due: Due) -> bool:
        """Whether a deadline of the agenda has lost its reason."""
        if self._is_kept(due.key):
            return self.replaying.is_stale(due)
        item, asked = self.book.get(due.key), self._asked.get(due.key)
        if asked is not None:
            return due.at_s != asked.deadline_s
        return item is None or item.next_at_s != due.at_s

    def due(self, turn: Turn, name: str) -> None:
        """It is time to ask, or to wait no longer for an answer."""
        if self._is_kept(name):
            self.replaying.due(turn, name)
            return
        item, asked = self.book.get(name), self._asked.get(name)
        if item is None:
            return
        if asked is not None:
            self._came_to_nothing(turn, item, asked, "no answer within its time")
        else:
            self._ask(turn, item)

    def on_answered(self, turn: Turn, given: fx.CapabilityAnswered) -> bool:
        """An answer to an attempt of ours; False where it is somebody else's."""
        if not self.book:
            return False
        name = key_of(given.call, given.step)
        item, asked = self.book.get(name), self._asked.get(name)
        if item is not None and item.state is ItemState.KEPT:
            return self.replaying.on_answered(turn, item, given)
        if item is None or asked is None or asked.attempt != given.attempt:
            return False
        assert isinstance(item.begun, UsePending)
        outcome = self._certain(turn, item, asked, given.outcome)
        if outcome is None:
            self._came_to_nothing(turn, item, asked, outcome_words(write_outcome(given.outcome)))
            return True
        begun = item.begun
        value = write_outcome(outcome, changes=True)
        what = f"{begun.capability}.{begun.action}"
        if not isinstance(outcome, Reply):
            self._open(turn, item, f"{NOT_DONE_AFTER_ALL}: {outcome_words(value)}")
        self._leave(
            turn, UseResolved(begun.call, turn.now_s, item.id, begun.step, what, value, asked.attempt, asked.asks)
        )
        turn.emit(fx.Report("use_resolved", begun.call, f"{what}: {outcome_words(value)}"))
        return True

    def close(self, turn: Turn, given: CloseWork) -> None:
        """A person has seen to an item."""
        item = self.book.get(given.item)
        mistake = _mistake(given)
        if not mistake and item is None:
            mistake = f"no work is open under {given.item}; `keepline work list` says what is"
        if mistake or item is None:
            turn.emit(WorkAnswered(given.item, mistake))
            return
        self._leave(turn, WorkClosed(item.begun.call, turn.now_s, item.id, given.by, given.outcome, given.note))
        turn.emit(WorkAnswered(given.item))

    def retry(self, turn: Turn, given: RetryWork) -> None:
        """A person wants a kept change that is in conflict to be tried again."""
        item = self.book.get(given.item)
        mistake = "" if given.by.strip() else "nobody wants it; say who with --by"
        if len(given.by) > WORK_WORDS_CHARS_MAX:
            mistake = f"the name is longer than {WORK_WORDS_CHARS_MAX} characters"
        if not mistake and (item is None or not isinstance(item.begun, UseKept)):
            mistake = f"nothing is kept under {given.item}; `keepline outbox` says what is"
        if not mistake and item is not None and item.state is ItemState.KEPT:
            mistake = f"{given.item} is in no conflict: it is tried by itself"
        if mistake or item is None:
            turn.emit(WorkAnswered(given.item, mistake))
            return
        self._leave(turn, WorkRetried(item.begun.call, turn.now_s, item.id, given.by))
        turn.emit(WorkAnswered(given.item))

    def _is_kept(self, name: str) -> bool:
        item = self.book.get(name)
        return name.startswith(PREFIX) or (item is not None and item.state is ItemState.KEPT)

    # Attempts -------------------------------------------------------------------------------------------------------

    def _ask(self, turn: Turn, item: WorkItem) -> None:
        begun = item.begun
        found = self._action_of(begun, begun.action)
        asks = way_out(begun.action, found, begun.arguments) if found is not None else ""
        asked = self._action_of(begun, asks) if asks else None
        if asked is None:
            self._give_up(turn, item, f"the operation has no {begun.capability}.{asks or begun.action} to ask any more")
            return
        deadline_s = turn.now_s + asked.timeout_s
        attempt = item.attempts + 1
        self._asked[item.id] = _Asked(attempt, asks, turn.now_s, deadline_s + SILENT_S)
        told = begun.arguments if asks == begun.action else without_secrets(begun.arguments)
        program = self._exchange.programs.get(begun.operation)
        operation = begun.operation if program is not None else self._exchange.current
        turn.emit(
            fx.CallCapability(
                begun.call, begun.step, begun.capability, asks, told, item.id, deadline_s, asked.changes, attempt,
                operation, path=begun.path,
            )
        )  # fmt: skip
        self._exchange.agenda.add(Due(deadline_s + SILENT_S, "unfinished", item.id))

    def _certain(self, turn: Turn, item: WorkItem, asked: _Asked, outcome: UseOutcome) -> UseOutcome | None:
        """What an answer makes certain; None where it leaves the doubt."""
        begun = item.begun
        if asked.asks == begun.action:
            return outcome if isinstance(outcome, Reply | Refused) else None
        action = self._action_of(begun, begun.action)
        if action is None:
            return None
        return told_of(action, asked.asks, outcome, turn.now_s, item.sent_at_s)

    def _came_to_nothing(self, turn: Turn, item: WorkItem, asked: _Asked, why: str) -> None:
        begun = item.begun
        assert isinstance(begun, UsePending)
        del self._asked[item.id]
        sent_at_s = asked.at_s if asked.asks == begun.action else item.sent_at_s
        next_at_s = min(turn.now_s + pause_s(turn.now_s - begun.at_s), max(begun.until_s, turn.now_s))
        fact = UseTried(begun.call, turn.now_s, item.id, asked.attempt, asked.asks, why, sent_at_s, next_at_s)
        self._leave(turn, fact)
        if turn.now_s >= begun.until_s:
            self._give_up(turn, item, why)

    def _give_up(self, turn: Turn, item: WorkItem, why: str) -> None:
        self._open(turn, item, why)
        what = f"{item.begun.capability}.{item.begun.action}"
        turn.emit(fx.Report("work_opened", item.begun.call, f"{what} is in doubt: {why}"))

    def _open(self, turn: Turn, item: WorkItem, why: str) -> None:
        begun = item.begun
        self._leave(
            turn,
            WorkOpened(
                begun.call, turn.now_s, item.id, USE, why, begun.flow, begun.from_number, begun.to_number, begun.step,
                begun.capability, begun.action, begun.arguments, begun.operation, begun.first_at_s, item.sent_at_s,
                item.attempts, path=begun.path,
            ),
        )  # fmt: skip

    def _leave(self, turn: Turn, fact: WorkFact) -> None:
        turn.leave(fact)
        self.note(turn)

    def _action_of(self, begun: Begun, name: str) -> CapabilityAction | None:
        """As the version has it that asked; where that is gone, the one that runs now."""
        exchange = self._exchange
        program = exchange.programs.get(begun.operation) or exchange.programs.get(exchange.current)
        found = program.operation.capabilities.get(begun.capability) if program is not None else None
        return found.action(name, begun.path) if found is not None else None

    def _schedule(self, item: WorkItem) -> None:
        at_s = item.next_at_s
        if at_s is not None:
            self._exchange.agenda.add(Due(at_s, "unfinished", item.id))


def told_of(
    action: CapabilityAction, asks: str, outcome: UseOutcome, now_s: float, sent_at_s: float
) -> UseOutcome | None:
    """What the answer of the action that tells makes certain of a change; None where it leaves the doubt.

    Only `resolve` promises that what it does not find was not done, and only once nothing can be under way any more.
    """
    if isinstance(outcome, Reply):
        return outcome
    is_missing = isinstance(outcome, Refused) and outcome.status in NOT_FOUND
    if is_missing and asks == action.resolve and now_s >= sent_at_s + action.sure_after_s:
        return Unavailable(NEVER_HAD)
    return None


def pause_s(since_s: float) -> float:
    """Until the next attempt: as long as the doubt has lasted, within limits."""
    return min(max(since_s, PENDING_PAUSE_S_MIN), PENDING_PAUSE_S_MAX)


def _mistake(given: CloseWork) -> str:
    if given.outcome not in OUTCOMES:
        return f"{given.outcome!r} is no outcome; write one of {', '.join(OUTCOMES)}"
    if not given.by.strip():
        return "nobody closes it; say who with --by"
    if len(given.by) + len(given.note) > WORK_WORDS_CHARS_MAX:
        return f"name and note are longer than {WORK_WORDS_CHARS_MAX} characters together"
    return ""
