"""An upgrade: the calls processes change to another version of the operation, and of the code, while calls go on.

The new version proves itself first: a process of it must start, import the flows and be warm. Then the old standby
goes, the active process steps down, and the kernel's lock passes to the new one. Where that does not serve, or ends of
itself soon after, the old version is back. Supervisor and media stay as they are: their change is a restart.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Final

import structlog

from keepline.node.children import Child
from keepline.node.control import Message
from keepline.node.processes import send_signal

if TYPE_CHECKING:
    from keepline.node.supervisor import Supervisor

WARM_LIMIT_S: Final = 30.0
"""For the new version to start and to import its flows."""
SWITCH_LIMIT_S: Final = 10.0
"""For the active process to write out what it has and to end."""
PROBATION_S: Final = 30.0
"""A process of the new version that ends of itself before that takes the new version with it."""
log = structlog.get_logger("supervisor")

UNWRITTEN = (
    "the disk takes nothing, and what it should have taken is in the memory of the process that an upgrade ends; "
    "mend the disk first: keepline status says what is wrong"
)


class Stage(Enum):
    """Where an upgrade is."""

    NONE = "none"
    WARMING = "warming"
    """The new version is starting; nothing has changed yet."""
    SWITCHING = "switching"
    """The active process steps down."""
    PROBATION = "probation"
    """The new version serves."""


FOLLOWS: Final = {
    Stage.NONE: (Stage.WARMING,),
    Stage.WARMING: (Stage.SWITCHING, Stage.PROBATION, Stage.NONE),
    Stage.SWITCHING: (Stage.PROBATION, Stage.NONE),
    Stage.PROBATION: (Stage.WARMING, Stage.NONE),
}


class Upgrade:
    """The supervisor's part that changes versions, one at a time."""

    def __init__(self, supervisor: "Supervisor", reply: Callable[[socket.socket, Message], None]) -> None:
        self._supervisor = supervisor
        self._reply = reply
        self.stage = Stage.NONE
        self._asks: socket.socket | None = None
        self._before = self._after = ""
        self._old: set[int] = set()
        """Process ids of the version before; the two may be of one operation."""
        self._doomed: set[int] = set()
        """Those that were ended on purpose; nobody is started in their place."""
        self._limit_s = self._began_s = 0.0
        self.trouble = ""
        """An upgrade that was taken back, in words; empty once another one worked."""

    def ask(self, connection: socket.socket, message: Message) -> Message | None:
        """Begin; None where the answer comes later."""
        supervisor, digest = self._supervisor, str(message.get("operation", ""))
        if supervisor.state != "running":
            return {"ok": False, "error": f"the node is {supervisor.state}; a running one can be upgraded"}
        if self.stage not in (Stage.NONE, Stage.PROBATION):
            return {"ok": False, "error": "another upgrade is under way"}
        active = supervisor.find("calls", "active")
        if active is None:
            return {"ok": False, "error": "no calls process is active just now; try again in a moment"}
        if active.journal.get("waiting"):
            return {"ok": False, "error": UNWRITTEN}
        self._before, self._after, self._asks = supervisor.digest, digest, connection
        self._old = {child.process.pid for child in supervisor.children}
        self._began_s = time.monotonic()
        self._enter(Stage.WARMING, WARM_LIMIT_S)
        supervisor.start("calls", digest)
        if not self._processes(new=True):
            self._give_up("no process of the new version could be started; the log says why")
        return None

    def forget(self, connection: socket.socket) -> None:
        """Who asked is gone; the upgrade goes on."""
        if self._asks is connection:
            self._asks = None

    def note_start(self, child: Child, *, is_new: bool) -> None:
        """A calls process was started; before the new version serves, whoever is replaced is of the old one."""
        if self.stage in (Stage.WARMING, Stage.SWITCHING) and not is_new:
            self._old.add(child.process.pid)

    def note_state(self, child: Child) -> None:
        """A process has registered, or become active."""
        if self.stage is Stage.NONE or child.role != "calls" or child.process.pid in self._old:
            return
        if child.state == "active" and self.stage in (Stage.WARMING, Stage.SWITCHING):
            self._serve()
        elif self.stage is Stage.WARMING and child.state == "warm":
            self._switch()

    def owns_death(self, child: Child, status: int | None) -> bool:
        """Whether this death is part of the upgrade, so that nobody is started for it here and now."""
        if child.process.pid in self._doomed:
            self._doomed.discard(child.process.pid)
            return True
        if self.stage is Stage.NONE or child.role != "calls":
            return False
        is_new = child.process.pid not in self._old
        if self.stage is Stage.PROBATION:
            if is_new and _ended_by_itself(status):
                self._take_back("the new version ended of itself")
                return True
            return not is_new
        if is_new:
            self._give_up("the process of the new version ended before it served; the log says why")
            return True
        return self.stage is Stage.SWITCHING

    def tick(self, now_s: float) -> None:
        """Mind the limits."""
        if self.stage is Stage.NONE or now_s < self._limit_s:
            return
        if self.stage is Stage.PROBATION:
            self._enter(Stage.NONE, 0.0)
        elif self.stage is Stage.WARMING:
            self._give_up(f"the new version was not warm within {WARM_LIMIT_S:g} s")
        else:  # it neither ends nor lets go of the lock: the kernel will
            for child in self._processes(new=False):
                self._end(child)
            self._limit_s = now_s + SWITCH_LIMIT_S

    def _switch(self) -> None:
        """The new version waits for the lock: nobody else may, and then its holder lets go."""
        self._enter(Stage.SWITCHING, SWITCH_LIMIT_S)
        for child in self._processes(new=False):
            if child.state == "active":
                self._supervisor.tell(child, {"op": "stop"})
            else:
                self._end(child)

    def _serve(self) -> None:
        supervisor = self._supervisor
        supervisor.digest = self._after
        self.trouble = ""
        self._enter(Stage.PROBATION, PROBATION_S)
        for child in self._processes(new=False):  # one that was granted nothing
            self._end(child)
        supervisor.start("calls")
        for role in ("desk", "speech"):  # they are started again at once, as they now are on disk
            helper = supervisor.find(role)
            if helper is not None:
                send_signal(helper.process, signal.SIGKILL)
        took_ms = round((time.monotonic() - self._began_s) * 1000)
        log.warning("upgraded", before=self._before, after=self._after, took_ms=took_ms)
        self._answer({"ok": True, "operation": self._after, "took_ms": took_ms})

    def _give_up(self, why: str) -> None:
        """Before the new version served: the old one goes on, or comes back."""
        switching = self.stage is Stage.SWITCHING
        self._enter(Stage.NONE, 0.0)
        for child in self._processes(new=True):
            self._end(child)
        log.error("upgrade_refused", why=why, operation=self._after)
        if switching:
            self._bring_back()
        self._answer({"ok": False, "error": why})

    def _take_back(self, why: str) -> None:
        """After it served: the old version comes back, and the calls of both go on with it."""
        self._enter(Stage.NONE, 0.0)
        self._supervisor.digest = self._before
        self.trouble = f"the upgrade to operation {self._after} was taken back: {why}; the log says more"
        log.error("upgrade_taken_back", why=why, operation=self._after, back_to=self._before)
        for child in self._processes(new=True):
            self._end(child)
        self._bring_back()

    def _bring_back(self) -> None:
        there = [child for child in self._processes(new=False) if child.process.pid not in self._doomed]
        for _ in range(2 - len(there)):
            self._supervisor.start("calls")

    def _answer(self, message: Message) -> None:
        if self._asks is not None:
            self._reply(self._asks, message)
        self._asks = None

    def _end(self, child: Child) -> None:
        self._doomed.add(child.process.pid)
        send_signal(child.process, signal.SIGKILL)

    def _processes(self, *, new: bool) -> list[Child]:
        calls = [child for child in self._supervisor.children if child.role == "calls"]
        return [child for child in calls if (child.process.pid not in self._old) is new]

    def _enter(self, stage: Stage, limit_s: float) -> None:
        assert stage in FOLLOWS[self.stage], (self.stage, stage)
        self.stage = stage
        self._limit_s = time.monotonic() + limit_s


def _ended_by_itself(status: int | None) -> bool:
    """It was not killed from outside."""
    return status is None or not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
