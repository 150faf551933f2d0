"""When a process that died is started again: at once, unless it dies of itself again and again.

It decides by the clock it is given and starts nothing.
"""

import os
import signal
from typing import Final

import structlog

from keepline.node.children import Child

DELAYS_S: Final = (0.0, 0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Before a process is started again, by how many times in a row it died young."""
FAILED_START_DELAY_S: Final = 0.5
"""At least, where it could not even be started."""
KILLED_YOUNG_S: Final = 0.5
DIED_YOUNG_S: Final = 30.0
"""Whoever ends of itself before that has a fault; who is killed may have none."""
KILLED_DELAY_MAX_S: Final = 0.1
"""Who is killed from outside, however often, is wanted back; its callers hear the wait."""
KILLS: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LOUD_FROM_DEATHS: Final = 3
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

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        self._last: dict[str, tuple[float, str]] = {}
        self._due: list[tuple[float, str]] = []
        self.counts: dict[str, int] = {}
        """Starts beyond the first, by role."""

    def note_death(self, now_s: float, child: Child, status: int | None) -> None:
        """A child is dead; its successor is due now or, where it keeps dying young, later."""
        if self._is_young(now_s - child.started_s, child, status):
            self._deaths[child.role] = self._deaths.get(child.role, 0) + 1
        else:
            self._deaths[child.role] = 0
        self._schedule(now_s, child.role, how(status), 0.0, KILLED_DELAY_MAX_S if _was_killed(status) else DELAYS_S[-1])

    def note_failed_start(self, now_s: float, role: str, what: str) -> None:
        """It could not be started at all."""
        self._deaths[role] = self._deaths.get(role, 0) + 1
        self._schedule(now_s, role, what, FAILED_START_DELAY_S)

    def take_due(self, now_s: float) -> list[str]:
        """The roles to be started now, each named once for each start."""
        due = [role for at_s, role in self._due if at_s <= now_s]
        self._due = [entry for entry in self._due if entry[0] > now_s]
        for role in due:
            self.counts[role] = self.counts.get(role, 0) + 1
        return due

    def troubles(self, now_s: float) -> list[str]:
        """The roles that have lately kept dying, in words."""
        return [
            f"{role} has ended {deaths} times in a row ({self._last[role][1]}); its log says why"
            for role, deaths in self._deaths.items()
            if deaths >= LOUD_FROM_DEATHS and now_s - self._last[role][0] < DIED_YOUNG_S
        ]

    def _is_young(self, lived_s: float, child: Child, status: int | None) -> bool:
        if child.state == "active":
            return False
        return lived_s < (KILLED_YOUNG_S if _was_killed(status) else DIED_YOUNG_S)

    def _schedule(self, now_s: float, role: str, what: str, least_s: float, most_s: float = DELAYS_S[-1]) -> None:
        self._last[role] = (now_s, what)
        deaths = self._deaths[role]
        delay_s = min(most_s, max(least_s, DELAYS_S[min(deaths, len(DELAYS_S) - 1)]))
        if deaths >= LOUD_FROM_DEATHS:
            log.error("crash_loop", role=role, deaths=deaths, how=what, next_try_s=delay_s)
        self._due.append((now_s + delay_s, role))


def _was_killed(status: int | None) -> bool:
    """By somebody, and not of itself; nobody tells of an adopted process."""
    return status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in KILLS)
