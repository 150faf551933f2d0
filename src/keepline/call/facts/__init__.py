"""What is journaled of a call: facts, in the order in which they became true.

A fact is written before any effect that depends on it leaves. The facts of a call, folded in order, give its state;
nothing else is needed to go on with it in another process. Times are node time: seconds since the epoch.
"""

from typing import ClassVar

from keepline.call.facts.bid import BidFact, UnresolvedBid
from keepline.call.facts.flow import (
    DigitSignalled,
    DigitsPressed,
    FlowEnded,
    FlowFailed,
    LineFellSilent,
    LineHeard,
    MessageRecorded,
    MessageStarted,
    PromptEnded,
    QuestionContinued,
    StepEnded,
    UseEnded,
    UseRouted,
    UseStarted,
)
from keepline.call.facts.incident import INCIDENT_TYPES, IncidentFact
from keepline.call.facts.interrupted import INTERRUPTED_TYPES, InterruptedFact
from keepline.call.facts.journal import JOURNAL_TYPES, JournalFact, JournalGap, JournalReplaced
from keepline.call.facts.leg import LEG_TYPES, LegFact, LegJoined, LegPlaced
from keepline.call.facts.lost import CallLost
from keepline.call.facts.message import MESSAGE_TYPES, MessageFact
from keepline.call.facts.number import NUMBER_TYPES, NumberFact
from keepline.call.facts.path import PATH_TYPES, PathFact
from keepline.call.facts.person import PERSON_TYPES, PersonFact
from keepline.call.facts.placed import (
    PLACED_TYPES,
    CallCancelled,
    CallPlaced,
    CallProgressed,
    CallRefused,
    CallRetried,
    ForkAnswered,
    PlacedFact,
)
from keepline.call.facts.proven import RequestProven
from keepline.call.facts.refer import REFER_TYPES, ReferFact
from keepline.call.facts.refresh import REFRESH_TYPES, RefreshFact, ReinviteEnded, ReinviteSent
from keepline.call.facts.run import RUN_TYPES, RunFact
from keepline.call.facts.secret import SecretKept, SecretKeyed, SecretLost
from keepline.call.facts.transfer import TRANSFER_TYPES, TransferAsked, TransferFact, TransferProgressed
from keepline.call.facts.work import (
    WORK_TYPES,
    UseKept,
    UsePending,
    UseResolved,
    UseTried,
    WorkClosed,
    WorkFact,
    WorkOpened,
    WorkRetried,
)
from keepline.call.terms import Terms
from keepline.model.frozen import frozen

__all__ = [
    "FACT_TYPES", "BidFact", "ByeReceived", "ByeSent", "CallAcknowledged", "CallAnswered", "CallBegun",
    "CallCancelled", "CallEnded", "CallLost", "CallPlaced", "CallProgressed", "CallReceived", "CallRefused",
    "CallRetried", "CancelReceived", "DigitSignalled", "DigitsPressed", "Fact", "FlowEnded", "FlowFailed",
    "ForkAnswered", "IncidentFact", "InterruptedFact", "JournalFact", "JournalGap", "JournalReplaced", "LegFact",
    "LegJoined", "LegPlaced", "LineFellSilent", "LineHeard", "MessageRecorded", "MessageStarted", "NumberFact",
    "PathFact", "PlacedFact", "PromptEnded", "QuestionContinued", "RefreshFact", "ReinviteAcknowledged",
    "ReinviteAnswered", "ReinviteEnded", "ReinviteSent", "RequestProven", "RunFact", "SecretKept", "SecretKeyed",
    "SecretLost", "StepEnded", "TransferAsked", "TransferFact", "TransferProgressed", "UseEnded", "UseKept",
    "UsePending", "UseResolved", "UseRouted", "UseStarted", "UseTried", "WorkClosed", "WorkFact", "WorkOpened",
    "WorkRetried", "ending",
]  # fmt: skip


@frozen
class CallReceived:
    """An INVITE that begins a call. Written before anything is answered, refusals included."""

    kind: ClassVar[str] = "call_received.1"
    call: str
    """16 hex digits."""
    at_s: float
    carrier: str
    """Name of the trunk it came by; empty where no trunk has this peer."""
    peer_host: str
    peer_port: int
    invite: str
    """The INVITE as received, one character a byte (latin-1)."""
    sip_call_id: str
    remote_tag: str
    cseq: int
    local_tag: str
    to_number: str
    from_number: str
    flow: str
    """Name of the flow that answers; empty where the call is refused."""
    operation: str
    """Digest of the operation it began with, and ends with."""
    answer_at_s: float
    """When it is answered, if the caller is still there."""
    slot: int
    """Index of its media slot; -1 where it has none."""
    rtp_port: int
    ssrc: int
    rtp_seq: int
    rtp_ts: int
    asserted_identity: str = ""
    """Of a trusted trunk: who it says is calling."""
    transport: str = "udp"
    """By which the INVITE came: udp or tcp."""
    greeting: str = ""
    """What its caller hears before anything else, since an incident is open."""
    greeting_language: str = ""


@frozen
class CallAnswered:
    """The 2xx that answers, ours or the callee's, with what the two sides agreed on."""

    kind: ClassVar[str] = "call_answered.1"
    call: str
    at_s: float
    response: str
    codec: str
    payload_type: int
    dtmf_payload_type: int
    """-1 where the peer speaks no telephone-event."""
    remote_host: str
    """Empty where the offer was ours: the answer comes with the ACK. Of a call that we placed: no answer."""
    remote_port: int
    frame_ms: int = 20
    """Audio in each packet that we send."""
    rtcp_mux: bool = False
    direction: str = "sendrecv"
    expires_s: int = 0
    """The session ends so long after its last refresh (RFC 4028); 0 never."""
    remote_tag: str = ""
    """Of a call that we placed: the callee's."""
    refreshes: bool = False
    """We are to refresh the session, not the peer."""


@frozen
class CallAcknowledged:
    """The ACK of our 200."""

    kind: ClassVar[str] = "call_acknowledged.1"
    call: str
    at_s: float
    ack: str
    """Empty where it was lost, and the peer's next INVITE said that it has the 200."""
    terms: Terms | None = None
    """What it agreed to, where the offer was ours."""


@frozen
class ReinviteAnswered:
    """The 200 to an INVITE within the call: the session from here on."""

    kind: ClassVar[str] = "reinvite_answered.1"
    call: str
    at_s: float
    invite: str
    """As received; with its source, so that a successor repeats the 200 to where this one went."""
    peer_host: str
    peer_port: int
    cseq: int
    response: str
    version: int
    """Of our session description (RFC 3264 §8)."""
    terms: Terms | None
    """None where the offer is ours: the answer comes with the ACK."""
    expires_s: int = 0
    transport: str = "udp"


@frozen
class ReinviteAcknowledged:
    """The ACK of that 200."""

    kind: ClassVar[str] = "reinvite_acknowledged.1"
    call: str
    at_s: float
    ack: str
    terms: Terms | None = None


@frozen
class CancelReceived:
    """The caller gave up before the answer."""

    kind: ClassVar[str] = "cancel_received.1"
    call: str
    at_s: float
    cancel: str


@frozen
class ByeReceived:
    """The other side hung up."""

    kind: ClassVar[str] = "bye_received.1"
    call: str
    at_s: float
    bye: str
    cseq: int


@frozen
class ByeSent:
    """We hang up; the BYE as sent, so that a successor retransmits the very same."""

    kind: ClassVar[str] = "bye_sent.1"
    call: str
    at_s: float
    bye: str
    why: str


@frozen
class CallEnded:
    """The end of a call, and of its record."""

    kind: ClassVar[str] = "call_ended.1"
    call: str
    at_s: float
    ended_by: str
    """caller, callee (of a call that we placed), flow, node or nobody (timeout)."""
    sip_status: int
    """Final status of the INVITE; 0 where there was none."""
    reason: str
    sip_call_id: str
    """This and the four that follow let a successor answer the repetition of a late request."""
    local_tag: str
    remote_tag: str
    invite_cseq: int
    bye_cseq: int
    """Of the caller's BYE; -1 where it sent none."""
    packets_sent: int = 0
    packets_received: int = 0
    lost: int = 0
    jitter_ms: float = 0.0
    mos: float | None = None
    """Of what we heard; None where we heard nothing."""
    peer_mos: float | None = None
    """Of what the caller heard, as its RTCP says."""
    round_trip_ms: float | None = None
    peer_lost: int = 0
    peer_jitter_ms: float = 0.0
    dead_air_s: float = 0.0
    dead_air_at_s: float | None = None
    """When it first began, seconds after the answer."""
    response: str = ""
    """The refusal of a call that had rung, as sent: its caller no longer repeats the INVITE, so a successor must. Of a
    call that we placed: the ACK of its refusal, for a successor to repeat."""
    peer_host: str = ""
    """With the next two: of such a refusal, where it went."""
    peer_port: int = 0
    transport: str = "udp"
    bye_status: int = 0
    """Of the answer to our BYE; 0 where there was none."""
    unresolved: tuple[UnresolvedBid, ...] = ()
    """INVITEs of ours to carriers that may still ring or answer: whoever takes over sees to it that nobody stays so."""


CallBegun = CallReceived | CallPlaced
"""What a call's facts begin with."""
Fact = (
    CallReceived
    | CallPlaced
    | PlacedFact
    | RefreshFact
    | CallAnswered
    | CallAcknowledged
    | ReinviteAnswered
    | ReinviteAcknowledged
    | DigitsPressed
    | DigitSignalled
    | LineFellSilent
    | LineHeard
    | CallLost
    | PromptEnded
    | QuestionContinued
    | MessageStarted
    | MessageRecorded
    | UseStarted
    | UseRouted
    | TransferFact
    | ReferFact
    | LegFact
    | StepEnded
    | FlowFailed
    | UseEnded
    | SecretKeyed
    | RequestProven
    | SecretLost
    | SecretKept
    | FlowEnded
    | CancelReceived
    | ByeReceived
    | ByeSent
    | CallEnded
    | InterruptedFact
    | WorkFact
    | JournalFact
    | RunFact
    | PathFact
    | PersonFact
    | NumberFact
    | IncidentFact
    | MessageFact
)

FACT_TYPES: tuple[type[Fact], ...] = (
    CallReceived,
    CallPlaced,
    *PLACED_TYPES,
    *REFRESH_TYPES,
    CallAnswered,
    CallAcknowledged,
    ReinviteAnswered,
    ReinviteAcknowledged,
    DigitsPressed,
    DigitSignalled,
    LineFellSilent,
    LineHeard,
    CallLost,
    PromptEnded,
    QuestionContinued,
    MessageStarted,
    MessageRecorded,
    UseStarted,
    UseRouted,
    *TRANSFER_TYPES,
    *LEG_TYPES,
    RequestProven,
    *REFER_TYPES,
    *INTERRUPTED_TYPES,
    StepEnded,
    FlowFailed,
    UseEnded,
    SecretKeyed,
    SecretLost,
    SecretKept,
    FlowEnded,
    CancelReceived,
    ByeReceived,
    ByeSent,
    CallEnded,
    *WORK_TYPES,
    *JOURNAL_TYPES,
    *RUN_TYPES,
    *PATH_TYPES,
    *PERSON_TYPES,
    *NUMBER_TYPES,
    *INCIDENT_TYPES,
    *MESSAGE_TYPES,
)
"""Every kind of fact, in the order of a call's life."""


def ending(
    received: CallBegun,
    at_s: float,
    ended_by: str,
    sip_status: int,
    reason: str,
    *,
    bye_cseq: int = -1,
    response: str = "",
    remote_tag: str = "",
) -> CallEnded:
    """The end of the call that `received` began, without media figures."""
    return CallEnded(
        received.call,
        at_s,
        ended_by,
        sip_status,
        reason,
        received.sip_call_id,
        received.local_tag,
        remote_tag or received.remote_tag,
        received.cseq,
        bye_cseq,
        response=response,
        peer_host=received.peer_host if response else "",
        peer_port=received.peer_port if response else 0,
        transport=received.transport,
    )
