"""Facts of a call that we place: its INVITE, what the callee's side said, what we made of it. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar

from keepline.call.facts.bid import BID_TYPES, BidFact
from keepline.call.terms import Terms


@dataclass(frozen=True, slots=True)
class CallPlaced:
    """A call that we place. Written before its INVITE leaves, and also where none does: it is refused then."""

    kind: ClassVar[str] = "call_placed.1"
    call: str
    """16 hex digits."""
    at_s: float
    carrier: str
    """Name of the trunk it goes by; empty where none would take it."""
    peer_host: str
    """Where the INVITE goes."""
    peer_port: int
    transport: str
    """udp or tcp."""
    invite: str
    """The INVITE as sent, one character a byte (latin-1): a successor sends the very same."""
    sip_call_id: str
    cseq: int
    local_tag: str
    to_number: str
    from_number: str
    flow: str
    """Name of the flow that runs once it is answered; empty for a leg that its parent deals with."""
    operation: str
    slot: int
    """Index of its media slot; -1 where it has none."""
    rtp_port: int
    ssrc: int
    rtp_seq: int
    rtp_ts: int
    ring_timeout_s: float
    """How long it may take to be answered."""
    parent: str = ""
    """Id of the call whose `connect` placed it; empty for none."""
    parent_step: int = -1
    """Number of that step in the parent."""
    variables: str = "{}"
    """JSON object of text: what the flow reads as `call.variables`."""
    targets: tuple[tuple[str, int], ...] = ()
    """Where else the INVITE may go if the peer does not serve it, in order, by the same transport."""
    remote_tag: str = ""
    """Nobody's before an answer gives it."""
    is_routed: bool = False
    """Other carriers may be asked, too."""
    why: str = ""
    """Why this carrier, where there was a choice."""


@dataclass(frozen=True, slots=True)
class CallProgressed:
    """A provisional answer that says something new: the first one, another status, early media, another callee."""

    kind: ClassVar[str] = "call_progressed.1"
    call: str
    at_s: float
    status: int
    response: str
    remote_tag: str
    terms: Terms | None = None
    """Of its early media (RFC 3261 §13.2.1)."""


@dataclass(frozen=True, slots=True)
class CallRetried:
    """The INVITE was refused, or not answered, in a way that another one may mend: it goes out again."""

    kind: ClassVar[str] = "call_retried.1"
    call: str
    at_s: float
    why: str
    """What was changed."""
    status: int
    """Of the answer before; 0 where there was none."""
    response: str
    peer_host: str
    peer_port: int
    transport: str
    invite: str
    """As sent, but for credentials: those a successor makes again, the same."""
    cseq: int
    targets: tuple[tuple[str, int], ...] = ()
    """Where else it may still go."""
    alternatives: tuple[str, ...] = ()
    """URIs of a redirection that are still to be tried, the best first."""
    cnonce: str = ""
    """Of the answer to the challenge in `response`; empty where that is none."""


@dataclass(frozen=True, slots=True)
class CallCancelled:
    """We give up before the answer. The CANCEL leaves as soon as a provisional answer allows it (RFC 3261 §9.1)."""

    kind: ClassVar[str] = "call_cancelled.1"
    call: str
    at_s: float
    why: str
    """`no answer`, or who wants it."""


@dataclass(frozen=True, slots=True)
class CallRefused:
    """The last word about a call that is not answered: a final answer, or that there is none."""

    kind: ClassVar[str] = "call_refused.1"
    call: str
    at_s: float
    status: int
    """0 where nobody answered."""
    reason: str
    response: str
    ack: str = ""
    """Its ACK, as sent: a successor repeats it."""


@dataclass(frozen=True, slots=True)
class ForkAnswered:
    """Somebody else answered as well (RFC 3261 §13.2.2.4): acknowledged, and hung up at once."""

    kind: ClassVar[str] = "fork_answered.1"
    call: str
    at_s: float
    response: str
    remote_tag: str


PlacedFact = CallProgressed | CallRetried | CallCancelled | CallRefused | ForkAnswered | BidFact
"""What may follow `CallPlaced` and nothing else."""
PLACED_TYPES: tuple[type[PlacedFact], ...] = (
    CallProgressed,
    CallRetried,
    CallCancelled,
    CallRefused,
    ForkAnswered,
    *BID_TYPES,
)
