"""Looks for processes that hang: heartbeats are in media's memory, states the kernel's. It decides nothing itself."""

import time

from keepline.node.children import Child
from keepline.node.processes import is_suspended
from keepline.node.slots import Slots
from keepline.succession.members import Heartbeats
from keepline.succession.watch import HungSearch


class Watch:
    """Looks at this node's children."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._search = HungSearch(time.monotonic())

    def hung(self, now_s: float, children: list[Child]) -> list[tuple[Child, str]]:
        """The children to be killed now, each named once, with the reason."""
        beats = Heartbeats(self._slots.media_heartbeat_s, self._slots.calls_heartbeat_s)
        return self._search.look(now_s, children, beats, lambda child: is_suspended(child.process.pid))
