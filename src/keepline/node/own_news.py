"""What a calls process hears of its own node: that the journal is in trouble, that a process died. Its incidents do.

A process that is warm keeps what it hears: whoever takes over from one that died has heard of that death before.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from keepline.call.effects_incident import JournalTroubled, NodeNews, ProcessDied
from keepline.node.control import Message
from keepline.node.incident_commands import died_in

HEARD_S: Final = 10.0
"""What died so long before a process took over is news to it."""
KEPT: Final = 8


class OwnNews:
    """The news of one process."""

    def __init__(self) -> None:
        self._feed: Callable[[NodeNews], object] | None = None
        self._deaths: deque[tuple[float, ProcessDied]] = deque(maxlen=KEPT)
        self._trouble = ("", 0)

    def begin(self, feed: Callable[[NodeNews], object]) -> None:
        """The process is at work: feed it, now and from now on. `feed` must not act at once."""
        self._feed = feed
        for at_s, died in self._deaths:
            if at_s > time.monotonic() - HEARD_S:
                feed(died)

    def died(self, message: Message) -> None:
        """The supervisor tells of a death."""
        self._deaths.append((time.monotonic(), died_in(message)))
        if self._feed is not None:
            self._feed(self._deaths[-1][1])

    def journal(self, what: str, lost: int) -> None:
        """How the journal does; said once until it changes."""
        if self._feed is not None and (what, lost) != self._trouble:
            self._trouble = (what, lost)
            self._feed(JournalTroubled(what, lost))
