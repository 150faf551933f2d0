"""What is on record of messages about incidents: wording, decisions, what went out, and what callers hear first.

No state of a call follows from it, but for what it began with. Deliveries are runs. See `facts`.
"""

from typing import ClassVar

from keepline.model.frozen import frozen

MESSAGES = "messages"
"""What stands in the place of a call's id."""


@frozen
class MessageEdited:
    """Somebody wants other words than the approved ones to go out; a second person has to decide."""

    kind: ClassVar[str] = "message_edited.1"
    call: str
    """Always `messages`."""
    at_s: float
    message: str
    """Its id: m and 15 hex digits."""
    incident: str
    stage: str
    """opened, update or closed."""
    audience: str
    subject: str
    text: str
    by: str
    until_s: float
    """Then goes out what `otherwise` says."""
    otherwise: str
    """edited, approved or nothing."""
    asked: str = ""
    """Id of the request."""


@frozen
class MessageDecided:
    """A second person has decided, or nobody has in time, or the incident is over."""

    kind: ClassVar[str] = "message_decided.1"
    call: str
    at_s: float
    message: str
    verdict: str
    """approved, rejected, replaced, overdue or over."""
    by: str = ""
    why: str = ""


@frozen
class MessageSent:
    """These words go out now: each contact's delivery is a run that begins in the same turn."""

    kind: ClassVar[str] = "message_sent.1"
    call: str
    at_s: float
    message: str
    incident: str
    stage: str
    audience: str
    words: str
    """JSON: language -> subject and text, with their facts."""
    contacts: tuple[str, ...]
    exercise: str = ""
    """Id of its drill; empty in earnest."""
    by: str = ""
    """Who asked for it; empty where the incident did."""
    edited: bool = False
    next_update_s: float = 0.0
    """When the next one is promised; 0: never."""
    asked: str = ""


@frozen
class GreetingSet:
    """What callers hear first from here on, while the incident is open."""

    kind: ClassVar[str] = "greeting_set.1"
    call: str
    at_s: float
    incident: str
    message: str
    texts: str
    """JSON: language -> text. Each was spoken before."""
    until_s: float
    exercise: str = ""


@frozen
class GreetingLifted:
    """They hear it no longer."""

    kind: ClassVar[str] = "greeting_lifted.1"
    call: str
    at_s: float
    incident: str
    why: str


@frozen
class UpdateMissed:
    """The next message of an incident was promised by then, and did not come."""

    kind: ClassVar[str] = "update_missed.1"
    call: str
    at_s: float
    incident: str
    due_s: float


MessageFact = MessageEdited | MessageDecided | MessageSent | GreetingSet | GreetingLifted | UpdateMissed
MESSAGE_TYPES: tuple[type[MessageFact], ...] = (
    MessageEdited,
    MessageDecided,
    MessageSent,
    GreetingSet,
    GreetingLifted,
    UpdateMissed,
)
