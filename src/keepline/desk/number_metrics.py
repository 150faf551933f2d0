"""What was asked of those who point numbers, and what came of it: a number itself is no label."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter

from keepline.call.facts import Fact
from keepline.call.facts.number import NumberAsked, NumberLeft, NumberPointed, NumberTried

NUMBER_FACTS: Final = (NumberAsked, NumberTried, NumberPointed, NumberLeft)


class NumberMetrics:
    """The counters."""

    def __init__(self, counter: Callable[..., Counter]) -> None:
        self._asked = counter("number_requests", "Requests to point a number, by where to.", "to")
        self._pointed = counter("numbers_pointed", "Those that were done.", "to")
        self._tried = counter("number_attempts_failed", "Attempts that came to nothing.")
        self._left = counter("number_requests_left", "Requests that were refused, or let go of.")

    def count(self, fact: Fact) -> None:
        """One fact, in order; those of other things change nothing."""
        if isinstance(fact, NumberAsked):
            self._asked.labels(fact.to).inc()
        elif isinstance(fact, NumberPointed):
            self._pointed.labels(fact.to).inc()
        elif isinstance(fact, NumberTried):
            self._tried.inc()
        elif isinstance(fact, NumberLeft):
            self._left.inc()
