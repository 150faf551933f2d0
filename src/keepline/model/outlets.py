"""Outlets: the paths by which people outside are told something, as plain frozen values. Each does `send`, alone.

An outlet is a capability like any other. What it is asked is the same for all: `to`, `subject`, `text`, `exercise`,
`message` and `incident`.
"""

from dataclasses import dataclass
from typing import Final

from keepline.model.capability import CapabilityAction, SecretRef

SEND: Final = "send"
"""The action of every outlet."""
SEND_ARGUMENTS: Final = ("to", "subject", "text", "exercise", "message", "incident")
GREETING: Final = "greeting"
"""The capability by which callers are told: an operation with words for them has it."""
STATUS_PAGE: Final = "status_page"
"""The capability of the public page."""
SET, LIFT, PUBLISH = "set", "lift", "publish"
"""Actions of these two."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that takes mail (RFC 6409)."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    """`starttls`, `tls` or `none`."""
    username: str = ""
    password: SecretRef | None = None


@dataclass(frozen=True, slots=True)
class AppriseService:
    """A service that the library apprise speaks to: chats, text messages, pagers and many more."""

    url: SecretRef
    """As apprise has it; `{to}` in it stands for the address of a contact."""


@dataclass(frozen=True, slots=True)
class WebhookService:
    """Somebody's own program: a signed JSON is posted to the address of the contact."""

    secret: SecretRef
    """Of the signature (HMAC-SHA256)."""


@dataclass(frozen=True, slots=True)
class SpokenGreeting:
    """What callers hear first, with the facts of the incident; spoken before it counts."""


@dataclass(frozen=True, slots=True)
class StandingGreeting:
    """The same without facts: it was spoken when the node started, so it needs no speech now."""


@dataclass(frozen=True, slots=True)
class PageFiles:
    """The files of the status page."""

    directory: str = ""
    """Empty: in the data directory."""


Outlet = MailServer | AppriseService | WebhookService | SpokenGreeting | StandingGreeting | PageFiles


def send_action(timeout_s: float, *, idempotent: bool) -> CapabilityAction:
    """What such a path can be asked; `idempotent`: the other side does it once for one key."""
    return CapabilityAction(timeout_s, changes=True, idempotent=idempotent, pending_s=0.0)
