"""How paths are and which incidents are open, as Prometheus asks for it: what is now, and one counter of incidents.

Both are known elsewhere: paths by the process that takes calls, incidents by the journal. What cannot be asked just now
is absent, and not zero: nobody should read from a silent node that all is well. A drill's incidents have a label.
"""

from collections import Counter as Tally
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge

from keepline.call.facts import Fact
from keepline.call.facts.incident import IncidentOpened
from keepline.desk.source import Source, Unavailable
from keepline.incident.actions import ActionState
from keepline.incident.book import IncidentBook

INCIDENT_FACTS: Final = (IncidentOpened,)
_HEALTH: Final = {"healthy": 1.0, "degraded": 0.5, "down": 0.0}
_SEVERITIES: Final = (1, 2, 3)


class IncidentMetrics:
    """The counter."""

    def __init__(self, counter: Callable[..., Counter]) -> None:
        self._opened = counter("incidents", "Incidents that were opened.", "kind", "exercise")

    def count(self, fact: Fact) -> None:
        """One fact, in order; those of other things change nothing."""
        if isinstance(fact, IncidentOpened):
            self._opened.labels(fact.about, _yes(fact.exercise)).inc()


class StandingMetrics:
    """The gauges."""

    def __init__(self, gauge: Callable[..., Gauge]) -> None:
        self._open = gauge("incidents_open", "Incidents that are open.", "severity", "exercise")
        self._waiting = gauge("incidents_uncommanded", "Of these, not of drills: those that nobody commands.")
        self._actions = gauge("review_actions_open", "What is to be done after incidents, and is not done.")
        self._overdue = gauge("review_actions_overdue", "Of these: those whose day is over.")
        self._health = gauge("path_health", "1 healthy, 0.5 degraded, 0 down; absent while unknown.", "path")
        self._fit = gauge("paths_fit", "Paths of a capability that are not known to be down.", "capability")

    def look(self, source: Source, incidents: Callable[[], IncidentBook], now_s: float) -> None:
        """Set what is now; `now_s` since the epoch."""
        self._look_at_paths(source)
        self._open.clear()
        try:
            book = incidents()
            found = list(book.open)
        except Unavailable:
            for each in (self._waiting, self._actions, self._overdue):
                each.set(float("nan"))
            return
        tally = Tally((int(each.severity), _yes(each.exercise)) for each in found)
        for severity in _SEVERITIES:
            for exercise in ("yes", "no"):
                self._open.labels(str(severity), exercise).set(tally[severity, exercise])
        self._waiting.set(sum(not each.commander and not each.exercise for each in found))
        actions = [each for incident in list(book.incidents.values()) for each in list(incident.actions.values())]
        self._actions.set(sum(each.state is ActionState.OPEN for each in actions))
        self._overdue.set(sum(each.is_overdue(now_s) for each in actions))

    def _look_at_paths(self, source: Source) -> None:
        self._health.clear()
        self._fit.clear()
        try:
            paths = source.paths()
        except Unavailable:
            return
        for each in paths:
            path, condition = str(each["path"]), str(each["condition"])
            if condition in _HEALTH:
                self._health.labels(path).set(_HEALTH[condition])
            self._fit.labels(path.partition("/")[0]).inc(condition != "down")


def _yes(exercise: str) -> str:
    return "yes" if exercise else "no"
