"""Commands from `calls` to `media` and events back, as datagrams of one AF_UNIX SOCK_SEQPACKET socket pair.

A datagram is a header (magic, epoch, count) and `count` records of one fixed size, so that a batch is read without
a parser and a torn one cannot exist. Peers are our own processes: bytes that do not fit are a `LocalError`.
It refuses to interpret: what a repeated, late or foreign command means is decided in `media`, by the slots.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct, error
from typing import Final

from keepline.model.errors import LocalError
from keepline.model.limits import MEDIA_RECORDS_PER_DATAGRAM_MAX

COMMAND_MAGIC: Final = b"KLC1"
EVENT_MAGIC: Final = b"KLE1"
NO_DTMF: Final = 255
"""The payload type that stands for "no telephone-event was agreed"; real ones are below 128."""

_HEADER: Final = Struct("!4sII")
_COMMAND: Final = Struct("<BBBBIIQIHHI16s16sI")
_EVENT: Final = Struct("<BBxxIIQI")
DATAGRAM_BYTES_MAX: Final = _HEADER.size + MEDIA_RECORDS_PER_DATAGRAM_MAX * max(_COMMAND.size, _EVENT.size)

_OPEN, _PLAY, _STOP_PLAY, _CLOSE = 1, 2, 3, 4
_MEDIA_STARTED, _PLAY_FINISHED, _DIGITS, _LATCHED, _CLOSED = 1, 2, 3, 4, 5
_NO_IP: Final = bytes(16)
_NO_KEY: Final = bytes(16)

FLAG_REPEAT: Final = 1
FLAG_BARGE_IN: Final = 2


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
class Open:
    """Take a slot for a call and start sending; ignored when the slot already carries this call."""

    call: int
    slot: int
    number: int
    """Commands of one call are numbered upwards; one that is not above the slot's `applied` is ignored."""
    remote_host: str
    """An IP address, version 4 or 6; only packets from it are ever accepted."""
    remote_port: int
    payload_type: int
    """0 (PCMU) or 8 (PCMA)."""
    dtmf_payload_type: int | None
    ssrc: int
    seq: int
    """The first packet's sequence number."""
    ts: int
    """The first packet's timestamp."""


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
    """Stop whatever plays, with the reason `STOPPED`."""

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


Command = Open | Play | StopPlay | Close
Event = MediaStarted | PlayFinished | DigitsReceived | Latched | Closed


def pack_ip(host: str) -> bytes:
    """The 16 bytes of an address, version 4 as v4-mapped; `ValueError` when it is not one."""
    address = ip_address(host)
    if isinstance(address, IPv4Address):
        return b"\0" * 10 + b"\xff\xff" + address.packed
    return address.packed


def unpack_ip(packed: bytes) -> str:
    """The address in its usual notation, v4-mapped as version 4."""
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def encode_commands(epoch: int, commands: Iterable[Command]) -> list[bytes]:
    """The datagrams that carry these commands in order; none for no command."""
    return _datagrams(COMMAND_MAGIC, epoch, [_command_record(command) for command in commands])


def decode_commands(data: bytes) -> tuple[int, list[Command]]:
    """The epoch and the commands of one datagram; `LocalError` when it is none."""
    epoch, body = _body(COMMAND_MAGIC, data, _COMMAND.size)
    return epoch, [_command(record) for record in _COMMAND.iter_unpack(body)]


def encode_events(epoch: int, events: Iterable[Event]) -> list[bytes]:
    """The datagrams that carry these events in order; none for no event. `epoch` is media's own."""
    return _datagrams(EVENT_MAGIC, epoch, [_event_record(event) for event in events])


def decode_events(data: bytes) -> tuple[int, list[Event]]:
    """Media's epoch and the events of one datagram; `LocalError` when it is none."""
    epoch, body = _body(EVENT_MAGIC, data, _EVENT.size)
    return epoch, [_event(record) for record in _EVENT.iter_unpack(body)]


def _datagrams(magic: bytes, epoch: int, records: Sequence[bytes]) -> list[bytes]:
    step = MEDIA_RECORDS_PER_DATAGRAM_MAX
    return [
        _HEADER.pack(magic, epoch, len(records[at : at + step])) + b"".join(records[at : at + step])
        for at in range(0, len(records), step)
    ]


def _body(magic: bytes, data: bytes, record_bytes: int) -> tuple[int, bytes]:
    if len(data) < _HEADER.size:
        raise LocalError(f"media datagram of {len(data)} bytes")
    found, epoch, count = _HEADER.unpack_from(data)
    body = data[_HEADER.size :]
    if found != magic or len(body) != count * record_bytes:
        raise LocalError(f"media datagram {found!r} with {count} records in {len(body)} bytes")
    return epoch, body


def _command_record(command: Command) -> bytes:
    call, slot, number = command.call, command.slot, command.number
    try:
        match command:
            case Open():
                dtmf = NO_DTMF if command.dtmf_payload_type is None else command.dtmf_payload_type
                head = (_OPEN, 0, command.payload_type, dtmf, slot, number, call)
                address = (command.remote_port, command.ts, pack_ip(command.remote_host))
                return _COMMAND.pack(*head, command.ssrc, command.seq, *address, _NO_KEY, 0)
            case Play():
                flags = (FLAG_REPEAT if command.repeat else 0) | (FLAG_BARGE_IN if command.barge_in else 0)
                key = bytes.fromhex(command.key)
                if len(key) != 16:
                    raise LocalError(f"prompt key {command.key!r} is not 32 hexadecimal digits")
                head = (_PLAY, flags, 0, NO_DTMF, slot, number, call)
                return _COMMAND.pack(*head, 0, 0, 0, 0, _NO_IP, key, command.digits_seen)
            case StopPlay() | Close():
                kind = _STOP_PLAY if isinstance(command, StopPlay) else _CLOSE
                return _COMMAND.pack(kind, 0, 0, NO_DTMF, slot, number, call, 0, 0, 0, 0, _NO_IP, _NO_KEY, 0)
    except (ValueError, error) as problem:
        raise LocalError(f"{command} does not fit its record: {problem}") from problem


def _command(record: tuple[int, int, int, int, int, int, int, int, int, int, int, bytes, bytes, int]) -> Command:
    kind, flags, pt, dtmf, slot, number, call, ssrc, seq, port, ts, ip, key, seen = record
    match kind:
        case 1:
            return Open(call, slot, number, unpack_ip(ip), port, pt, None if dtmf == NO_DTMF else dtmf, ssrc, seq, ts)
        case 2:
            return Play(call, slot, number, key.hex(), bool(flags & FLAG_REPEAT), bool(flags & FLAG_BARGE_IN), seen)
        case 3:
            return StopPlay(call, slot, number)
        case 4:
            return Close(call, slot, number)
    raise LocalError(f"media command of kind {kind}")


def _event_record(event: Event) -> bytes:
    match event:
        case MediaStarted(epoch):
            return _EVENT.pack(_MEDIA_STARTED, 0, 0, 0, 0, epoch)
        case PlayFinished(call, slot, number, reason):
            return _EVENT.pack(_PLAY_FINISHED, reason.value, slot, number, call, 0)
        case DigitsReceived(call, slot, head):
            return _EVENT.pack(_DIGITS, 0, slot, 0, call, head)
        case Latched(call, slot):
            return _EVENT.pack(_LATCHED, 0, slot, 0, call, 0)
        case Closed(call, slot, number):
            return _EVENT.pack(_CLOSED, 0, slot, number, call, 0)


def _event(record: tuple[int, int, int, int, int, int]) -> Event:
    kind, reason, slot, number, call, value = record
    match kind:
        case 1:
            return MediaStarted(value)
        case 2 if 1 <= reason <= 4:
            return PlayFinished(call, slot, number, FinishReason(reason))
        case 3:
            return DigitsReceived(call, slot, value)
        case 4:
            return Latched(call, slot)
        case 5:
            return Closed(call, slot, number)
    raise LocalError(f"media event of kind {kind}, reason {reason}")
