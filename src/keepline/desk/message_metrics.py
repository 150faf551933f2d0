"""What people were told of incidents, counted; and what waits or is late now. Nobody's name is a label.

Messages of exercises are not counted, and a promise of one is nobody's: it is late on its own page alone.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge

from keepline.call.facts import Fact
from keepline.call.facts.message import MessageDecided, MessageEdited, MessageSent, UpdateMissed
from keepline.call.facts.run import RunEnded, RunStarted
from keepline.desk.incidents_desk import IncidentsDesk
from keepline.desk.messages_desk import MessagesDesk
from keepline.desk.source import Source, Unavailable
from keepline.flow.telling import MESSAGE_FLOWS
from keepline.incident.message_book import MessagePhase
from keepline.model.limits_desk import METRIC_DELIVERIES_MAX

MESSAGE_METRIC_FACTS: Final = (MessageSent, MessageEdited, MessageDecided, UpdateMissed, RunStarted, RunEnded)


class MessageMetrics:
    """The counters and gauges."""

    def __init__(self, counter: Callable[..., Counter], gauge: Callable[..., Gauge], source: Source) -> None:
        self._messages, self._incidents = MessagesDesk(source), IncidentsDesk(source, lambda _wanted: {})
        self._under_way: OrderedDict[str, None] = OrderedDict()
        """Runs of deliveries that began since the desk did."""
        self._sent = counter("messages_sent", "Messages about incidents that went out.", "audience", "stage")
        self._edited = counter("messages_edited", "Other words than the approved, that wait for a second person.")
        self._decided = counter("messages_decided", "What became of those.", "verdict")
        self._deliveries = counter("messages_deliveries", "Deliveries that ended.", "outcome")
        self._missed = counter("messages_updates_missed", "Next messages that did not come when they were promised.")
        self._waiting = gauge("messages_waiting", "Edited words that wait for a second person now.")
        self._overdue = gauge("messages_overdue", "Open incidents whose next message is overdue now.")
        self._due_s = gauge("messages_next_due_seconds", "Until the next message is due that is promised first.")

    def count(self, fact: Fact) -> None:
        """One fact, in order; those of other things change nothing."""
        if isinstance(fact, MessageSent):
            if not fact.exercise:
                self._sent.labels(fact.audience, fact.stage).inc()
        elif isinstance(fact, MessageEdited):
            self._edited.inc()
        elif isinstance(fact, MessageDecided):
            self._decided.labels(fact.verdict).inc()
        elif isinstance(fact, UpdateMissed):
            self._missed.inc()
        elif isinstance(fact, RunStarted) and fact.flow in MESSAGE_FLOWS:
            self._under_way[fact.call] = None
            while len(self._under_way) > METRIC_DELIVERIES_MAX:
                self._under_way.popitem(last=False)
        elif isinstance(fact, RunEnded) and fact.call in self._under_way:
            del self._under_way[fact.call]
            self._deliveries.labels(fact.outcome or fact.ending).inc()

    def look(self, now_s: float) -> None:
        """How it is now; as it was, where the journal cannot be read."""
        try:
            book, due = self._messages.look(), self._messages.due(self._incidents.look(), now_s)
        except Unavailable:
            return
        self._waiting.set(sum(each.phase is MessagePhase.WAITING for each in book.messages.values()))
        real = [each for each in due if not each.exercise]
        self._overdue.set(sum(each.missed for each in real))
        self._due_s.set(min((each.due - now_s for each in real), default=0.0))
