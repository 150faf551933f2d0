"""What `calls` and `media` say to one another, as values; `mediawire` makes datagrams of them.

Commands are numbered by call and may be repeated; events follow what the slots say already.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from keepline.node.secretwire import SecretCommand, SecretNews

FRAME_MS: Final = 20
FRAMES_MS: Final = (10, 20, 30, 40, 60)
"""The lengths of packet that can be sent; any can be received."""


class FinishReason(Enum):
    """Why a play is over."""

    ENDED = 1
    """Its last frame was sent."""
    DIGIT = 2
    """A digit interrupted it, or was there before it began."""
    STOPPED = 3
    """`StopPlay`."""
    FAILED = 4
    """There is no such prompt, or it cannot be read."""


@dataclass(frozen=True, slots=True)
class StreamWay:
    """How a stream runs besides its addresses."""

    networks: tuple[str, ...] = ()
    """CIDR, at most `MEDIA_NETWORKS_MAX`: where the peer's packets may come from; none: only its own address."""
    frame_ms: int = FRAME_MS
    """Audio in each packet that we send."""
    rtcp_mux: bool = False
    """RTCP goes by the RTP port (RFC 5761)."""
    sends: bool = True
    """False while the peer holds us: nothing is sent, a play stands still."""
    hears: bool = True
    """False while nothing is expected of the peer: its silence is no dead air."""


@dataclass(frozen=True, slots=True)
class Open:
    """Take a slot for a call and start sending; ignored when the slot already carries this call."""

    call: int
    slot: int
    number: int
    """Commands of one call are numbered upwards; one that is not above the slot's `applied` is ignored."""
    remote_host: str
    """An IP address, version 4 or 6."""
    remote_port: int
    payload_type: int
    """0 (PCMU) or 8 (PCMA)."""
    dtmf_payload_type: int | None
    ssrc: int
    seq: int
    """The first packet's sequence number."""
    ts: int
    """The first packet's timestamp."""
    way: StreamWay = StreamWay()
    dead_air_ms: int = 0
    """Silence of the peer that is worth an event; 0 for none."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """The stream goes on, same SSRC, sequence and clock, with another remote end or another way (a re-INVITE)."""

    call: int
    slot: int
    number: int
    """Redirects of one call have numbers of their own, upwards from 1; a smaller one than the last is ignored."""
    remote_host: str
    remote_port: int
    payload_type: int
    dtmf_payload_type: int | None
    way: StreamWay = StreamWay()


@dataclass(frozen=True, slots=True)
class Play:
    """Play a prompt from its beginning, in place of whatever plays."""

    call: int
    slot: int
    number: int
    key: str
    """32 hexadecimal digits: the stem of the prompt's file name."""
    repeat: bool = False
    barge_in: bool = False
    digits_seen: int = 0
    """With `barge_in`: the digits the flow has had; when the slot has more, the play is finished at once."""


@dataclass(frozen=True, slots=True)
class StopPlay:
    """Stop the play of this number, or one before it, with the reason `STOPPED`."""

    call: int
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """Stop sending and free the slot; its statistics stay readable until the next `Open`. Answered by `Closed`."""

    call: int
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """A media process took over: commands without an effect in the slots may be sent again, slots be read again."""

    epoch: int


@dataclass(frozen=True, slots=True)
class PlayFinished:
    """A play is over; the slot says the same."""

    call: int
    slot: int
    number: int
    reason: FinishReason


@dataclass(frozen=True, slots=True)
class DigitsReceived:
    """The slot's ring of digits has grown."""

    call: int
    slot: int
    head: int
    """Digits ever received in this call."""


@dataclass(frozen=True, slots=True)
class Latched:
    """The first packet came from the peer; from now on only its address and port are heard."""

    call: int
    slot: int


@dataclass(frozen=True, slots=True)
class Closed:
    """The slot does not carry this call (any more), and what it says of the call will not change."""

    call: int
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class DeadAir:
    """Nothing was heard of the peer for longer than `Open.dead_air_ms`."""

    call: int
    slot: int
    silent_ms: int
    ever_heard: bool


@dataclass(frozen=True, slots=True)
class AirBack:
    """The peer is heard again, or for the first time."""

    call: int
    slot: int
    silent_ms: int


class RecordEnd(Enum):
    """Why a recording is over."""

    STOPPED = 1
    """`StopRecord`, or another `Record`."""
    LIMIT = 2
    """It is as long as it may be."""
    CLOSED = 3
    """The call's media ended, or went on with another codec."""
    FAILED = 4
    """The disk would not have it; what there is of it is there."""
    SILENCE = 5
    """The caller made no sound for as long as it may."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record what is heard of the caller, or with `both` what it hears as well, the two as the channels of one file.

    Repeated for a recording that is over, it is answered by the `RecordingEnded` that may have been lost.
    """

    call: int
    slot: int
    number: int
    """Recordings of one call have numbers of their own, upwards from 1; one not above the last is ignored."""
    key: str
    """32 hexadecimal digits: the stem of the file's name."""
    length_ms_max: int
    both: bool = False
    silence_ms: int = 0
    """Of the caller, that ends it; 0 for none."""


@dataclass(frozen=True, slots=True)
class StopRecord:
    """End a recording; answered by `RecordingEnded` also when it is over or never was."""

    call: int
    slot: int
    number: int
    """Of the recording."""
    key: str = ""
    """Of its file, 32 hex digits: of what the slot knows nothing the file says how long it is; empty for none."""


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """The file is whole and closed. A successor of the process that should have said so is asked by `StopRecord`."""

    call: int
    slot: int
    number: int
    why: RecordEnd
    length_ms: int
    heard_ms: int = 0
    """How much of it there was when the caller was last heard to make a sound."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """Let the call and another hear one another, in place of any other bridge of theirs, until either is closed."""

    call: int
    slot: int
    number: int
    """Bridges of one call have numbers of their own, upwards from 1; one not above the last is ignored."""
    other_call: int
    other_slot: int


@dataclass(frozen=True, slots=True)
class Unbridge:
    """End the bridge of this number, or one before it: both hear silence."""

    call: int
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class Deafen:
    """No tone counts as a key in this call any more: they come another way. May be repeated."""

    call: int
    slot: int
    number: int = 0


Command = Open | Play | StopPlay | Close | Redirect | Record | StopRecord | Bridge | Unbridge | Deafen | SecretCommand
Event = (
    MediaStarted | PlayFinished | DigitsReceived | Latched | Closed | DeadAir | AirBack | RecordingEnded | SecretNews
)
