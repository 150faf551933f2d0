"""The TCP connections of SIP that the supervisor holds, so that none dies with the process that reads it.

It reads and writes nothing. A connection that is closed on both sides is let go of without being told.
"""

import os
import select
import selectors
from collections.abc import Iterable

from keepline.model.limits import STREAMS_MAX


class HeldStreams:
    """Descriptors, each of another connection."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._held: dict[int, int] = {}
        self._connections: set[int] = set()
        # Nothing is asked of it, so only the end of a connection is told.
        self._ends = select.epoll()
        selector.register(self._ends, selectors.EVENT_READ, self._let_go)

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, descriptors: Iterable[int]) -> None:
        """Take descriptors over; those of a connection that is held already are closed."""
        for descriptor in descriptors:
            connection = os.fstat(descriptor).st_ino
            if connection in self._connections or len(self._held) >= STREAMS_MAX:
                os.close(descriptor)
                continue
            self._held[descriptor] = connection
            self._connections.add(connection)
            self._ends.register(descriptor, 0)

    def descriptors(self) -> list[int]:
        """All of them; they stay the holder's."""
        return list(self._held)

    def _let_go(self) -> None:
        for descriptor, _ in self._ends.poll(0):
            self._ends.unregister(descriptor)
            self._connections.discard(self._held.pop(descriptor))
            os.close(descriptor)
