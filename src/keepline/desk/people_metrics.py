"""What people decided, and whether the glass is broken: nobody's name is a label."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge

from keepline.call.facts import Fact
from keepline.call.facts.person import ActionHeld, ActionRefused, PersonDecided

PEOPLE_FACTS: Final = (PersonDecided, ActionHeld, ActionRefused)


class PeopleMetrics:
    """The counters, and the gauge."""

    def __init__(self, counter: Callable[..., Counter]) -> None:
        self._decisions = counter("decisions", "Decisions of people, by what they decided.", "action")
        self._held = counter("actions_held", "Actions that waited for a second person.", "action")
        self._refused = counter("actions_refused", "Of these: those that were refused.")

    def count(self, fact: Fact) -> None:
        """One fact, in order; those of other things change nothing."""
        if isinstance(fact, PersonDecided):
            self._decisions.labels(fact.action).inc()
        elif isinstance(fact, ActionHeld):
            self._held.labels(fact.action).inc()
        elif isinstance(fact, ActionRefused):
            self._refused.inc()


def show_glass(gauge: Gauge, broken: Callable[[], bool]) -> None:
    """Have the gauge say whether somebody is admin by a broken glass."""
    gauge.set_function(lambda: float(broken()))
