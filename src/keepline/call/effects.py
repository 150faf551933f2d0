"""What the call core asks the shell to do, and what the shell tells it (`inputs`). Frozen values, in order."""

from dataclasses import field

from keepline.call.effects_run import RunEffect
from keepline.call.effects_secret import (
    CollectSecret,
    EndSecretEntry,
    ForgetSecrets,
    HearOpenly,
    PassSecretKey,
    SecretEffect,
)
from keepline.call.effects_work import CloseWork, WorkAnswered, WorkCounted, WorkEffect
from keepline.call.facts import Fact
from keepline.call.inputs import (
    CallAdopted,
    CallLeft,
    CapabilityAnswered,
    ConnectionLost,
    DatagramReceived,
    DeadAirBegan,
    DeadAirEnded,
    DigitsHeard,
    Drain,
    HangUpAll,
    Input,
    MediaRestarted,
    MediaSeen,
    MediaStopped,
    MessageReceived,
    PlaceCall,
    PromptPlayed,
    RecordingFinished,
    SecretHeard,
    SendFailed,
    StandbyCame,
    StreamBroken,
    TimeCame,
    TrunkLocated,
    WakeSome,
)
from keepline.model.frozen import frozen
from keepline.model.operation import Prompt
from keepline.sip.message import Request, Response
from keepline.sip.peers import Address, TcpPeer

__all__ = [
    "Address", "BridgeMedia", "CallAdopted", "CallCapability", "CallLeft", "CapabilityAnswered", "CloseConnection",
    "CloseMedia", "CloseWork", "CollectSecret", "ConnectionLost", "DatagramReceived", "DeadAirBegan", "DeadAirEnded",
    "DigitsHeard", "Drain", "Effect", "EndSecretEntry", "ForgetSecrets", "HangUpAll", "HearOpenly", "Input",
    "InspectMedia", "MediaRestarted", "MediaSeen", "MediaStopped", "MediaWay", "MessageReceived", "OpenMedia",
    "PassSecretKey", "Persist", "PlaceCall", "PlacementAnswered", "PlayPrompt", "PromptPlayed", "RecordMedia",
    "RecordingFinished", "RedirectMedia", "Report", "SecretEffect", "SecretHeard", "SendFailed", "SendSip",
    "SendSipAtOnce", "StandbyCame", "StopPrompt", "StopRecording", "StreamBroken", "TcpPeer", "TimeCame",
    "TrunkLocated", "UnbridgeMedia", "WakeSome", "WorkAnswered", "WorkCounted", "WorkEffect",
]  # fmt: skip


# Effects ------------------------------------------------------------------------------------------------------------


@frozen
class Persist:
    """Write this fact; effects that follow wait until it is written."""

    fact: Fact
    synced: bool = False
    """And until a power cut would not undo it."""
    promised: bool = False
    """With `synced`: what the call does from here on waits for that too, since its caller would hear of it."""


@frozen
class SendSip:
    """Send one SIP message."""

    data: bytes
    peer: Address
    message: Request | Response | None = field(default=None, compare=False, repr=False)
    """What the bytes say, where that is at hand: for a reader that is no other program. Not to be changed."""


@frozen
class SendSipAtOnce(SendSip):
    """Send one that no fact precedes, and that need not wait for those of others: a stateless answer."""


@frozen
class CloseConnection:
    """Close a TCP connection, once what was sent before is on its way."""

    peer: TcpPeer


@frozen
class MediaWay:
    """How a stream runs besides its two ends."""

    networks: tuple[str, ...] = ()
    """CIDR: where the peer's packets may come from; none: only its signalled address."""
    frame_ms: int = 20
    """Audio in each packet that we send: 10, 20, 30, 40 or 60."""
    rtcp_mux: bool = False
    direction: str = "sendrecv"
    """Ours (RFC 3264 §8.4): `recvonly` and `inactive` send nothing, in `sendonly` and `inactive` silence is no news."""


@frozen
class OpenMedia:
    """Give the call's slot its two ends; RTP begins. Idempotent by call."""

    call: str
    slot: int
    remote_host: str
    remote_port: int
    payload_type: int
    dtmf_payload_type: int
    ssrc: int
    seq: int
    ts: int
    way: MediaWay = MediaWay()
    dead_air_s: float = 0.0
    """Silence of the peer that is to be told; 0 for none."""


@frozen
class RedirectMedia:
    """The stream goes on towards another end or in another way (a re-INVITE). Idempotent by (call, number)."""

    call: str
    slot: int
    number: int
    """Of its own, upwards from 1: 1 is the first re-INVITE that changes the session."""
    remote_host: str
    remote_port: int
    payload_type: int
    dtmf_payload_type: int
    way: MediaWay = MediaWay()


@frozen
class PlayPrompt:
    """Play a prompt, rendering it first if need be. Idempotent by (call, number)."""

    call: str
    slot: int
    number: int
    prompt: Prompt
    repeat: bool
    barge_in: bool
    digits_seen: int


@frozen
class StopPrompt:
    """Silence: the play of this number is over, and those before it. Idempotent by (call, number)."""

    call: str
    slot: int
    number: int


@frozen
class RecordMedia:
    """Record the call into `recordings/<key>.wav`, in place of its other one. Idempotent by (call, number).

    What a file of that key holds already it keeps: the recording goes on after it.

    Of one that is over the shell answers with `RecordingFinished`.
    """

    call: str
    slot: int
    number: int
    """Of its own, upwards from 1."""
    key: str
    """32 hex digits."""
    length_s_max: float
    both: bool = False
    """What the caller hears as well, as the second channel."""
    silence_s: float = 0.0
    """Of the caller, that ends it; 0 for none."""


@frozen
class StopRecording:
    """End a recording; the shell answers with `RecordingFinished`, also when it was over."""

    call: str
    slot: int
    number: int
    key: str = ""
    """Where the file is, should media's memory be gone: how long it is says the file."""


@frozen
class BridgeMedia:
    """Let the call's stream and another call's hear one another. Idempotent by (call, number); a close ends it too."""

    call: str
    slot: int
    number: int
    """Of its own, upwards from 1; of the call that orders it."""
    other_call: str
    other_slot: int


@frozen
class UnbridgeMedia:
    """The bridge of this number is over, and those before it: both hear silence. Idempotent by (call, number)."""

    call: str
    slot: int
    number: int


@frozen
class IgnoreTones:
    """No tone in the audio is a key of this call any more: its keys come by INFO. May be repeated."""

    call: str
    slot: int


@frozen
class CloseMedia:
    """RTP ends; the shell answers with `MediaStopped` once media has closed the slot."""

    call: str
    slot: int
    number: int
    at_once: bool = False
    """Media had its time: answer with the figures as they stand."""


@frozen
class InspectMedia:
    """Ask for a `MediaSeen` of the slot as it stands: what happened while nobody listened."""

    call: str
    slot: int


@frozen
class CallCapability:
    """Ask something of a capability; the shell answers with `CapabilityAnswered`, at the deadline at the latest."""

    call: str
    step: int
    capability: str
    action: str
    arguments: str
    """JSON, as `keepline.flow.capabilities` writes it."""
    idempotency_key: str
    """The same for every attempt of one step."""
    deadline_s: float
    """Node time."""
    changes: bool
    """Never to be asked before its fact is synced."""
    attempt: int
    operation: str
    """Digest of the version whose capability it is."""
    slot: int = -1
    """Where media holds the secrets that the arguments name."""
    path: str = ""
    """Of a change: the one path that it is asked of; empty for the first."""
    may_skip: bool = False
    """Another path may be asked instead: one that is down need not be tried."""
    may_hedge: bool = False
    """A second path may be asked while the first is silent: nothing is changed, and somebody waits."""


@frozen
class PlacementAnswered:
    """What became of a `PlaceCall` without a parent: it has begun, on record, or cannot be."""

    call: str
    mistake: str = ""
    """What is wrong with what was asked; there is no record then."""


@frozen
class Report:
    """A line for the log: what an operator should know, with its fields."""

    event: str
    call: str
    detail: str


@frozen
class RegistrationChanged:
    """How a trunk's registration is doing, for whoever asks about the node."""

    trunk: str
    is_registered: bool
    until_s: float
    """In node time; 0 where it is not."""
    why: str
    """What went wrong last; empty after a success."""


Effect = (
    Persist
    | SendSip
    | CloseConnection
    | OpenMedia
    | RedirectMedia
    | RecordMedia
    | StopRecording
    | PlayPrompt
    | StopPrompt
    | BridgeMedia
    | UnbridgeMedia
    | IgnoreTones
    | CloseMedia
    | InspectMedia
    | CallCapability
    | PlacementAnswered
    | SecretEffect
    | RegistrationChanged
    | WorkEffect
    | RunEffect
    | Report
)
