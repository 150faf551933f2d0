"""Which processes are alive but do nothing. A hung one is killed, and only its death hands on what it held."""

import time

from keepline.node.children import Child
from keepline.node.processes import ProcessId, is_stopped
from keepline.node.slots import Slots

MEDIA_STOPPED_AFTER_S = 0.1
MEDIA_HUNG_AFTER_S = 1.0
CALLS_STOPPED_AFTER_S = 0.15
CALLS_HUNG_AFTER_S = 1.0
CALLS_HUNG_ALONE_AFTER_S = 5.0
"""Without a warm process nothing is won by haste."""
OWN_DELAY_MAX_S = 0.4
"""When we ourselves were not run for so long, the others' heartbeats prove nothing; they have their full time again."""
STATE_LOOK_EVERY_S = 0.5


class Watch:
    """Judges heartbeats."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._looked_s = time.monotonic()
        self._slept_until_s = 0.0
        self._condemned: set[ProcessId] = set()
        self._state_looked_s = self._looked_s

    def hung(self, now_s: float, children: list[Child]) -> list[tuple[Child, str]]:
        """The children to be killed now, each named once, with the reason."""
        since_s, self._looked_s = now_s - self._looked_s, now_s
        if since_s > OWN_DELAY_MAX_S:
            self._slept_until_s = now_s
        self._condemned &= {child.process for child in children}
        has_warm = any(child.state == "warm" for child in children)
        looks_at_states = now_s - self._state_looked_s > STATE_LOOK_EVERY_S
        if looks_at_states:
            self._state_looked_s = now_s
        found = []
        for child in children:
            if child.process in self._condemned:
                continue
            why = self._judge(now_s, child, has_warm)
            if not why and looks_at_states and not _beats(child) and is_stopped(child.process.pid):
                why = "stopped"
            if why:
                self._condemned.add(child.process)
                found.append((child, why))
        return found

    def _judge(self, now_s: float, child: Child, has_warm: bool) -> str:
        if child.role == "media" and child.state:
            silent_s = now_s - max(self._slots.media_heartbeat_s, child.started_s, self._slept_until_s)
            return self._reason(child, silent_s, MEDIA_STOPPED_AFTER_S, MEDIA_HUNG_AFTER_S)
        if child.state == "active":
            silent_s = now_s - max(self._slots.calls_heartbeat_s, child.active_since_s, self._slept_until_s)
            hung_s = CALLS_HUNG_AFTER_S if has_warm else CALLS_HUNG_ALONE_AFTER_S
            return self._reason(child, silent_s, CALLS_STOPPED_AFTER_S, hung_s)
        return ""

    def _reason(self, child: Child, silent_s: float, stopped_s: float, hung_s: float) -> str:
        if silent_s > hung_s:
            return f"no heartbeat for {silent_s:.2f} s"
        if silent_s > stopped_s and is_stopped(child.process.pid):
            return f"stopped, no heartbeat for {silent_s:.2f} s"
        return ""


def _beats(child: Child) -> bool:
    """It has a heartbeat to be judged by; of the others only the kernel's word is looked at."""
    return child.state == "active" or (child.role == "media" and bool(child.state))
