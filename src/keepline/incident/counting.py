"""How much of what callers want goes well: counts of the latest minutes, and whether an objective is burnt.

An objective of 99 % allows one in a hundred to go wrong. It is missed where so many times as much goes wrong in a short
window, which says that it goes on, and in a long one, which says that it matters; in each so many at least, since three
of four are no news at night. Source: Google, The Site Reliability Workbook, chapter 5 (multiwindow burn rate).
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PARTS: Final = 20
"""Of the short window: a window moves on by one of them."""


@dataclass(frozen=True, slots=True)
class Burn:
    """What two windows have."""

    bad_short: int
    all_short: int
    bad_long: int
    all_long: int

    @property
    def share(self) -> float:
        """Of the short window, what went wrong."""
        return self.bad_short / self.all_short if self.all_short else 0.0

    def is_missed(self, objective: float, times: float, bad_min: int) -> bool:
        """Whether so many times what the objective allows went wrong, in both."""
        most = min(1.0, times * (1.0 - objective))
        is_enough = self.bad_short >= bad_min and self.bad_long >= bad_min
        return is_enough and self.share >= most and self.bad_long >= most * self.all_long

    def is_well(self, objective: float, times: float) -> bool:
        """Whether no more than half of that went wrong lately: between the two nothing changes."""
        return self.share <= 0.5 * min(1.0, times * (1.0 - objective))


class Ratio:
    """Good and bad ones of two windows."""

    __slots__ = ("_parts", "long_s", "part_s", "short_s")

    def __init__(self, short_s: float, long_s: float) -> None:
        self.short_s, self.long_s = short_s, long_s
        self.part_s = short_s / PARTS
        self._parts: deque[list[float]] = deque()
        """When each part began, how many there were in it, and how many bad ones."""

    def add(self, now_s: float, *, bad: bool, count: int = 1) -> None:
        """So many more."""
        parts = self._parts
        if not parts or now_s >= parts[-1][0] + self.part_s:
            while parts and parts[0][0] < now_s - self.long_s:
                parts.popleft()
            parts.append([now_s, 0, 0])
        parts[-1][1] += count
        parts[-1][2] += count if bad else 0

    def burn(self, now_s: float) -> Burn:
        """What the windows have that end now."""
        while self._parts and self._parts[0][0] < now_s - self.long_s:
            self._parts.popleft()
        every, bad = _sum(self._parts)
        every_short, bad_short = _sum(part for part in self._parts if part[0] >= now_s - self.short_s)
        return Burn(bad_short, every_short, bad, every)

    def is_empty(self, now_s: float) -> bool:
        """Nothing is in the long window."""
        return not self._parts or self._parts[-1][0] < now_s - self.long_s


def _sum(parts: Iterable[list[float]]) -> tuple[int, int]:
    every = bad = 0
    for part in parts:
        every += int(part[1])
        bad += int(part[2])
    return every, bad


class Surge:
    """Whether far more people call than usual: the calls of a minute beside what a minute has had lately.

    What is usual is learnt over the last half hour, in which a morning rises less than twofold; of a process that has
    just begun, over its first minutes. While it surges nothing is learnt.
    """

    LEARNS_S: Final = 1_800.0
    KNOWS_AFTER_S: Final = 120.0
    MINUTE_S: Final = 60.0
    PART_S: Final = 5.0
    CALM: Final = 0.7
    """It is over once there are so much less than it takes to begin."""

    __slots__ = ("_began_s", "_calls", "_learnt_s", "is_on", "minute", "usual")

    def __init__(self) -> None:
        self._calls: deque[list[float]] = deque()
        self._began_s: float | None = None
        self._learnt_s = 0.0
        self.usual = 0.0
        """Calls of a minute."""
        self.minute = 0
        """Of the last one."""
        self.is_on = False

    def add(self, now_s: float, count: int = 1) -> None:
        """So many more have called."""
        if self._began_s is None:
            self._began_s = self._learnt_s = now_s
        if not self._calls or now_s >= self._calls[-1][0] + self.PART_S:
            self._calls.append([now_s, 0])
        self._calls[-1][1] += count

    def is_busy(self, now_s: float) -> bool:
        """Whether time may change what follows."""
        return self.is_on or bool(self._calls and self._calls[-1][0] >= now_s - self.MINUTE_S)

    def look(self, now_s: float, times: float, calls_min: int) -> bool:
        """Whether it surges now."""
        if self._began_s is None:
            return False
        while self._calls and self._calls[0][0] < now_s - self.MINUTE_S:
            self._calls.popleft()
        self.minute = int(sum(count for _, count in self._calls))
        known_s = now_s - self._began_s
        most = max(float(calls_min), times * self.usual)
        if self.is_on:
            self.is_on = self.minute >= self.CALM * most
        elif known_s >= self.KNOWS_AFTER_S:
            self.is_on = self.minute >= most
        if not self.is_on and known_s >= self.MINUTE_S:
            self._learn(now_s, known_s)
        return self.is_on

    def _learn(self, now_s: float, known_s: float) -> None:
        """The older a process, the slower what is usual moves."""
        passed_s, self._learnt_s = now_s - self._learnt_s, now_s
        weight = min(1.0, passed_s / min(self.LEARNS_S, known_s))
        self.usual += (self.minute - self.usual) * weight

    @property
    def words(self) -> str:
        return f"{self.minute} calls in the last minute, where {self.usual:.0f} are usual"
