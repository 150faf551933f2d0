"""How a node ends: no new calls, live ones finish within a limit, then everything goes. Asked twice, it goes now."""

import signal
import time
from typing import TYPE_CHECKING

import structlog

from keepline.node.children import Child
from keepline.node.processes import send_signal

if TYPE_CHECKING:
    from keepline.node.supervisor import Supervisor

GOODBYE_LIMIT_S = 3.0
"""For the BYEs of calls that outlast the drain limit, and then for processes to end by themselves."""
SETTLE_S = 0.3
"""The count of live calls is that old at most, and a call may have begun in the same moment."""
log = structlog.get_logger("supervisor")


class Shutdown:
    """The last phase of a supervisor, driven by its clock."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self._phase = ""
        self._until_s = 0.0
        self._settled_s = 0.0

    @property
    def has_begun(self) -> bool:
        return self._phase != ""

    @property
    def is_ending(self) -> bool:
        """Nobody waits for calls any more, and no process is started again."""
        return self._phase in ("goodbye", "ending")

    @property
    def limit_s(self) -> float:
        """The most that what has begun may still take."""
        return max(0.0, self._until_s - time.monotonic()) + 2 * GOODBYE_LIMIT_S

    @property
    def is_over(self) -> bool:
        """No process is left."""
        return self._phase == "ending" and not self._supervisor.children

    def ask(self, *, now: bool) -> None:
        """Begin, or hurry what has begun."""
        if now:
            if self._phase in ("", "draining"):
                self._enter("goodbye", GOODBYE_LIMIT_S)
            elif self._phase == "goodbye":
                self._enter("ending", GOODBYE_LIMIT_S)
        elif not self._phase:
            self._enter("draining", self._supervisor.settings.drain_limit_s)

    def tick(self, now_s: float) -> None:
        """Go on where the phase's work is done or its time is up."""
        live = self._supervisor.holdings.slots.live_calls
        has_calls = self._supervisor.find("calls") is not None
        if now_s < self._settled_s:
            return
        if self._phase == "draining" and (live == 0 or now_s >= self._until_s):
            self._enter("goodbye" if live else "ending", GOODBYE_LIMIT_S)
        elif self._phase == "goodbye" and (live == 0 or now_s >= self._until_s or not has_calls):
            self._enter("ending", GOODBYE_LIMIT_S)
        elif self._phase == "ending" and now_s >= self._until_s:
            for child in self._supervisor.children:
                send_signal(child.process, signal.SIGKILL)

    def remind(self, child: Child) -> None:
        """A process that has just registered, or become active, learns what phase it lives in."""
        if child.role == "calls" and child.state == "active" and self._phase in ("draining", "goodbye"):
            self._supervisor.tell(child, {"op": "drain"})
            if self._phase == "goodbye":
                self._supervisor.tell(child, {"op": "hang_up_all"})

    def _enter(self, phase: str, limit_s: float) -> None:
        self._phase = phase
        self._until_s = time.monotonic() + limit_s
        self._settled_s = time.monotonic() + SETTLE_S
        log.info("stopping", phase=phase, limit_s=limit_s)
        for child in self._supervisor.children:
            if phase == "ending":
                send_signal(child.process, signal.SIGTERM)
                send_signal(child.process, signal.SIGCONT)
            else:
                self.remind(child)
