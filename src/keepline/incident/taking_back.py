"""What is still on its way though it is no longer true is taken back: a newer message replaces it, or the end does.

The run that tells hears an event (`message_off`) before its next attempt, and is over. What has arrived stays: nothing
is unsaid. It refuses to know of runs that have ended: nobody would hear it.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from keepline.call.effects import Persist
from keepline.call.facts.run import EventTold, RunEnded
from keepline.call.runs.starting import run_id
from keepline.call.turn import Turn
from keepline.flow.capabilities import write_value
from keepline.flow.telling import DELIVERY, GREET, MESSAGE_OFF, PUBLISH, message_key
from keepline.incident.message_book import MessageBook, MessageState
from keepline.model.messages import CALLERS, PAGE

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

OVER_AFTER_S: Final = 60.0
"""A delivery ends by itself when the next message is due; by then it has noticed."""


def runs_of(message: MessageState) -> Iterator[tuple[str, str]]:
    """Whom a message is told to, and the id of the run that does."""
    sent = message.sent
    if sent is None:
        return
    for name in sent.contacts:
        yield name, run_id("key", DELIVERY, message_key(message.id, name))
    if sent.audience == CALLERS:
        yield CALLERS, run_id("key", GREET, message_key(message.id, "callers"))
    if sent.audience == PAGE:
        yield PAGE, run_id("key", PUBLISH, message_key(message.id, "page"))


class TakingBack:
    """What this process has taken back, until nobody is left to hear it."""

    def __init__(self, exchange: "Exchange", book: MessageBook) -> None:
        self._exchange, self._book = exchange, book
        self.told: dict[str, EventTold] = {}
        """By their runs."""

    def before(self, turn: Turn, incident: str, audience: str = "") -> None:
        """A message to an audience replaces those that went before, or the end of the incident all of them."""
        why = "a newer one follows" if audience else "the incident is over"
        for message in self._book.messages.values():
            if message.incident == incident and audience in ("", message.audience) and message.sent is not None:
                is_over = 0 < message.sent.next_update_s < turn.now_s - OVER_AFTER_S
                for _, run in runs_of(message) if not is_over else ():
                    self._take_back(turn, run, why)

    def _take_back(self, turn: Turn, run: str, why: str) -> None:
        runs = self._exchange.runs
        id_ = "e" + blake2b(f"off\0{run}".encode(), digest_size=8).hexdigest()[:15]
        if run in self.told or runs.events.has(id_) or not runs.may_go_on(run):
            return
        told = self.told[run] = EventTold(id_, turn.now_s, MESSAGE_OFF, run, write_value({"why": why}))
        runs.tell(turn, told)

    def note(self, turn: Turn) -> None:
        """A run that ended without hearing it leaves no event behind."""
        for effect in list(turn.effects):
            if isinstance(effect, Persist) and isinstance(effect.fact, RunEnded):
                told = self.told.pop(effect.fact.call, None)
                if told is not None and self._exchange.runs.events.has(told.call):
                    turn.emit(Persist(self._exchange.runs.events.forget(told, turn.now_s), synced=True))
