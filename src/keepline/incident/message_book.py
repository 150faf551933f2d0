"""The messages that there have been, those that wait for a second person, and by when the next ones are promised.

A fold over facts; it refuses to know time and incidents. What callers hear is `keepline.call.greetings`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from keepline.call.facts.message import MessageDecided, MessageEdited, MessageSent, UpdateMissed
from keepline.call.greetings import Greetings
from keepline.model.limits_messages import MESSAGES_KEPT_MAX
from keepline.model.messages import CLOSED


class MessagePhase(Enum):
    """Where a message is."""

    WAITING = "waiting"
    """For a second person."""
    DECIDED = "decided"
    """What was decided follows in the same turn."""
    SENT = "sent"
    DROPPED = "dropped"


W, D, S, X = MessagePhase.WAITING, MessagePhase.DECIDED, MessagePhase.SENT, MessagePhase.DROPPED
MESSAGE_TRANSITIONS: dict[tuple[MessagePhase, type], MessagePhase] = {
    (W, MessageDecided): D,
    (W, MessageSent): S,
    (D, MessageSent): S,
}
"""Of pairs that are absent, nothing follows: a message goes out once, and is decided about once."""


@dataclass(slots=True)
class MessageState:
    """One message."""

    id: str
    phase: MessagePhase
    edited: MessageEdited | None = None
    decided: MessageDecided | None = None
    sent: MessageSent | None = None

    @property
    def incident(self) -> str:
        told = self.sent or self.edited
        assert told is not None
        return told.incident

    @property
    def audience(self) -> str:
        told = self.sent or self.edited
        assert told is not None
        return told.audience


class MessageBook:
    """Of one node."""

    __slots__ = ("_asked", "_counts", "due", "messages", "missed")

    def __init__(self) -> None:
        self.messages: dict[str, MessageState] = {}
        """By their ids, the oldest first."""
        self.due: dict[str, float] = {}
        """Incident -> by when the next message is promised; none where it has had its last."""
        self.missed: dict[str, float] = {}
        """Incident -> the promise that was not kept."""
        self._counts: dict[tuple[str, str], int] = {}
        self._asked: dict[str, str] = {}

    def asked_for(self, request: str) -> str:
        """The message that this request made; empty where there is none."""
        return self._asked.get(request, "") if request else ""

    def count(self, incident: str, audience: str) -> int:
        """How many messages an audience has had of an incident, those that wait included."""
        return self._counts.get((incident, audience), 0)

    @property
    def waiting(self) -> list[MessageEdited]:
        """Edited words that nobody has decided about."""
        return [each.edited for each in self.messages.values() if each.phase is W and each.edited is not None]

    def note(self, fact: object) -> None:
        """Take notice of a fact, of whatever kind."""
        if isinstance(fact, MessageEdited):
            if fact.message not in self.messages:
                self._keep(MessageState(fact.message, W, fact), fact)
        elif isinstance(fact, MessageDecided):
            found = self.messages.get(fact.message)
            if found is not None and (found.phase, MessageDecided) in MESSAGE_TRANSITIONS:
                found.phase, found.decided = D, fact
        elif isinstance(fact, MessageSent):
            self._sent(fact)
        elif isinstance(fact, UpdateMissed):
            self.missed[fact.incident] = fact.due_s
            self.due.pop(fact.incident, None)

    def _sent(self, fact: MessageSent) -> None:
        found = self.messages.get(fact.message)
        if found is None:
            self._keep(MessageState(fact.message, S, sent=fact), fact)
        elif (found.phase, MessageSent) in MESSAGE_TRANSITIONS:
            found.phase, found.sent = S, fact
        if fact.stage == CLOSED:
            self.due.pop(fact.incident, None)
        elif fact.next_update_s:
            self.due[fact.incident] = fact.next_update_s
            self.missed.pop(fact.incident, None)

    def _keep(self, state: MessageState, fact: MessageEdited | MessageSent) -> None:
        self.messages[state.id] = state
        self._counts[fact.incident, fact.audience] = self.count(fact.incident, fact.audience) + 1
        if fact.asked:
            self._asked[fact.asked] = state.id
        while len(self.messages) > MESSAGES_KEPT_MAX:
            oldest = next(iter(self.messages.values()))
            del self.messages[oldest.id]
            self._asked = {asked: id_ for asked, id_ in self._asked.items() if id_ != oldest.id}


def message_book(facts: Iterable[object], greetings: Greetings) -> MessageBook:
    """The book that these facts make; `greetings` takes notice of them too."""
    book = MessageBook()
    for fact in facts:
        book.note(fact)
        greetings.note(fact)
    return book
