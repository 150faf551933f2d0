"""Where a call is in its life, what may happen there, and its deadlines: one table for calls either way."""

from enum import Enum

from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallAcknowledged,
    CallAnswered,
    CallCancelled,
    CallEnded,
    CallLost,
    CallProgressed,
    CallRefused,
    CallRetried,
    CancelReceived,
    DigitSignalled,
    DigitsPressed,
    Fact,
    FlowEnded,
    FlowFailed,
    ForkAnswered,
    LegJoined,
    LegPlaced,
    LineFellSilent,
    LineHeard,
    MessageRecorded,
    MessageStarted,
    PromptEnded,
    QuestionContinued,
    ReinviteAcknowledged,
    ReinviteAnswered,
    ReinviteEnded,
    ReinviteSent,
    RequestProven,
    SecretKept,
    SecretKeyed,
    SecretLost,
    StepEnded,
    TransferAsked,
    TransferProgressed,
    UseEnded,
    UseRouted,
    UseStarted,
)
from keepline.call.facts.bid import BidAbandoned, BidDeclined, BidEnded, BidHeard, BidLed, BidPlaced
from keepline.call.facts.interrupted import CallInterrupted, PeerAsked, PeerFound
from keepline.call.facts.refer import LegReferred, NotifySent, ReferralEnded, ReferTaken


class Phase(Enum):
    """Where a call is in its life."""

    __hash__ = object.__hash__  # members are single: no need to hash their names, which Enum does in Python

    RINGING = "ringing"
    ANSWERED = "answered"
    """200 sent, ACK awaited."""
    ESTABLISHED = "established"
    LEAVING = "leaving"
    """BYE sent, its answer awaited."""
    CLOSING = "closing"
    """The other side left; the last figures of media are awaited."""
    ENDED = "ended"
    PLACING = "placing"
    """Our INVITE is sent, and nothing heard of it."""
    PROCEEDING = "proceeding"
    """The callee's side has it; perhaps it rings there."""
    CANCELLING = "cancelling"
    """We gave up: the end of the INVITE is awaited, or that it may be cancelled."""


ANSWERED = (Phase.ANSWERED, Phase.ESTABLISHED)
"""The two sides talk."""
BROKEN = "broken"
"""The ending of a flow whose call met a bug of ours; what was under way for it is in doubt."""


class Timer(Enum):
    """The deadlines of a call. At most one of each runs."""

    __hash__ = object.__hash__  # members are single: no need to hash their names, which Enum does in Python

    RING = "ring"
    """The end of ringing: we answer; of a call that we placed: we give up."""
    RETRANSMIT_ANSWER = "retransmit_answer"
    ANSWER_LIMIT = "answer_limit"
    SESSION = "session"
    """No refresh came (RFC 4028)."""
    STEP = "step"
    MEDIA_CLOSE = "media_close"
    REFRESH = "refresh"
    """The session is to be refreshed by us (RFC 4028)."""
    UNANSWERED = "unanswered"
    """Nobody heard of our INVITE since a process before sent it."""
    CANCEL = "cancel"
    """Our CANCEL came to nothing (RFC 3261 §9.1)."""
    USE = "use"
    """A change that goes on without its caller."""
    RECORDING = "recording"
    """The file of a recording whose caller is gone."""
    HEDGE = "hedge"
    """Another carrier is asked beside the one that is not heard of."""
    PEER = "peer"
    """Whether the other side is still there is looked for."""
    LINE = "line"
    """Nobody answers by a line that is silent."""


TRANSITIONS: dict[tuple[Phase, type[Fact]], Phase] = {
    (Phase.RINGING, CallAnswered): Phase.ANSWERED,
    (Phase.RINGING, CancelReceived): Phase.CLOSING,
    (Phase.RINGING, ByeReceived): Phase.CLOSING,
    (Phase.RINGING, CallEnded): Phase.ENDED,
    (Phase.ANSWERED, CallAcknowledged): Phase.ESTABLISHED,
    (Phase.ANSWERED, DigitsPressed): Phase.ANSWERED,
    (Phase.ANSWERED, DigitSignalled): Phase.ANSWERED,
    (Phase.ANSWERED, LineFellSilent): Phase.ANSWERED,
    (Phase.ANSWERED, LineHeard): Phase.ANSWERED,
    (Phase.ANSWERED, CallLost): Phase.ANSWERED,
    (Phase.ANSWERED, PromptEnded): Phase.ANSWERED,
    (Phase.ANSWERED, QuestionContinued): Phase.ANSWERED,
    (Phase.ANSWERED, MessageStarted): Phase.ANSWERED,
    (Phase.ANSWERED, MessageRecorded): Phase.ANSWERED,
    (Phase.ANSWERED, UseStarted): Phase.ANSWERED,
    (Phase.ANSWERED, UseRouted): Phase.ANSWERED,
    (Phase.ANSWERED, LegPlaced): Phase.ANSWERED,
    (Phase.ANSWERED, LegJoined): Phase.ANSWERED,
    (Phase.ANSWERED, LegReferred): Phase.ANSWERED,
    (Phase.ANSWERED, ReferralEnded): Phase.ANSWERED,
    (Phase.ANSWERED, StepEnded): Phase.ANSWERED,
    (Phase.ANSWERED, FlowFailed): Phase.ANSWERED,
    (Phase.ANSWERED, UseEnded): Phase.ANSWERED,
    (Phase.ANSWERED, SecretKeyed): Phase.ANSWERED,
    (Phase.ANSWERED, SecretLost): Phase.ANSWERED,
    (Phase.ANSWERED, SecretKept): Phase.ANSWERED,
    (Phase.ANSWERED, FlowEnded): Phase.ANSWERED,
    (Phase.ANSWERED, CallInterrupted): Phase.ANSWERED,
    (Phase.ANSWERED, ByeReceived): Phase.CLOSING,
    (Phase.ANSWERED, ByeSent): Phase.LEAVING,
    (Phase.ESTABLISHED, ReinviteAnswered): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, ReinviteSent): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, ReinviteEnded): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, ReinviteAcknowledged): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, DigitsPressed): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, DigitSignalled): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, LineFellSilent): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, LineHeard): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, CallLost): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, PromptEnded): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, QuestionContinued): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, MessageStarted): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, MessageRecorded): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, UseStarted): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, UseRouted): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, LegPlaced): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, LegJoined): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, ReferTaken): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, NotifySent): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, LegReferred): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, ReferralEnded): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, TransferAsked): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, TransferProgressed): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, RequestProven): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, StepEnded): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, FlowFailed): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, UseEnded): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, SecretKeyed): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, SecretLost): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, SecretKept): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, FlowEnded): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, CallInterrupted): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, PeerAsked): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, PeerFound): Phase.ESTABLISHED,
    (Phase.ESTABLISHED, ByeReceived): Phase.CLOSING,
    (Phase.ESTABLISHED, ByeSent): Phase.LEAVING,
    (Phase.LEAVING, MessageRecorded): Phase.LEAVING,
    (Phase.LEAVING, UseStarted): Phase.LEAVING,
    (Phase.LEAVING, StepEnded): Phase.LEAVING,
    (Phase.LEAVING, UseEnded): Phase.LEAVING,
    (Phase.LEAVING, FlowEnded): Phase.LEAVING,
    (Phase.LEAVING, RequestProven): Phase.LEAVING,
    (Phase.LEAVING, ByeReceived): Phase.CLOSING,
    (Phase.LEAVING, CallEnded): Phase.ENDED,
    (Phase.CLOSING, MessageRecorded): Phase.CLOSING,
    (Phase.CLOSING, UseStarted): Phase.CLOSING,
    (Phase.CLOSING, StepEnded): Phase.CLOSING,
    (Phase.CLOSING, UseEnded): Phase.CLOSING,
    (Phase.CLOSING, FlowEnded): Phase.CLOSING,
    (Phase.CLOSING, CallEnded): Phase.ENDED,
    (Phase.PLACING, CallProgressed): Phase.PROCEEDING,
    (Phase.PLACING, CallRetried): Phase.PLACING,
    (Phase.PLACING, CallAnswered): Phase.ESTABLISHED,
    (Phase.PLACING, CallCancelled): Phase.CANCELLING,
    (Phase.PLACING, CallRefused): Phase.CLOSING,
    (Phase.PLACING, CallEnded): Phase.ENDED,
    (Phase.PROCEEDING, CallProgressed): Phase.PROCEEDING,
    (Phase.PROCEEDING, CallRetried): Phase.PLACING,
    (Phase.PROCEEDING, CallAnswered): Phase.ESTABLISHED,
    (Phase.PROCEEDING, CallCancelled): Phase.CANCELLING,
    (Phase.PROCEEDING, CallRefused): Phase.CLOSING,
    (Phase.CANCELLING, CallProgressed): Phase.CANCELLING,
    (Phase.CANCELLING, CallAnswered): Phase.ESTABLISHED,
    (Phase.CANCELLING, CallRefused): Phase.CLOSING,
    **{(phase, BidPlaced): phase for phase in (Phase.PLACING, Phase.PROCEEDING)},
    **{(phase, BidLed): Phase.PLACING for phase in (Phase.PLACING, Phase.PROCEEDING)},
    **{
        (phase, kind): phase
        for kind in (BidHeard, BidAbandoned, BidEnded, BidDeclined)
        for phase in (
            Phase.PLACING,
            Phase.PROCEEDING,
            Phase.CANCELLING,
            Phase.ESTABLISHED,
            Phase.LEAVING,
            Phase.CLOSING,
        )
    },
    (Phase.ESTABLISHED, ForkAnswered): Phase.ESTABLISHED,
    (Phase.LEAVING, ForkAnswered): Phase.LEAVING,
    (Phase.CLOSING, ForkAnswered): Phase.CLOSING,
}
"""Every fact that may follow in every phase. A pair that is absent is a bug of ours and raises `LocalError`."""
