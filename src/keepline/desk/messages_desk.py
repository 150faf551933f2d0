"""The messages as the desk knows them, followed in the journal: what was said to whom, and what came of each delivery.

A delivery that has ended is read once. It refuses to show addresses: who is told is known by the contact's name.
"""

import threading
from typing import Any, Final

from keepline.call.facts.message import MESSAGE_TYPES, MESSAGES
from keepline.call.greetings import Greetings
from keepline.desk.journal_following import JournalFollower
from keepline.desk.models_messages import GreetingNow, MessageShown, MessagesNow, UpdateDue
from keepline.desk.source import Source
from keepline.incident.book import IncidentBook
from keepline.incident.message_book import MessageBook, MessagePhase, MessageState
from keepline.incident.messages_shown import delivery_told, message_told
from keepline.incident.taking_back import runs_of
from keepline.model.limits_desk import MESSAGES_SHOWN_MAX

KINDS: Final = tuple(each.kind for each in MESSAGE_TYPES)
AFTER: Final = "\0"
"""What stands after an id and before the next one."""


class MessagesDesk:
    """What is known of messages. Every method may be called from any thread, and may block."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._follower = JournalFollower(source, KINDS, [(MESSAGES, MESSAGES + AFTER)])
        self._begin()

    def _begin(self) -> None:
        self._book, self._greetings = MessageBook(), Greetings()
        self._ended: dict[str, dict[str, Any]] = {}
        """Run -> its delivery, that changes no more."""

    def look(self) -> MessageBook:
        """The messages with what the journal has got since; raises Unavailable."""
        with self._lock:
            for fact in self._follower.news(self._begin):
                self._book.note(fact)  # one that was noted already changes nothing
                self._greetings.note(fact)
            return self._book

    def now(self, incidents: IncidentBook, now_s: float, incident: str = "") -> MessagesNow:
        """The latest, of one incident or of all; raises Unavailable."""
        book = self.look()
        with self._lock:
            found = [each for each in book.messages.values() if incident in ("", each.incident)]
            shown = [self._shown(each) for each in reversed(found[-MESSAGES_SHOWN_MAX:])]
            waiting = [self._shown(each) for each in found if each.phase is MessagePhase.WAITING]
            return MessagesNow(
                at=now_s,
                messages=shown,
                waiting=waiting,
                due=self.due(incidents, now_s, incident),
                greetings=[
                    GreetingNow(incident=of, language=language, text=text, until=fact.until_s)
                    for of, (fact, texts) in self._greetings.by_incident.items()
                    for language, text in texts.items()
                    if now_s < fact.until_s and incident in ("", of)
                ],
            )

    def one(self, id_: str) -> MessageShown | None:
        """One message, None where there is none; raises Unavailable."""
        book = self.look()
        with self._lock:
            found = book.messages.get(id_)
            return None if found is None else self._shown(found)

    def due(self, incidents: IncidentBook, now_s: float, incident: str = "") -> list[UpdateDue]:
        """Promises of incidents that are open; one that was not kept stays until the next message."""
        found = []
        for each in incidents.open:
            due_s = self._book.missed.get(each.id, self._book.due.get(each.id))
            if due_s is not None and incident in ("", each.id):
                found.append(
                    UpdateDue(
                        incident=each.id, cause=each.cause, exercise=each.exercise, due=due_s, missed=due_s <= now_s
                    )
                )
        return sorted(found, key=lambda each: each.due)

    def _shown(self, state: MessageState) -> MessageShown:
        deliveries = [self._delivery(to, run) for to, run in runs_of(state)]
        return MessageShown.model_validate(message_told(state, deliveries))

    def _delivery(self, to: str, run: str) -> dict[str, Any]:
        found = self._ended.get(run)
        if found is None:
            facts = [fact for _, fact in self._source.facts_within(run, run + AFTER)]
            found = delivery_told(to, run, facts)
            if found["at"] is not None:
                self._ended[run] = found
        return found
