"""What people do who do not get through: they call again, try the other number, tell others, and in the end give up.

Pure: no clock and no chance of its own. A `Customer` is somebody with a wish, who may need several calls for it; a
`Rush` is how many more call because they have heard that something is wrong.
"""

import random
from collections import deque
from dataclasses import dataclass, field

SERVED = ("done", "hung up", "gave up")
"""How a call ends whose caller is content, or left by their own will."""
REDIALS_AFTER_S = (2.0, 6.0)
OTHER_NUMBER_SHARE = 0.6
"""Of those who call again the first time; from then on everybody tries one number after the other."""
ALARMED_BY = 3
"""So many who fail within `ALARM_S` are talked about."""
ALARM_S = 10.0
CHECKS = "wants_a_person"
"""The persona of somebody who was cut off while something was being done for them: has it been done?"""


@dataclass(slots=True)
class Customer:
    """Somebody who wants something, from the first call to the last."""

    number: int
    persona: str
    line: int
    """Of the numbers that they know, the one they dial first."""
    rng: random.Random
    begun_s: float
    """By the monotonic clock."""
    begun_at: float
    """By the clock on the wall."""
    tries: int = 1

    def next_line(self, lines: int) -> int:
        """Which number they dial now."""
        if lines > 1 and (self.tries > 1 or self.rng.random() < OTHER_NUMBER_SHARE):
            return (self.line + 1) % lines
        return self.line

    def again(self, how: str, tries_max: int, lines: int) -> float | None:
        """How a call ended, and in how many seconds the next one follows; None where none does."""
        if how in SERVED or self.tries >= tries_max:
            return None
        self.line = self.next_line(lines)
        self.tries += 1
        first, last = REDIALS_AFTER_S
        return first + (last - first) * self.rng.random()


@dataclass(slots=True)
class Rush:
    """Word gets round: `factor` is how many times as many call as usual."""

    most: float = 1.0
    surge: float = 1.0
    """So many times as many call until `surge_until_s`, for whatever reason."""
    surge_until_s: float = 0.0
    _failed: deque[float] = field(default_factory=lambda: deque(maxlen=ALARMED_BY))

    def failed(self, now_s: float) -> None:
        """Somebody did not get through."""
        self._failed.append(now_s)

    def factor(self, now_s: float) -> float:
        """`most` while enough have failed lately, else 1."""
        is_talked_about = len(self._failed) == ALARMED_BY and now_s - self._failed[0] <= ALARM_S
        return max(self.most if is_talked_about else 1.0, self.surge if now_s < self.surge_until_s else 1.0)
