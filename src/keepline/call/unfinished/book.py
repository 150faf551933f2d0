"""Uses in doubt and work for people, folded from facts: what a process that takes over goes on with.

Each item is known by a name of its own, for a use its idempotency key. The book refuses to know time and effects.
"""

from collections.abc import Iterable, Iterator
from enum import Enum

from keepline.call.facts.work import UsePending, UseResolved, UseTried, WorkClosed, WorkFact, WorkOpened
from keepline.model.limits_capabilities import WORK_TRIES_KEPT_MAX

USE, CALL_BROKEN, CALL_FAILED, RUN_FAILED = "use", "call_broken", "call_failed", "run_failed"
"""What an item is about."""
DONE, NOT_DONE, VOID = "done", "not-done", "void"
"""What a person may close one with; void: it needs nothing more, whatever became of it."""
OUTCOMES = (DONE, NOT_DONE, VOID)


class ItemState(Enum):
    """Where an item is in its life."""

    PENDING = "pending"
    """The node finds out by itself."""
    OPEN = "open"
    """A person is needed."""
    RESOLVED = "resolved"
    CLOSED = "closed"


TRANSITIONS: dict[tuple[ItemState | None, type[WorkFact]], ItemState] = {
    (None, UsePending): ItemState.PENDING,
    (None, WorkOpened): ItemState.OPEN,
    (ItemState.PENDING, UseTried): ItemState.PENDING,
    (ItemState.PENDING, UseResolved): ItemState.RESOLVED,
    (ItemState.PENDING, WorkOpened): ItemState.OPEN,
    (ItemState.PENDING, WorkClosed): ItemState.CLOSED,
    (ItemState.OPEN, UseResolved): ItemState.OPEN,
    (ItemState.OPEN, WorkClosed): ItemState.CLOSED,
}
"""What may follow. A pair that is absent changes nothing: facts of one item may come from two sides at once."""
LIVE = (ItemState.PENDING, ItemState.OPEN)


class WorkItem:
    """One of them, as its facts have it. Only `apply` changes it."""

    __slots__ = ("begun", "closed", "opened", "resolved", "state", "tries")

    def __init__(self, begun: UsePending | WorkOpened) -> None:
        self.begun = begun
        self.state = TRANSITIONS[None, type(begun)]
        self.tries: list[UseTried] = []
        """The last ones."""
        self.opened = begun if isinstance(begun, WorkOpened) else None
        self.resolved: UseResolved | None = None
        self.closed: WorkClosed | None = None

    @property
    def id(self) -> str:
        return self.begun.item

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
    def attempts(self) -> int:
        return self.tries[-1].attempt if self.tries else self.begun.attempts

    @property
    def sent_at_s(self) -> float:
        """When the change itself was sent last."""
        return self.tries[-1].sent_at_s if self.tries else self.begun.sent_at_s

    def apply(self, fact: WorkFact) -> bool:
        """Fold one fact; False where it changes nothing."""
        following = TRANSITIONS.get((self.state, type(fact)))
        if following is None:
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
        return True


class WorkBook:
    """Every item that is not finished."""

    __slots__ = ("_items",)

    def __init__(self, facts: Iterable[object] = ()) -> None:
        """Facts that are not of work are passed over."""
        self._items: dict[str, WorkItem] = {}
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
        if isinstance(fact, UsePending | WorkOpened) and fact.item not in self._items:
            self._items[fact.item] = WorkItem(fact)
        elif isinstance(fact, WorkFact):
            found = self._items.get(fact.item)
            if found is not None and found.apply(fact) and found.state not in LIVE:
                del self._items[fact.item]

    def count(self, state: ItemState) -> int:
        """How many are in this state."""
        return sum(item.state is state for item in self._items.values())

    def counts(self) -> dict[str, int]:
        """How many wait, by what for: `pending` for the node itself, the others for a person."""
        found = {"pending": self.count(ItemState.PENDING), USE: 0, CALL_BROKEN: 0, CALL_FAILED: 0, RUN_FAILED: 0}
        for item in self._items.values():
            if item.state is ItemState.OPEN:
                found[item.about] = found.get(item.about, 0) + 1
        return found
