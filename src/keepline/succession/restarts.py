"""When a process that died is started again: at once, unless it dies of itself again and again.

It decides by the clock it is given and starts nothing.
"""

from dataclasses import dataclass
from typing import Final

from keepline.succession.members import Death

DELAYS_S: Final = (0.0, 0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
"""Before a process is started again, by how many times in a row it died young."""
FAILED_START_DELAY_S: Final = 0.5
"""At least, where it could not even be started."""
KILLED_YOUNG_S: Final = 0.5
DIED_YOUNG_S: Final = 30.0
"""Whoever ends of itself before that has a fault; who is killed may have none."""
KILLED_DELAY_MAX_S: Final = 0.1
"""Who is killed from outside, however often, is wanted back; its callers hear the wait."""
ACTIVE_DELAY_MAX_S: Final = 1.0
"""Behind an active process stands another one, which serves by now and should not stand alone for long."""
LOUD_FROM_DEATHS: Final = 3


@dataclass(frozen=True, slots=True)
class NextStart:
    """What follows from a death."""

    delay_s: float
    deaths: int
    """Young ones in a row, this one included."""

    @property
    def is_loop(self) -> bool:
        """It dies again and again, which somebody should hear of."""
        return self.deaths >= LOUD_FROM_DEATHS


class RestartPlan:
    """The deaths of a node's processes, by role, and the starts that are due."""

    __slots__ = ("_deaths", "_due", "_last", "counts")

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        self._last: dict[str, tuple[float, str]] = {}
        self._due: list[tuple[float, str]] = []
        self.counts: dict[str, int] = {}
        """Starts beyond the first, by role."""

    def note_death(self, now_s: float, death: Death) -> NextStart:
        """A process is dead; its successor is due now or, where it keeps dying young, later."""
        young_s = KILLED_YOUNG_S if death.was_killed else DIED_YOUNG_S
        is_young = death.lived_s < young_s and not (death.was_active and death.was_killed)
        self._deaths[death.role] = self._deaths.get(death.role, 0) + 1 if is_young else 0
        most_s = KILLED_DELAY_MAX_S if death.was_killed else ACTIVE_DELAY_MAX_S if death.was_active else DELAYS_S[-1]
        return self._schedule(now_s, death.role, death.how, 0.0, most_s)

    def note_failed_start(self, now_s: float, role: str, what: str) -> NextStart:
        """It could not be started at all."""
        self._deaths[role] = self._deaths.get(role, 0) + 1
        return self._schedule(now_s, role, what, FAILED_START_DELAY_S, DELAYS_S[-1])

    def take_due(self, now_s: float) -> list[str]:
        """The roles to be started now, each named once for each start."""
        due = [role for at_s, role in self._due if at_s <= now_s]
        self._due = [entry for entry in self._due if entry[0] > now_s]
        for role in due:
            self.counts[role] = self.counts.get(role, 0) + 1
        return due

    @property
    def waits(self) -> bool:
        """Whether a start is due later."""
        return bool(self._due)

    def troubles(self, now_s: float) -> list[str]:
        """The roles that have lately kept dying, in words."""
        return [
            f"{role} has ended {deaths} times in a row ({self._last[role][1]}); its log says why"
            for role, deaths in self._deaths.items()
            if deaths >= LOUD_FROM_DEATHS and now_s - self._last[role][0] < DIED_YOUNG_S
        ]

    def _schedule(self, now_s: float, role: str, what: str, least_s: float, most_s: float) -> NextStart:
        self._last[role] = (now_s, what)
        deaths = self._deaths[role]
        delay_s = min(most_s, max(least_s, DELAYS_S[min(deaths, len(DELAYS_S) - 1)]))
        self._due.append((now_s + delay_s, role))
        return NextStart(delay_s, deaths)
