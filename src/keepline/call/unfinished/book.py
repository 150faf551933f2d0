"""Uses in doubt and work for people, folded from facts: what a process that takes over goes on with.

Each item is known by a name of its own, for a use its idempotency key. The book refuses to know time and effects.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum

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
from keepline.flow.capabilities import Reply, read_outcome
from keepline.model.limits_capabilities import WORK_TRIES_KEPT_MAX

USE, CALL_BROKEN, CALL_FAILED, RUN_FAILED = "use", "call_broken", "call_failed", "run_failed"
CALLBACK_MISSED = "callback"
CONFLICT = "conflict"
"""What an item is about."""
DONE, NOT_DONE, VOID = "done", "not-done", "void"
"""What a person may close one with; void: it needs nothing more, whatever became of it."""
OUTCOMES = (DONE, NOT_DONE, VOID)


class ItemState(Enum):
    """Where an item is in its life."""

    PENDING = "pending"
    """The node finds out by itself."""
    KEPT = "kept"
    """It is promised, and made as soon as that can be."""
    OPEN = "open"
    """A person is needed."""
    RESOLVED = "resolved"
    CLOSED = "closed"


TRANSITIONS: dict[tuple[ItemState | None, type[WorkFact]], ItemState] = {
    (None, UsePending): ItemState.PENDING,
    (None, UseKept): ItemState.KEPT,
    (None, WorkOpened): ItemState.OPEN,
    (ItemState.KEPT, UseTried): ItemState.KEPT,
    (ItemState.KEPT, UseResolved): ItemState.RESOLVED,
    (ItemState.KEPT, WorkOpened): ItemState.OPEN,
    (ItemState.KEPT, WorkClosed): ItemState.CLOSED,
    (ItemState.OPEN, WorkRetried): ItemState.KEPT,
    (ItemState.PENDING, UseTried): ItemState.PENDING,
    (ItemState.PENDING, UseResolved): ItemState.RESOLVED,
    (ItemState.PENDING, WorkOpened): ItemState.OPEN,
    (ItemState.PENDING, WorkClosed): ItemState.CLOSED,
    (ItemState.OPEN, UseResolved): ItemState.OPEN,
    (ItemState.OPEN, WorkClosed): ItemState.CLOSED,
}
"""What may follow. A pair that is absent changes nothing: facts of one item may come from two sides at once."""
LIVE = (ItemState.PENDING, ItemState.KEPT, ItemState.OPEN)
Begun = UsePending | UseKept | WorkOpened
BEGINNINGS = (UsePending, UseKept, WorkOpened)


class WorkItem:
    """One of them, as its facts have it. Only `apply` changes it."""

    __slots__ = ("begun", "closed", "keys", "opened", "resolved", "state", "tries")

    def __init__(self, begun: Begun) -> None:
        self.begun = begun
        self.state = TRANSITIONS[None, type(begun)]
        self.tries: list[UseTried] = []
        """The last ones."""
        self.opened = begun if isinstance(begun, WorkOpened) else None
        self.resolved: UseResolved | None = None
        self.closed: WorkClosed | None = None
        self.keys = 0
        """How often it was refused, and is tried again under another key: the other side has answered for the one."""

    @property
    def id(self) -> str:
        return self.begun.item

    @property
    def key(self) -> str:
        """Its idempotency key now."""
        return f"{self.id}.{self.keys}" if self.keys else self.id

    @property
    def about(self) -> str:
        return self.opened.about if self.opened is not None else USE

    @property
    def why(self) -> str:
        """What it needs somebody for, or is in doubt for."""
        if self.opened is not None:
            return self.opened.why
        return self.tries[-1].why if self.tries else self.begun.why

    @property
    def next_at_s(self) -> float | None:
        """When the node asks again; None where it does not."""
        if self.state is not ItemState.PENDING or not isinstance(self.begun, UsePending):
            return None
        return self.tries[-1].next_at_s if self.tries else self.begun.next_at_s

    @property
    def is_ours(self) -> bool:
        """The node sees to it by itself."""
        return self.state in (ItemState.PENDING, ItemState.KEPT)

    @property
    def is_kept(self) -> bool:
        """It was promised, and needs nobody: the outbox has it."""
        return isinstance(self.begun, UseKept) and self.opened is None

    @property
    def attempts(self) -> int:
        return self.tries[-1].attempt if self.tries else self.begun.attempts

    @property
    def sent_at_s(self) -> float:
        """When the change itself was sent last."""
        return self.tries[-1].sent_at_s if self.tries else self.begun.sent_at_s

    def apply(self, fact: WorkFact) -> bool:
        """Fold one fact; False where it changes nothing."""
        following = TRANSITIONS.get((self.state, type(fact)))
        if following is None or (isinstance(fact, WorkRetried) and not isinstance(self.begun, UseKept)):
            return False
        self.state = following
        if isinstance(fact, UseTried):
            self.tries.append(fact)
            del self.tries[:-WORK_TRIES_KEPT_MAX]
        elif isinstance(fact, UseResolved):
            self.resolved = fact
        elif isinstance(fact, WorkOpened):
            self.opened = fact
        elif isinstance(fact, WorkClosed):
            self.closed = fact
        elif isinstance(fact, WorkRetried):
            self.keys += self.resolved is not None and not isinstance(read_outcome(self.resolved.outcome), Reply)
            self.opened = self.resolved = None
        return True


class WorkBook:
    """Every item that is not finished."""

    __slots__ = ("_counts", "_items")

    def __init__(self, facts: Iterable[object] = ()) -> None:
        """Facts that are not of work are passed over."""
        self._items: dict[str, WorkItem] = {}
        self._counts: Counter[str] = Counter()
        for fact in facts:
            self.note(fact)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[WorkItem]:
        return iter(list(self._items.values()))

    def get(self, item: str) -> WorkItem | None:
        """The item, where it is not finished."""
        return self._items.get(item)

    def note(self, fact: object) -> None:
        """Take notice of a fact, of whatever kind."""
        if isinstance(fact, BEGINNINGS) and fact.item not in self._items:
            item = self._items[fact.item] = WorkItem(fact)
            self._counts[_counted_as(item)] += 1
        elif isinstance(fact, WorkFact):
            found = self._items.get(fact.item)
            before = _counted_as(found) if found is not None else ""
            if found is None or not found.apply(fact):
                return
            self._counts[before] -= 1
            if found.state in LIVE:
                self._counts[_counted_as(found)] += 1
            else:
                del self._items[fact.item]

    def count(self, state: ItemState) -> int:
        """How many are in this state."""
        if state is ItemState.OPEN:
            return sum(self._counts.values()) - self.count(ItemState.PENDING) - self.count(ItemState.KEPT)
        return self._counts[state.value]

    def counts(self) -> dict[str, int]:
        """How many wait, by what for: `pending` and `kept` for the node itself, the others for a person."""
        names = ("pending", "kept", USE, CONFLICT, CALL_BROKEN, CALL_FAILED, RUN_FAILED)
        return dict.fromkeys(names, 0) | {name: count for name, count in self._counts.items() if count}


def _counted_as(item: WorkItem) -> str:
    return item.about if item.state is ItemState.OPEN else item.state.value
