"""What became of callers whom a carrier has lost, and of those who were promised a call, counted from facts."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter

from keepline.call.facts import CallLost, Fact
from keepline.call.facts.run import RunEnded, RunStarted
from keepline.flow.calling_back import CALLBACK, CALLED_OFF, MISSED, REACHED, plan_of
from keepline.flow.capabilities import read_value, write_value

CALLBACK_FACTS: Final = (CallLost, RunStarted, RunEnded)
TICKET: Final = "ticket"
_ENDS: Final = {write_value(outcome): outcome for outcome in (REACHED, CALLED_OFF, MISSED)}
"""What a ticket's flow returns, which is also what it notes: other flows do hardly both."""


class CallbackMetrics:
    """The counters."""

    def __init__(self, counter: Callable[..., Counter]) -> None:
        self._lost = counter("calls_lost", "Calls that their carrier has lost.", "carrier", "then")
        self._promised = counter("callbacks_promised", "Callers who were promised a call.", "why")
        self._ended = counter("callbacks", "Promises of a call that are over.", "outcome")

    def count(self, fact: Fact) -> None:
        """One fact, in order."""
        if isinstance(fact, CallLost):
            self._lost.labels(fact.carrier, fact.refusal or TICKET).inc()
        elif isinstance(fact, RunStarted):
            if fact.flow == CALLBACK:
                self._promised.labels(plan_of(read_value(fact.variables)).why).inc()
        elif isinstance(fact, RunEnded):
            outcome = _ENDS.get(fact.value)
            if outcome is not None and outcome == fact.outcome:
                self._ended.labels(outcome).inc()
