"""How many TCP connections there may be, and from whom: counts and decisions, no sockets.

A trunk's peer or a user may have many, a stranger hardly any and not for long; past that they are closed as they come.
"""

from collections import Counter

from keepline.model.limits import (
    STRANGER_STREAMS_MAX,
    STRANGER_STREAMS_PER_SOURCE_MAX,
    STREAMS_MAX,
    STREAMS_PER_SOURCE_MAX,
)


class ConnectionBook:
    """The connections of one node by their hosts."""

    __slots__ = ("_by_host", "_strangers", "_total")

    def __init__(self) -> None:
        self._by_host: Counter[str] = Counter()
        self._strangers = 0
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def refusal(self, host: str, *, is_known: bool) -> str:
        """Why one more connection of this host is too many; "" where it is not."""
        if self._total >= STREAMS_MAX:
            return f"there are {STREAMS_MAX} TCP connections"
        if not is_known and self._strangers >= STRANGER_STREAMS_MAX:
            return f"there are {STRANGER_STREAMS_MAX} TCP connections of strangers"
        limit = STREAMS_PER_SOURCE_MAX if is_known else STRANGER_STREAMS_PER_SOURCE_MAX
        if self._by_host[host] >= limit:
            return f"{host} has {limit} TCP connections"
        return ""

    def add(self, host: str, *, is_known: bool) -> None:
        """One more."""
        self._by_host[host] += 1
        self._total += 1
        self._strangers += not is_known

    def remove(self, host: str, *, is_known: bool) -> None:
        """One less."""
        self._by_host[host] -= 1
        if not self._by_host[host]:
            del self._by_host[host]
        self._total -= 1
        self._strangers -= not is_known
