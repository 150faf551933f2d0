"""The incidents of a node with all that follows from them: here what people are told."""

from typing import TYPE_CHECKING, Any

from keepline.call.facts.incident import IncidentFact
from keepline.call.turn import Turn
from keepline.incident.message_book import MessageBook
from keepline.incident.room import Incidents
from keepline.incident.telling import Telling

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange


class IncidentsTold(Incidents):
    """Incidents of which people are told."""

    def __init__(self, exchange: "Exchange", *given: Any, messages: MessageBook | None = None, **more: Any) -> None:
        """`given` and `more` are those of `Incidents`; `messages` is what there was before this process."""
        super().__init__(exchange, *given, **more)
        self.telling = Telling(exchange, self.book, messages)
        self.handlers = {**self.handlers, **self.telling.handlers}

    def record(self, turn: Turn, fact: IncidentFact) -> None:
        """Make a fact true, and have those told whom it concerns, in the same turn."""
        super().record(turn, fact)
        self.telling.hear(turn, fact)

    def note(self, turn: Turn) -> None:
        """Look at what has become true in this turn."""
        Incidents.note(self, turn)  # in each turn of each call, at half the cost of super()
        if self.telling.taking_back.told:
            self.telling.taking_back.note(turn)

    def due(self, turn: Turn) -> None:
        """It is time to look, at either."""
        self.telling.due(turn)
        super().due(turn)

    def is_stale(self, at_s: float) -> bool:
        """Neither has asked for this time."""
        return super().is_stale(at_s) and self.telling.is_stale(at_s)
