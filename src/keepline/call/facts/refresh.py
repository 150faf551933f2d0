"""Facts of INVITEs that we send within a call. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar

from keepline.call.terms import Terms


@dataclass(frozen=True, slots=True)
class ReinviteSent:
    """Our INVITE within the call, as sent: a successor sends the very same."""

    kind: ClassVar[str] = "reinvite_sent.1"
    call: str
    at_s: float
    invite: str
    cseq: int


@dataclass(frozen=True, slots=True)
class ReinviteEnded:
    """Its final answer, or that there is none."""

    kind: ClassVar[str] = "reinvite_ended.1"
    call: str
    at_s: float
    status: int
    """0 where nobody answered."""
    response: str
    terms: Terms | None = None
    """Of the session from here on; None where it stays as it was."""
    expires_s: int = 0
    refreshes: bool = False
    again_at_s: float = 0.0
    """When it is tried again, after a 491 or a 422; 0 for never."""
    interval_s: int = 0
    """The session interval to ask for then; 0 for the same."""


RefreshFact = ReinviteSent | ReinviteEnded
REFRESH_TYPES: tuple[type[RefreshFact], ...] = (ReinviteSent, ReinviteEnded)
