"""What the shell tells the call core. Frozen values."""

from keepline.call.effects_incident import IncidentInput, NodeNews
from keepline.call.effects_message import MessageInput
from keepline.call.effects_number import PointNumber
from keepline.call.effects_path import DrillCarrier, PathTold, WishPath
from keepline.call.effects_person import Decide, SettleAction
from keepline.call.effects_playbook import SayOfStep
from keepline.call.effects_run import RunInput
from keepline.call.effects_work import CloseWork, RetryWork
from keepline.call.facts import CallEnded, Fact
from keepline.flow.capabilities import UseOutcome
from keepline.model.frozen import frozen
from keepline.sip.locating import SipServer
from keepline.sip.peers import Address, TcpPeer

RING_TIMEOUT_S = 60.0
"""How long a call that we place may take to be answered, where nothing is said."""


@frozen
class DatagramReceived:
    """One datagram on the SIP port."""

    data: bytes
    source: Address
    waited_s: float = 0.0
    """For its turn, where it begins a call."""


@frozen
class MessageReceived:
    """One whole message of a TCP connection."""

    data: bytes
    source: TcpPeer


@frozen
class StreamBroken:
    """What a TCP connection brings cannot be taken apart into messages any more."""

    data: bytes
    """The head of the message that cannot be delimited, as far as it came."""
    source: TcpPeer
    status: int
    """To answer it with, where enough of it can be read."""
    why: str


@frozen
class SendFailed:
    """A message could not be sent over TCP: no connection could be made, or it was gone."""

    data: bytes
    peer: TcpPeer
    why: str


@frozen
class RequestBounced:
    """Nobody is where a request of ours was sent over UDP, as the network says."""

    method: str
    branch: str
    peer: tuple[str, int]
    why: str


@frozen
class TrunkLocated:
    """The resolver knows where the proxy of a trunk is, or knows it anew."""

    trunk: str
    servers: tuple[SipServer, ...]


@frozen
class ConnectionLost:
    """A TCP connection is closed; requests of ours that nobody has answered over it never will be."""

    peer: TcpPeer
    why: str


@frozen
class PromptPlayed:
    """Media finished play `number`: ended, digit, stopped or failed."""

    call: str
    number: int
    reason: str


@frozen
class DigitsHeard:
    """Media has received `head` digits in this call; `ring` holds the last of them."""

    call: str
    head: int
    ring: str


@frozen
class SecretHeard:
    """What media has of an entry that nobody sees."""

    call: str
    number: int
    """Of the entry."""
    count: int
    """Keys."""
    state: str
    """open, answered, too_short, invalid, no_input, or lost with a media process that died."""
    info_cseq: int = 0
    """Of the last INFO whose key media took."""


@frozen
class MediaSeen:
    """A slot as it stands."""

    call: str
    finished: int
    reason: str
    head: int
    ring: str
    secret: SecretHeard | None = None
    """None where keys are not private."""
    line_silent: bool = False
    """Dead air lasts."""
    heard: bool = False
    """A packet of the peer's has come since media was opened."""


@frozen
class MediaStopped:
    """The slot is closed; these were its figures."""

    call: str
    packets_sent: int = 0
    packets_received: int = 0
    lost: int = 0
    jitter_ms: float = 0.0
    frame_ms: int = 20
    round_trip_ms: float | None = None
    """None where RTCP measured none."""
    has_reports: bool = False
    """The peer told by RTCP how our stream arrived."""
    peer_lost: int = 0
    peer_jitter_ms: float = 0.0
    dead_air_s: float = 0.0
    dead_air_at_s: float | None = None
    """When it first began, seconds after media opened; None where it never did."""


@frozen
class DeadAirBegan:
    """Nothing has been heard of the caller's line for long enough to be told."""

    call: str
    silent_s: float
    ever_heard: bool


@frozen
class DeadAirEnded:
    """The caller's line is heard again, or for the first time."""

    call: str
    silent_s: float


@frozen
class RecordingFinished:
    """The file of a recording is whole: stopped, limit, silence, closed (the call's media ended) or failed.

    A new media process does not say it again by itself: who waits for it repeats `RecordMedia`, or `StopRecording`.
    """

    call: str
    number: int
    why: str
    length_s: float
    heard_s: float = 0.0
    """How much of it there was when the caller was last heard to make a sound."""


@frozen
class UseRoute:
    """By which paths a use that changes nothing went, where that was not simply the first one."""

    path: str
    """That answered; empty where none did."""
    why: str
    """Why each was asked, and what came of it."""
    hedged: str = ""
    """The path that was asked beside a silent one."""
    after_s: float = 0.0
    """How long the silent one had been waited for."""


@frozen
class CapabilityAnswered:
    """What came of a use; `step` and `attempt` are those of its `CallCapability`."""

    call: str
    step: int
    outcome: UseOutcome
    attempt: int
    route: UseRoute | None = None


@frozen
class MediaRestarted:
    """Media is a new process: say again what every call needs."""


@frozen
class TimeCame:
    """A deadline of the core has passed."""


@frozen
class Drain:
    """Take no new calls."""


@frozen
class HangUpAll:
    """End every call now."""

    why: str


@frozen
class CallAdopted:
    """A call of a process that died, by its facts. It sleeps until it is touched."""

    call: str
    facts: tuple[Fact, ...]
    lost_media: bool = False
    """Media's memory has nothing of it: the node died as a whole, or before media heard of the call."""
    lost_keys: bool = False
    """It is the former: that memory is younger than the call."""


@frozen
class CallLeft:
    """A call that ended lately in a process that died: its late requests still need their answers."""

    ended: CallEnded


@frozen
class WakeSome:
    """Wake up to `count` sleeping calls."""

    count: int


@frozen
class StandbyCame:
    """Another process is ready to take over at once: what may kill this one may be worked on again."""


@frozen
class PlaceCall:
    """Place a call. One whose id is known is not placed twice."""

    number: str
    """E.164, an extension or a user's name, as `numbers` has them."""
    flow: str = ""
    """What runs once it is answered; empty for a leg that its parent deals with."""
    call: str = ""
    """Its id, 16 hex digits; empty to have one made."""
    from_number: str = ""
    """Whom the callee sees; empty for the trunk's."""
    variables: tuple[tuple[str, str], ...] = ()
    """What the flow reads as `call.variables`."""
    trunk: str = ""
    """Empty for the first that places calls."""
    ring_timeout_s: float = RING_TIMEOUT_S
    parent: str = ""
    """Id of the call whose step places it; empty for none."""
    parent_step: int = -1
    avoid: str = ""
    """The carrier that is asked last."""


Input = (
    DatagramReceived
    | MessageReceived
    | StreamBroken
    | SendFailed
    | RequestBounced
    | ConnectionLost
    | TrunkLocated
    | PromptPlayed
    | DigitsHeard
    | SecretHeard
    | MediaSeen
    | MediaStopped
    | DeadAirBegan
    | DeadAirEnded
    | RecordingFinished
    | MediaRestarted
    | CapabilityAnswered
    | TimeCame
    | Drain
    | HangUpAll
    | CallAdopted
    | CallLeft
    | WakeSome
    | StandbyCame
    | PlaceCall
    | CloseWork
    | RetryWork
    | RunInput
    | WishPath
    | PathTold
    | DrillCarrier
    | PointNumber
    | IncidentInput
    | SayOfStep
    | NodeNews
    | MessageInput
    | Decide
    | SettleAction
)
