"""The latest values of one figure of a path, and their mean: what is measured, apart from whether attempts succeed."""

from collections import deque


class Samples:
    """At most so many, of no more than a certain age; the mean costs the same however many there are."""

    __slots__ = ("_latest", "_sum", "_window_s")

    def __init__(self, count_max: int, window_s: float) -> None:
        self._latest: deque[tuple[float, float]] = deque(maxlen=count_max)
        self._window_s = window_s
        self._sum = 0.0

    def add(self, now_s: float, value: float) -> None:
        """One more; the oldest gives way."""
        if len(self._latest) == self._latest.maxlen:
            self._sum -= self._latest[0][1]
        self._latest.append((now_s, value))
        self._sum += value

    def clear(self) -> None:
        """What was measured says nothing any more."""
        self._latest.clear()
        self._sum = 0.0

    def mean(self, now_s: float) -> tuple[float, int]:
        """The mean, and of how many."""
        latest = self._latest
        while latest and latest[0][0] < now_s - self._window_s:
            self._sum -= latest.popleft()[1]
        if not latest:
            self._sum = 0.0  # what is left of rounding
            return 0.0, 0
        return self._sum / len(latest), len(latest)
