"""What is asked about messages, and what they tell. Part of `inputs` and `effects`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Somebody wants an audience told: in the approved words, or in others; answered with `MessageAnswered`."""

    asked: str
    """Id of the request: asked again, nothing goes out a second time."""
    incident: str
    audience: str
    by: str
    subject: str = ""
    text: str = ""
    """Empty: the approved words."""
    instead: str = ""
    """The message that waits for a second person, which these words replace."""


@dataclass(frozen=True, slots=True)
class DecideMessage:
    """A second person decides about edited words; answered with `MessageAnswered`."""

    asked: str
    message: str
    approve: bool
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class SetGreeting:
    """Speech has made what callers are to hear."""

    incident: str
    message: str
    texts: str
    """JSON: language -> text."""
    exercise: str = ""


@dataclass(frozen=True, slots=True)
class MessageAnswered:
    """What became of it: it is on record, or cannot be."""

    asked: str
    mistake: str = ""
    message: str = ""


MessageInput = SendMessage | DecideMessage | SetGreeting
