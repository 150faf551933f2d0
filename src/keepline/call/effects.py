"""What the call core asks the shell to do, and what the shell tells it. Frozen values, in order."""

from dataclasses import dataclass

from keepline.call.facts import CallEnded, Fact
from keepline.flow.capabilities import UseOutcome
from keepline.model.operation import Prompt

Address = tuple[str, int]


# Effects ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Persist:
    """Write this fact; effects that follow wait until it is written."""

    fact: Fact
    synced: bool = False
    """And until a power cut would not undo it."""


@dataclass(frozen=True, slots=True)
class SendSip:
    """Send one SIP message."""

    data: bytes
    peer: Address


@dataclass(frozen=True, slots=True)
class MediaWay:
    """How a stream runs besides its two ends."""

    networks: tuple[str, ...] = ()
    """CIDR: where the peer's packets may come from; none: only its signalled address."""
    frame_ms: int = 20
    """Audio in each packet that we send: 10, 20, 30, 40 or 60."""
    rtcp_mux: bool = False
    direction: str = "sendrecv"
    """Ours (RFC 3264 §8.4): `recvonly` and `inactive` send nothing, in `sendonly` and `inactive` silence is no news."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class PlayPrompt:
    """Play a prompt, rendering it first if need be. Idempotent by (call, number)."""

    call: str
    slot: int
    number: int
    prompt: Prompt
    repeat: bool
    barge_in: bool
    digits_seen: int


@dataclass(frozen=True, slots=True)
class StopPrompt:
    """Silence: the play of this number is over, and those before it. Idempotent by (call, number)."""

    call: str
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class RecordMedia:
    """Record the call into `recordings/<key>.wav`, in place of its other one. Idempotent by (call, number)."""

    call: str
    slot: int
    number: int
    """Of its own, upwards from 1."""
    key: str
    """32 hex digits."""
    length_s_max: float
    both: bool = False
    """What the caller hears as well, as the second channel."""


@dataclass(frozen=True, slots=True)
class StopRecording:
    """End a recording; the shell answers with `RecordingFinished`, also when it was over."""

    call: str
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class CloseMedia:
    """RTP ends; the shell answers with `MediaStopped` once media has closed the slot."""

    call: str
    slot: int
    number: int
    at_once: bool = False
    """Media had its time: answer with the figures as they stand."""


@dataclass(frozen=True, slots=True)
class InspectMedia:
    """Ask for a `MediaSeen` of the slot as it stands: what happened while nobody listened."""

    call: str
    slot: int


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Report:
    """A line for the log: what an operator should know, with its fields."""

    event: str
    call: str
    detail: str


Effect = (
    Persist
    | SendSip
    | OpenMedia
    | RedirectMedia
    | RecordMedia
    | StopRecording
    | PlayPrompt
    | StopPrompt
    | CloseMedia
    | InspectMedia
    | CallCapability
    | Report
)


# Inputs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatagramReceived:
    """One datagram on the SIP port."""

    data: bytes
    source: Address


@dataclass(frozen=True, slots=True)
class PromptPlayed:
    """Media finished play `number`: ended, digit, stopped or failed."""

    call: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class DigitsHeard:
    """Media has received `head` digits in this call; `ring` holds the last of them."""

    call: str
    head: int
    ring: str


@dataclass(frozen=True, slots=True)
class MediaSeen:
    """A slot as it stands."""

    call: str
    finished: int
    reason: str
    head: int
    ring: str


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class DeadAirBegan:
    """Nothing has been heard of the caller's line for long enough to be told."""

    call: str
    silent_s: float
    ever_heard: bool


@dataclass(frozen=True, slots=True)
class DeadAirEnded:
    """The caller's line is heard again, or for the first time."""

    call: str
    silent_s: float


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """The file of a recording is whole and closed: stopped, limit, closed (the call's media ended) or failed.

    A new media process does not say it again: who waits for it repeats `StopRecording` on `MediaRestarted`.
    """

    call: str
    number: int
    why: str
    length_s: float


@dataclass(frozen=True, slots=True)
class CapabilityAnswered:
    """What came of a use; `step` and `attempt` are those of its `CallCapability`."""

    call: str
    step: int
    outcome: UseOutcome
    attempt: int


@dataclass(frozen=True, slots=True)
class MediaRestarted:
    """Media is a new process: say again what every call needs."""


@dataclass(frozen=True, slots=True)
class TimeCame:
    """A deadline of the core has passed."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Take no new calls."""


@dataclass(frozen=True, slots=True)
class HangUpAll:
    """End every call now."""

    why: str


@dataclass(frozen=True, slots=True)
class CallAdopted:
    """A call of a process that died, by its facts. It sleeps until it is touched."""

    call: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class CallLeft:
    """A call that ended lately in a process that died: its late requests still need their answers."""

    ended: CallEnded


@dataclass(frozen=True, slots=True)
class WakeSome:
    """Wake up to `count` sleeping calls."""

    count: int


Input = (
    DatagramReceived
    | PromptPlayed
    | DigitsHeard
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
)
