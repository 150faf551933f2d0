"""Commands from `calls` to `media` and events back, as datagrams of one AF_UNIX SOCK_SEQPACKET socket pair.

A datagram is a header (magic, epoch, count) and `count` records of one fixed size, so that a batch is read without
a parser and a torn one cannot exist. Peers are our own processes: bytes that do not fit are a `LocalError`.
It refuses to interpret: what a repeated, late or foreign command means is decided in `media`, by the slots.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from struct import Struct, error
from typing import Final

from keepline.model.errors import LocalError
from keepline.model.limits import MEDIA_ADDRESSES_CACHED_MAX, MEDIA_NETWORKS_MAX, MEDIA_RECORDS_PER_DATAGRAM_MAX
from keepline.node.media_messages import (
    FRAME_MS,
    FRAMES_MS,
    AirBack,
    Bridge,
    Close,
    Closed,
    Command,
    DeadAir,
    Deafen,
    DigitsReceived,
    Event,
    FinishReason,
    Latched,
    MediaStarted,
    Open,
    Play,
    PlayFinished,
    Record,
    RecordEnd,
    RecordingEnded,
    Redirect,
    StopPlay,
    StopRecord,
    StreamWay,
    Unbridge,
)
from keepline.node.secretwire import (
    SECRET_KIND_FIRST,
    SECRET_NEWS_KIND,
    AskSecret,
    DropSecret,
    EndSecret,
    KeySecret,
    ListenOpenly,
    Reveal,
    SecretNews,
    secret_command,
    secret_head,
)
from keepline.rtp.entry import EntryState

__all__ = [
    "COMMAND_MAGIC",
    "DATAGRAM_BYTES_MAX",
    "EVENT_MAGIC",
    "FLAG_BARGE_IN",
    "FLAG_HEARS_NOT",
    "FLAG_REPEAT",
    "FLAG_RTCP_MUX",
    "FLAG_SENDS_NOT",
    "FRAMES_MS",
    "FRAME_MS",
    "NO_DTMF",
    "AirBack",
    "Bridge",
    "Close",
    "Closed",
    "Command",
    "DeadAir",
    "Deafen",
    "DigitsReceived",
    "Event",
    "FinishReason",
    "Latched",
    "MediaStarted",
    "Open",
    "Play",
    "PlayFinished",
    "Record",
    "RecordEnd",
    "RecordingEnded",
    "Redirect",
    "Reveal",
    "SecretNews",
    "StopPlay",
    "StopRecord",
    "StreamWay",
    "Unbridge",
    "decode_commands",
    "decode_events",
    "encode_commands",
    "encode_events",
    "pack_ip",
    "pack_networks",
    "unpack_ip",
    "unpack_networks",
]  # fmt: skip

COMMAND_MAGIC: Final = b"KLC1"
EVENT_MAGIC: Final = b"KLE1"
NO_DTMF: Final = 255
"""The payload type that stands for "no telephone-event was agreed"; real ones are below 128."""

_HEADER: Final = Struct("!4sII")
_COMMAND: Final = Struct("<BBBBIIQIHHI16s16sIIBB136s")
_EVENT: Final = Struct("<BBxxIIQII")
DATAGRAM_BYTES_MAX: Final = _HEADER.size + MEDIA_RECORDS_PER_DATAGRAM_MAX * max(_COMMAND.size, _EVENT.size)

_OPEN, _PLAY, _STOP_PLAY, _CLOSE, _REDIRECT, _RECORD, _STOP_RECORD, _BRIDGE, _UNBRIDGE, _DEAFEN = range(1, 11)
_MEDIA_STARTED, _PLAY_FINISHED, _DIGITS, _LATCHED, _CLOSED, _DEAD_AIR, _AIR_BACK, _RECORDING_ENDED = range(1, 9)
_NO_IP: Final = bytes(16)
_NO_KEY: Final = bytes(16)
_NO_NETWORKS: Final = bytes(136)
_MAPPED_BITS: Final = 96
"""Of the prefix that makes an IPv4 address a v4-mapped one."""

FLAG_REPEAT: Final = 1
FLAG_BARGE_IN: Final = 2
FLAG_RTCP_MUX: Final = 4
FLAG_SENDS_NOT: Final = 8
FLAG_HEARS_NOT: Final = 16
FLAG_BOTH: Final = 32


@lru_cache(MEDIA_ADDRESSES_CACHED_MAX)
def pack_ip(host: str) -> bytes:
    """The 16 bytes of an address, version 4 as v4-mapped; `ValueError` when it is not one."""
    address = ip_address(host)
    if isinstance(address, IPv4Address):
        return b"\0" * 10 + b"\xff\xff" + address.packed
    return address.packed


@lru_cache(MEDIA_ADDRESSES_CACHED_MAX)
def unpack_ip(packed: bytes) -> str:
    """The address in its usual notation, v4-mapped as version 4."""
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)


@lru_cache(MEDIA_ADDRESSES_CACHED_MAX)
def pack_networks(networks: tuple[str, ...]) -> bytes:
    """136 bytes: 17 for each network, its address and the bits of its prefix; `LocalError` for too many."""
    if len(networks) > MEDIA_NETWORKS_MAX:
        raise LocalError(f"{len(networks)} media networks, {MEDIA_NETWORKS_MAX} at most")
    parts = []
    for text in networks:
        network = ip_network(text, strict=False)
        bits = network.prefixlen + (_MAPPED_BITS if network.version == 4 else 0)
        parts.append(pack_ip(str(network.network_address)) + bytes((bits,)))
    return b"".join(parts).ljust(len(_NO_NETWORKS), b"\0")


@lru_cache(MEDIA_ADDRESSES_CACHED_MAX)
def unpack_networks(packed: bytes) -> tuple[str, ...]:
    """The networks in 17 bytes each, in CIDR notation."""
    found = []
    for at in range(0, len(packed), 17):
        host, bits = unpack_ip(packed[at : at + 16]), packed[at + 16]
        found.append(f"{host}/{bits if ':' in host else bits - _MAPPED_BITS}")
    return tuple(found)


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
            case AskSecret() | EndSecret() | ListenOpenly() | KeySecret() | DropSecret() | Reveal():
                return _COMMAND.pack(*secret_head(command), 0, 0, _NO_IP, _NO_KEY, 0, 0, 0, 0, _NO_NETWORKS)
            case Open() | Redirect():
                dtmf = NO_DTMF if command.dtmf_payload_type is None else command.dtmf_payload_type
                way, ip = command.way, pack_ip(command.remote_host)
                if way.frame_ms not in FRAMES_MS:
                    raise LocalError(f"frames of {way.frame_ms} ms")
                flags = FLAG_RTCP_MUX if way.rtcp_mux else 0
                flags |= (0 if way.sends else FLAG_SENDS_NOT) | (0 if way.hears else FLAG_HEARS_NOT)
                tail = (_NO_KEY, 0, way.frame_ms, len(way.networks), pack_networks(way.networks))
                if isinstance(command, Redirect):
                    head = (_REDIRECT, flags, command.payload_type, dtmf, slot, number, call)
                    return _COMMAND.pack(*head, 0, 0, command.remote_port, 0, ip, *tail[:2], 0, *tail[2:])
                head = (_OPEN, flags, command.payload_type, dtmf, slot, number, call)
                stream = (command.ssrc, command.seq, command.remote_port, command.ts)
                return _COMMAND.pack(*head, *stream, ip, *tail[:2], command.dead_air_ms, *tail[2:])
            case Play():
                flags = (FLAG_REPEAT if command.repeat else 0) | (FLAG_BARGE_IN if command.barge_in else 0)
                key = bytes.fromhex(command.key)
                if len(key) != 16:
                    raise LocalError(f"prompt key {command.key!r} is not 32 hexadecimal digits")
                head = (_PLAY, flags, 0, NO_DTMF, slot, number, call)
                return _COMMAND.pack(*head, 0, 0, 0, 0, _NO_IP, key, command.digits_seen, 0, 0, 0, _NO_NETWORKS)
            case Record():
                head = (_RECORD, FLAG_BOTH if command.both else 0, 0, NO_DTMF, slot, number, call)
                key, length_ms = bytes.fromhex(command.key), command.length_ms_max
                if len(key) != 16:
                    raise LocalError(f"recording key {command.key!r} is not 32 hexadecimal digits")
                return _COMMAND.pack(*head, 0, 0, 0, 0, _NO_IP, key, command.silence_ms, length_ms, 0, 0, _NO_NETWORKS)
            case Bridge():
                key = command.other_call.to_bytes(16)
                head = (_BRIDGE, 0, 0, NO_DTMF, slot, number, call)
                return _COMMAND.pack(*head, 0, 0, 0, command.other_slot, _NO_IP, key, 0, 0, 0, 0, _NO_NETWORKS)
            case StopRecord():
                key = bytes.fromhex(command.key) if command.key else _NO_KEY
                return _COMMAND.pack(
                    _STOP_RECORD, 0, 0, NO_DTMF, slot, number, call, 0, 0, 0, 0, _NO_IP, key, 0, 0, 0, 0, _NO_NETWORKS
                )
            case StopPlay() | Close() | Unbridge() | Deafen():
                head = (_BARE[type(command)], 0, 0, NO_DTMF, slot, number, call)
                return _COMMAND.pack(*head, 0, 0, 0, 0, _NO_IP, _NO_KEY, 0, 0, 0, 0, _NO_NETWORKS)
    except (ValueError, TypeError, error) as problem:
        raise LocalError(f"{command} does not fit its record: {problem}") from problem


_BARE: Final[dict[type[Command], int]] = {
    StopPlay: _STOP_PLAY, Close: _CLOSE, Unbridge: _UNBRIDGE, Deafen: _DEAFEN,
}  # fmt: skip
"""Commands that say no more than which they are."""
_Record = tuple[int, int, int, int, int, int, int, int, int, int, int, bytes, bytes, int, int, int, int, bytes]


def _command(record: _Record) -> Command:
    if record[0] >= SECRET_KIND_FIRST:
        return secret_command(record[:9])
    kind, flags, pt, dtmf, slot, number, call, ssrc, seq, port, ts, ip, key, seen = record[:14]
    dead_air_ms, frame_ms, count, networks = record[14:]  # of a recording its length, and above its silence
    match kind:
        case 1 | 5:
            host, events = unpack_ip(ip), None if dtmf == NO_DTMF else dtmf
            way = _way(flags, frame_ms, count, networks)
            if kind == _REDIRECT:
                return Redirect(call, slot, number, host, port, pt, events, way)
            return Open(call, slot, number, host, port, pt, events, ssrc, seq, ts, way, dead_air_ms)
        case 2:
            return Play(call, slot, number, key.hex(), bool(flags & FLAG_REPEAT), bool(flags & FLAG_BARGE_IN), seen)
        case 3:
            return StopPlay(call, slot, number)
        case 4:
            return Close(call, slot, number)
        case 6:
            return Record(call, slot, number, key.hex(), dead_air_ms, bool(flags & FLAG_BOTH), seen)
        case 7:
            return StopRecord(call, slot, number, "" if key == _NO_KEY else key.hex())
        case 8:
            return Bridge(call, slot, number, int.from_bytes(key), ts)
        case 9:
            return Unbridge(call, slot, number)
        case 10:
            return Deafen(call, slot, number)
    raise LocalError(f"media command of kind {kind}")


def _way(flags: int, frame_ms: int, count: int, networks: bytes) -> StreamWay:
    if frame_ms not in FRAMES_MS or count > MEDIA_NETWORKS_MAX:
        raise LocalError(f"media command with frames of {frame_ms} ms and {count} networks")
    return StreamWay(
        unpack_networks(networks[: 17 * count]),
        frame_ms,
        bool(flags & FLAG_RTCP_MUX),
        not flags & FLAG_SENDS_NOT,
        not flags & FLAG_HEARS_NOT,
    )


def _event_record(event: Event) -> bytes:
    match event:
        case MediaStarted(epoch):
            return _EVENT.pack(_MEDIA_STARTED, 0, 0, 0, 0, epoch, 0)
        case PlayFinished(call, slot, number, reason):
            return _EVENT.pack(_PLAY_FINISHED, reason.value, slot, number, call, 0, 0)
        case SecretNews(call, slot, number, state, count):
            return _EVENT.pack(SECRET_NEWS_KIND, state, slot, number, call, count, 0)
        case DigitsReceived(call, slot, head):
            return _EVENT.pack(_DIGITS, 0, slot, 0, call, head, 0)
        case Latched(call, slot):
            return _EVENT.pack(_LATCHED, 0, slot, 0, call, 0, 0)
        case Closed(call, slot, number):
            return _EVENT.pack(_CLOSED, 0, slot, number, call, 0, 0)
        case DeadAir(call, slot, silent_ms, ever_heard):
            return _EVENT.pack(_DEAD_AIR, ever_heard, slot, 0, call, silent_ms, 0)
        case AirBack(call, slot, silent_ms):
            return _EVENT.pack(_AIR_BACK, 0, slot, 0, call, silent_ms, 0)
        case RecordingEnded(call, slot, number, why, length_ms, heard_ms):
            return _EVENT.pack(_RECORDING_ENDED, why.value, slot, number, call, length_ms, heard_ms)


def _event(record: tuple[int, int, int, int, int, int, int]) -> Event:
    kind, reason, slot, number, call, value, heard_ms = record
    match kind:
        case 1:
            return MediaStarted(value)
        case 2 if 1 <= reason <= 4:
            return PlayFinished(call, slot, number, FinishReason(reason))
        case 3:
            return DigitsReceived(call, slot, value)
        case 32 if reason <= EntryState.LOST:
            return SecretNews(call, slot, number, EntryState(reason), value)
        case 4:
            return Latched(call, slot)
        case 5:
            return Closed(call, slot, number)
        case 6:
            return DeadAir(call, slot, value, bool(reason))
        case 7:
            return AirBack(call, slot, value)
        case 8 if 1 <= reason <= 5:
            return RecordingEnded(call, slot, number, RecordEnd(reason), value, heard_ms)
    raise LocalError(f"media event of kind {kind}, reason {reason}")
