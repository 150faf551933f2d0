"""What is due when: one heap of deadlines, of which those that have lost their reason are passed over.

It refuses to know what a deadline means; who put it there says whether it still stands.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, NamedTuple


class Due(NamedTuple):
    """A deadline: of what kind, of whom, and which of theirs."""

    at_s: float
    kind: str
    key: Any
    timer: Any = None


class Agenda:
    """Deadlines in order; of two at one time the earlier entry is the first."""

    __slots__ = ("_heap", "_is_stale", "_pushed")

    def __init__(self, is_stale: Callable[[Due], bool]) -> None:
        self._is_stale = is_stale
        self._heap: list[tuple[float, int, Due]] = []
        self._pushed = 0

    def add(self, due: Due) -> None:
        """Something is to be done at its time."""
        self._pushed += 1
        heappush(self._heap, (due.at_s, self._pushed, due))

    def next_s(self) -> float | None:
        """When the next one is due; None while nothing waits."""
        heap = self._heap
        while heap and self._is_stale(heap[0][2]):
            heappop(heap)
        return heap[0][0] if heap else None

    def comes_before(self, at_s: float) -> bool:
        """Whether something stands here for an earlier time, with or without a reason: for who looks then anyway."""
        return bool(self._heap) and self._heap[0][0] < at_s

    def pop(self, now_s: float) -> Due | None:
        """The next one whose time has come."""
        while self._heap and self._heap[0][0] <= now_s:
            due = heappop(self._heap)[2]
            if not self._is_stale(due):
                return due
        return None

    def of_kind(self, kind: str) -> list[float]:
        """When those of a kind are due, in no order."""
        return [at_s for at_s, _, due in self._heap if due.kind == kind]
