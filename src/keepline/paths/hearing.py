"""Whether somebody who is usually heard of has fallen silent: when to ask, and when no answer is an answer.

Of whom something comes every second one asks after a few seconds of nothing; of whom little is known, when the operator
says. Silence alone proves nothing, and neither does one question: it takes questions in a row that stay without an
answer, to each of its addresses, of somebody who has answered such questions before and of whom nothing else was heard
meanwhile. It refuses to send anything and to know clocks.
"""

from collections.abc import Sequence
from typing import Final

from keepline.model.limits_carriers import PATH_ADDRESSES_MISSED_MAX

Address = tuple[str, int]
"""Host and port."""
MOMENT_S: Final = 0.25
"""What comes closer together counts as heard once: a call brings several messages."""
MOMENTS_MIN: Final = 5
"""Before it is known how often something is heard."""
WEIGHT: Final = 0.1
"""Of the latest gap between two moments."""
QUIET_GAPS: Final = 4.0
"""So many usual gaps are strange,"""
QUIET_S_MIN: Final = 1.0
"""and no less than this."""
MISSES_MIN: Final = 2
"""Questions in a row without an answer."""
MISSES_MIN_DOUBTED: Final = 1
"""The same while a call waits in vain as well."""


class Hearing:
    """What is heard of one; times in seconds of any clock that goes on."""

    __slots__ = ("_gap_s", "_missed", "_moments", "has_answered", "heard_s", "misses")

    def __init__(self) -> None:
        self.heard_s = float("-inf")
        """When it was heard of last, right to `MOMENT_S`."""
        self._gap_s = 0.0
        self._moments = 0
        self.has_answered = False
        """A question, ever."""
        self.misses = 0
        """Questions without an answer since it was heard of last."""
        self._missed: set[Address] = set()

    def heard(self, now_s: float, *, is_answer: bool = False) -> None:
        """Anything came of it; `is_answer`: to a question."""
        self.has_answered |= is_answer
        if self.misses:
            self.misses = 0
            self._missed.clear()
        gap_s = now_s - self.heard_s
        if gap_s < MOMENT_S:
            return
        if self._moments:
            self._gap_s += (gap_s - self._gap_s) * max(WEIGHT, 1.0 / self._moments)
        self._moments += 1
        self.heard_s = now_s

    def missed(self, address: Address) -> None:
        """A question that was sent there has no answer."""
        self.misses += 1
        if len(self._missed) < PATH_ADDRESSES_MISSED_MAX:
            self._missed.add(address)

    def quiet_s(self, every_s: float) -> float:
        """How long nothing may be heard before it is asked; `every_s` where little is known of it, and at most."""
        if self._moments < MOMENTS_MIN:
            return every_s
        return min(every_s, max(QUIET_S_MIN, QUIET_GAPS * self._gap_s))

    def next_of(self, addresses: Sequence[Address]) -> Address:
        """Which one to ask: one that has not been silent yet, if there is any."""
        return next((each for each in addresses if each not in self._missed), addresses[0])

    def is_gone(self, addresses: Sequence[Address], *, is_doubted: bool) -> bool:
        """Whether that no answer comes proves that it is away; `is_doubted`: a call waits in vain, too."""
        least = MISSES_MIN_DOUBTED if is_doubted else MISSES_MIN
        was_asked = self._missed.issuperset(addresses) or len(self._missed) >= PATH_ADDRESSES_MISSED_MAX
        return self.has_answered and was_asked and self.misses >= least
