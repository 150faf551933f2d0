"""How long a path usually takes to be heard of, and how long nothing may be heard of it before another one is asked.

Both waits follow the path's own figures and have bounds: a quick path is not waited for long, a slow one is not doubted
for being slow, and one of which little is known gets the most. It refuses to count what never came: that is a failure.
"""

from bisect import insort
from collections import deque
from typing import Final

from keepline.model.limits_carriers import PATH_DELAYS_MAX

DELAYS_MIN: Final = 20
"""Fewer say nothing of a p99."""
TIMES_P99: Final = 4.0
SILENCE_S_MIN: Final = 0.1
SILENCE_S_MAX: Final = 0.5
RINGING_S_MIN: Final = 1.5
RINGING_S_MAX: Final = 6.0


class Delays:
    """The latest delays of one kind, in seconds."""

    __slots__ = ("_in_order", "_latest")

    def __init__(self) -> None:
        self._latest: deque[float] = deque()
        self._in_order: list[float] = []

    def __len__(self) -> int:
        return len(self._latest)

    def add(self, delay_s: float) -> None:
        """One more; the oldest gives way."""
        if len(self._latest) == PATH_DELAYS_MAX:
            self._in_order.remove(self._latest.popleft())
        self._latest.append(delay_s)
        insort(self._in_order, delay_s)

    def copy(self) -> "Delays":
        """Another one that knows the same."""
        other = Delays()
        other._latest, other._in_order = self._latest.copy(), self._in_order.copy()
        return other

    @property
    def p99_s(self) -> float | None:
        """None while there are too few."""
        if len(self._in_order) < DELAYS_MIN:
            return None
        return self._in_order[min(len(self._in_order) - 1, len(self._in_order) * 99 // 100)]


def silence_s(p99_s: float | None) -> float:
    """How long nothing at all may be heard, not even 100, by the p99 of first responses."""
    return _bounded(p99_s, SILENCE_S_MIN, SILENCE_S_MAX)


def ringing_s(p99_s: float | None) -> float:
    """How long it may take to ring, counted from the INVITE, by the p99 of the post-dial delay."""
    return _bounded(p99_s, RINGING_S_MIN, RINGING_S_MAX)


def _bounded(p99_s: float | None, least_s: float, most_s: float) -> float:
    return most_s if p99_s is None else min(most_s, max(least_s, TIMES_P99 * p99_s))
