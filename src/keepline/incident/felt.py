"""Who has felt something lately: callers, told apart by their numbers, and by what it was that they felt.

In memory alone, and of this process: how many an incident has, is on record. It keeps no number longer than the long
window, and tells nobody any.
"""

from collections import deque
from collections.abc import Collection

from keepline.model.limits_incidents import FELT_KEPT_MAX


class Felt:
    """What callers felt, the latest minutes of it."""

    __slots__ = ("_felt", "_long_s")

    def __init__(self, long_s: float) -> None:
        self._long_s = long_s
        self._felt: deque[tuple[float, str, str]] = deque(maxlen=FELT_KEPT_MAX)

    def add(self, now_s: float, subject: str, caller: str) -> None:
        """A caller felt that something was wrong: with a path, a capability, or an objective."""
        while self._felt and self._felt[0][0] < now_s - self._long_s:
            self._felt.popleft()
        self._felt.append((now_s, subject, caller))

    def since(self, since_s: float, subjects: Collection[str]) -> int:
        """How many callers have felt any of these since then."""
        return len({caller for at_s, subject, caller in self._felt if at_s >= since_s and subject in subjects})
