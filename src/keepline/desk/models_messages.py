"""What people were told, as the API has it: each message with its deliveries, what waits, what is due."""

from typing import Literal

from pydantic import Field

from keepline.desk.models import Model
from keepline.desk.people.answering import Asked
from keepline.model.limits_messages import MESSAGE_SUBJECT_CHARS_MAX, MESSAGE_TEXT_CHARS_MAX, MESSAGE_WORDS_CHARS_MAX

AudienceName = Literal[
    "callers", "customers", "agents", "supervisors", "leaders", "social", "status_page", "vendor"
]  # fmt: skip
"""As `keepline.model.messages.MESSAGE_AUDIENCES` has them (tested)."""


class DeliveryShown(Model):
    """One contact, the callers, or the page: and what came of telling them."""

    to: str
    state: str
    """told, not_told, ambiguous, over, under way or not begun; or how its run broke."""
    shown: Literal["delivered", "sending", "retried", "failed", "in doubt", "over"]
    """The same in a word."""
    channel: str
    """The outlet that took it; empty while none has."""
    why: str
    attempts: int
    run: str
    at: float | None
    """When it came to an end."""


class MessageShown(Model):
    """One message about an incident."""

    id: str
    incident: str
    audience: str
    stage: str
    """opened, update or closed."""
    state: str
    """sent, or waiting; of edited words that were not sent: rejected, replaced, overdue or over."""
    at: float
    exercise: str
    words: dict[str, list[str]]
    """Language -> subject and text; edited words have no language before they are sent."""
    edited: bool
    by: str
    """Who asked for it; empty where the incident did."""
    until: float | None
    """Until when it waits for a second person."""
    otherwise: str
    """What goes out then: the edited words, the approved ones, or nothing."""
    decided_by: str
    decided_why: str
    verdict: str
    next_update: float | None
    deliveries: list[DeliveryShown]


class UpdateDue(Model):
    """By when the next message of an open incident is promised."""

    incident: str
    cause: str
    exercise: str
    due: float
    missed: bool
    """It was not sent."""


class GreetingNow(Model):
    """What callers hear first."""

    incident: str
    language: str
    text: str
    until: float


class MessagesNow(Model):
    """What was told to whom, the newest first; what waits, and what is due."""

    at: float
    messages: list[MessageShown]
    waiting: list[MessageShown]
    """Edited words that wait for a second person, the oldest first."""
    due: list[UpdateDue]
    """The earliest first."""
    greetings: list[GreetingNow]


class MessageAsked(Model):
    """It is on record."""

    message: str
    waits: bool
    """For a second person."""


class SendAsked(Asked):
    """Have an audience told: in the approved words, or in others, which wait for a second person."""

    incident: str = Field(min_length=1, max_length=64)
    audience: AudienceName
    subject: str = Field(default="", max_length=MESSAGE_SUBJECT_CHARS_MAX)
    text: str = Field(default="", max_length=MESSAGE_TEXT_CHARS_MAX)
    """Empty: the approved words."""
    why: str = Field(default="", max_length=MESSAGE_WORDS_CHARS_MAX)


class EditAsked(Asked):
    """Put other words in the place of those that wait; they wait for another person then."""

    subject: str = Field(default="", max_length=MESSAGE_SUBJECT_CHARS_MAX)
    text: str = Field(min_length=1, max_length=MESSAGE_TEXT_CHARS_MAX)
    why: str = Field(default="", max_length=MESSAGE_WORDS_CHARS_MAX)


class DecideAsked(Asked):
    """A second person's word on edited words."""

    approve: bool
    why: str = Field(default="", max_length=MESSAGE_WORDS_CHARS_MAX)
