"""What lies between a carrier and those who are far from it: each message takes its time, and some never arrive.

Both ways alike, each message for itself, so that some overtake others. It is about signalling alone.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distance:
    """One way."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    """At most so much more or less, evenly."""
    loss: float = 0.0
    """A share of 1."""


def distance(text: str) -> Distance:
    """`DELAY_MS,JITTER_MS,LOSS`; ValueError says what is wrong."""
    try:
        delay_ms, jitter_ms, loss = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not DELAY_MS,JITTER_MS,LOSS, like 20,7.5,0.005") from None
    if not (0 <= jitter_ms <= delay_ms <= 10_000 and 0 <= loss <= 1):
        raise ValueError(
            f"{text!r}: the jitter is no more than the delay, that 10 s at most, and the loss a share of 1"
        )
    return Distance(delay_ms / 1000, jitter_ms / 1000, loss)


class Way:
    """What is under way."""

    def __init__(self, length: Distance, seed: int) -> None:
        self.length = length
        self.lost = 0
        self._rng = random.Random(seed)
        self._under_way: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def send(self, now_s: float, arrive: Callable[[], None]) -> None:
        """Have it arrive, then or never."""
        length = self.length
        if self._rng.random() < length.loss:
            self.lost += 1
            return
        at_s = now_s + length.delay_s + self._rng.uniform(-length.jitter_s, length.jitter_s)
        if at_s <= now_s:
            arrive()
            return
        self._count += 1
        heapq.heappush(self._under_way, (at_s, self._count, arrive))

    def deliver(self, now_s: float) -> None:
        """What has come all the way."""
        while self._under_way and self._under_way[0][0] <= now_s:
            heapq.heappop(self._under_way)[2]()
