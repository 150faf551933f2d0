"""What people are told of an incident: approved words, whom they reach by what, and the public page. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from keepline.model.incident import INCIDENT_KINDS

CALLERS, CUSTOMERS, AGENTS, SUPERVISORS, LEADERS, SOCIAL, PAGE, VENDOR = MESSAGE_AUDIENCES = (
    "callers", "customers", "agents", "supervisors", "leaders", "social", "status_page", "vendor",
)  # fmt: skip
"""Who is told: callers hear it, the page shows it, all others are contacts."""
MESSAGE_KINDS: Final = INCIDENT_KINDS
"""Of incidents; each has words of its own."""
OPENED, UPDATE, CLOSED = MESSAGE_STAGES = ("opened", "update", "closed")
"""The first word of an incident, each further one, and the last."""
INVESTIGATING, IDENTIFIED, MONITORING, RESOLVED = "investigating", "identified", "monitoring", "resolved"
"""States of an incident on the status page, as the published Statuspage API v2 has them."""
SEND_EDITED, SEND_APPROVED, SEND_NOTHING = OTHERWISE = ("edited", "approved", "nothing")
"""What goes out where nobody decides about edited wording in time."""


@dataclass(frozen=True, slots=True)
class MessageWords:
    """One approved set in one language: templates (`templates`)."""

    opened: str
    update: str
    closed: str
    """Empty: nobody is told that it is over."""
    subject: str = ""
    standing: str = ""
    """For callers: without facts, so it can be spoken ahead of time."""

    def of(self, stage: str) -> str:
        """The template of a stage."""
        return {OPENED: self.opened, UPDATE: self.update, CLOSED: self.closed}[stage]


MessageSets = Mapping[str, Mapping[str, Mapping[str, MessageWords]]]
"""Kind of incident -> audience -> language -> words."""


@dataclass(frozen=True, slots=True)
class Approval:
    """How edited wording comes to be sent."""

    within_s: float = 600.0
    """How long a second person has."""
    otherwise: str = SEND_APPROVED
    """Then: the `edited` words, the `approved` ones, or `nothing`."""


@dataclass(frozen=True, slots=True)
class MessageSettings:
    """What is said, and how often."""

    sets: MessageSets = field(default_factory=dict)
    every_s: float = 1_800.0
    """By when the next message is promised in each."""
    expires_s: float = 14_400.0
    """A greeting that nobody renews is heard no longer than this."""
    approval: Approval = Approval()
    zone: tzinfo = UTC
    zone_name: str = "UTC"

    def clock(self, at_s: float) -> str:
        """`10:40`, there."""
        return datetime.fromtimestamp(at_s, self.zone).strftime("%H:%M")


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach somebody."""

    outlet: str
    """A capability with the action `send`."""
    to: str
    """Their address there."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who is told."""

    name: str
    audiences: tuple[str, ...]
    language: str
    channels: tuple[Channel, ...]
    """In the order in which they are tried."""
    alone: str = ""
    """Why there is one channel only."""


@dataclass(frozen=True, slots=True)
class StatusComponent:
    """A line of the status page."""

    name: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatusPageSettings:
    """The public page."""

    title: str
    components: tuple[StatusComponent, ...] = ()
    directory: str = ""
    """Where its files are; empty: `status-page` in the data directory."""
    listen_host: str = ""
    listen_port: int = 0
    """Where a process of its own serves it; an empty host: somebody else does."""
    url: str = ""
    """As the public knows it; empty where that is not told."""
    language: str = "en"
