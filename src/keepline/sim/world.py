"""Virtual time: what is to happen, in order, and the randomness that decides all of it."""

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any

from keepline.model.errors import LocalError
from keepline.model.limits import SIM_EVENTS_MAX

BEGAN_S = 1_700_000_000.0
"""Node time of a world's beginning."""


class World:
    """A clock, and what is due on it."""

    __slots__ = ("_due", "_events", "_pushed", "now_s", "random")

    def __init__(self, seed: int) -> None:
        self.now_s = BEGAN_S
        self.random = Random(seed)
        self._due: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._pushed = 0
        self._events = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self.now_s - BEGAN_S

    def at(self, at_s: float, do: Callable[..., None], *given: Any) -> None:
        """Do something at a node time; what is due at one instant happens in the order of these calls."""
        self._pushed += 1
        heappush(self._due, (max(at_s, self.now_s), self._pushed, do, given))

    def after(self, wait_s: float, do: Callable[..., None], *given: Any) -> None:
        """Do something so many seconds from now."""
        self._pushed += 1
        heappush(self._due, (self.now_s + wait_s, self._pushed, do, given))

    @property
    def next_s(self) -> float:
        """When something is due next; infinity where nothing is."""
        return self._due[0][0] if self._due else inf

    def forget_events(self) -> None:
        """Count anew: it is known that all of this does not go round in circles, but takes long."""
        self._events = 0

    def run(self, until_s: float) -> None:
        """Let everything happen that is due up to then. Raises `LocalError` where it does not come to rest."""
        due, events = self._due, self._events
        while due and due[0][0] <= until_s:
            events += 1
            if events > SIM_EVENTS_MAX:
                raise LocalError(f"more than {SIM_EVENTS_MAX} events: something goes round in circles")
            self.now_s, _, do, given = heappop(due)
            do(*given)
        self._events = events
        self.now_s = until_s
