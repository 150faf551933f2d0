"""Wait statuses for whoever decides about restarts, and a loud word where a process dies again and again."""

import os
import signal
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from keepline.node.children import Child
from keepline.node.control import Message
from keepline.node.incident_commands import DIED
from keepline.succession.members import Death
from keepline.succession.restarts import NextStart, RestartPlan

KILLS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
log = structlog.get_logger("supervisor")


def how(status: int | None) -> str:
    """A wait status in words; empty where there is none: an adopted process is somebody else's child."""
    if status is None:
        return ""
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit {os.WEXITSTATUS(status)}"


class Restarts:
    """The deaths of a node's processes, by role, and the starts that are due."""

    def __init__(self, children: Sequence[Child] = (), tell: Callable[[Child, Message], None] | None = None) -> None:
        """The calls processes among the children are told of deaths, since they have the incidents."""
        self._children, self._tell = children, tell
        self._plan = RestartPlan()
        self.counts = self._plan.counts
        self.take_due = self._plan.take_due
        self.troubles = self._plan.troubles

    def note_death(self, now_s: float, child: Child, status: int | None) -> None:
        """A child is dead; its successor is due now or, where it keeps dying young, later."""
        lived_s, was_active = now_s - child.started_s, child.state == "active"
        death = Death(child.role, was_active, lived_s, _was_killed(status), how(status))
        start = self._plan.note_death(now_s, death)
        _say(death.role, death.how, start)
        news: Message = {"op": DIED, "role": death.role, "deaths": start.deaths * start.is_loop, "how": death.how}
        for each in self._children if self._tell is not None else ():
            if each.role == "calls" and self._tell is not None:
                self._tell(each, news)

    def note_failed_start(self, now_s: float, role: str, what: str) -> None:
        """It could not be started at all."""
        _say(role, what, self._plan.note_failed_start(now_s, role, what))


def _say(role: str, what: str, start: NextStart) -> None:
    if start.is_loop:
        log.error("crash_loop", role=role, deaths=start.deaths, how=what, next_try_s=start.delay_s)


def _was_killed(status: int | None) -> bool:
    """By somebody, and not of itself; nobody tells of an adopted process."""
    return status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in KILLS)
