"""An upgrade: the calls processes change to another version of the operation, and of the code, while calls go on.

What comes when is decided by `succession.upgrades`; here are the processes, the person who asks and the log. Supervisor
and media stay as they are: their change is a restart.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from keepline.node.children import Child
from keepline.node.control import Message
from keepline.node.processes import send_signal
from keepline.succession.upgrades import UpgradeNews, UpgradeOutcome, UpgradePlan

if TYPE_CHECKING:
    from keepline.node.supervisor import Supervisor

log = structlog.get_logger("supervisor")

UNWRITTEN = (
    "the disk takes nothing, and what it should have taken is in the memory of the process that an upgrade ends; "
    "mend the disk first: keepline status says what is wrong"
)


class Upgrade:
    """The supervisor's part that changes versions, one at a time."""

    def __init__(self, supervisor: "Supervisor", reply: Callable[[socket.socket, Message], None]) -> None:
        self._supervisor = supervisor
        self._reply = reply
        self._plan: UpgradePlan[Child] = UpgradePlan(self)
        self._asks: socket.socket | None = None
        self.trouble = ""
        """An upgrade that was taken back, in words; empty once another one worked."""

    def ask(self, connection: socket.socket, message: Message) -> Message | None:
        """Begin; None where the answer comes later."""
        supervisor, digest = self._supervisor, str(message.get("operation", ""))
        if supervisor.state != "running":
            return {"ok": False, "error": f"the node is {supervisor.state}; a running one can be upgraded"}
        if not self._plan.is_free:
            return {"ok": False, "error": "another upgrade is under way"}
        active = supervisor.find("calls", "active")
        if active is None:
            return {"ok": False, "error": "no calls process is active just now; try again in a moment"}
        if active.journal.get("waiting"):
            return {"ok": False, "error": UNWRITTEN}
        self._asks = connection
        self._plan.begin(time.monotonic(), supervisor.digest, digest)
        return None

    def forget(self, connection: socket.socket) -> None:
        """Who asked is gone; the upgrade goes on."""
        if self._asks is connection:
            self._asks = None

    def note_start(self, child: Child, *, is_new: bool) -> None:
        """A calls process was started, of the new version or of the one in use."""
        self._plan.note_start(child, is_new=is_new)

    def note_state(self, child: Child) -> None:
        """A process has registered, or become active."""
        if child.role == "calls":
            self._plan.note_state(time.monotonic(), child)

    def owns_death(self, child: Child, status: int | None) -> bool:
        """Whether this death is part of the upgrade, so that nobody is started for it here and now."""
        return self._plan.owns_death(child, by_itself=_ended_by_itself(status))

    def tick(self, now_s: float) -> None:
        """Mind the limits."""
        self._plan.tick(now_s)

    def tidy(self) -> None:
        """After an adoption: end what the supervisor before was upgrading to, or from, where it waits in vain."""
        for child in self._plan.tidy(self._supervisor.digest):
            log.warning("surplus_ended", pid=child.process.pid, operation=child.operation)

    # As `succession.upgrades` wants it ------------------------------------------------------------------------------

    def calls(self) -> list[Child]:
        """The calls processes that nobody has seen dead yet."""
        return [child for child in self._supervisor.children if child.role == "calls"]

    def start(self, version: str = "") -> None:
        """Start a calls process."""
        self._supervisor.start("calls", version)

    def step_down(self, member: Child) -> None:
        """Tell the active process to end."""
        self._supervisor.tell(member, {"op": "stop"})

    def end(self, member: Child) -> None:
        """Kill a process."""
        send_signal(member.process, signal.SIGKILL)

    def use(self, version: str) -> None:
        """Whoever is started from now on is of this version."""
        self._supervisor.digest = version

    def renew_helpers(self) -> None:
        """Desk and speech are started again at once, as they now are on disk."""
        for role in ("desk", "speech"):
            helper = self._supervisor.find(role)
            if helper is not None:
                send_signal(helper.process, signal.SIGKILL)

    def tell(self, news: UpgradeNews) -> None:
        """Say what became of it, to who asked as well."""
        after = news.after
        if news.outcome is UpgradeOutcome.DONE:
            self.trouble = ""
            took_ms = round(news.took_s * 1000)
            log.warning("upgraded", before=news.before, after=after, took_ms=took_ms)
            self._answer({"ok": True, "operation": after, "took_ms": took_ms})
        elif news.outcome is UpgradeOutcome.REFUSED:
            log.error("upgrade_refused", why=news.why, operation=after)
            self._answer({"ok": False, "error": news.why})
        else:
            self.trouble = f"the upgrade to operation {after} was taken back: {news.why}; the log says more"
            log.error("upgrade_taken_back", why=news.why, operation=after, back_to=news.before)

    def _answer(self, message: Message) -> None:
        if self._asks is not None:
            self._reply(self._asks, message)
        self._asks = None


def _ended_by_itself(status: int | None) -> bool:
    """It was not killed from outside."""
    return status is None or not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
