"""Session descriptions and the offer/answer of one G.711 audio stream with telephone-events.

`offer_answer` accepts the first RTP/AVP audio stream that shares a codec with us and rejects the others with port 0. It
refuses host names as media addresses (nothing here resolves them). Lines it does not know are skipped.
Source: RFC 4566, RFC 3264, RFC 3551 §6 (static payload types), RFC 4733 §2.4.
"""

import re
from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache
from ipaddress import IPv4Network, ip_address
from typing import NamedTuple

from keepline.model.errors import PeerError
from keepline.model.frozen import frozen
from keepline.model.limits import SDP_LINES_MAX, SDP_MEDIA_MAX, SIP_CACHED_CHARS_MAX, SIP_VALUES_CACHED_MAX

STATIC_PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}
DTMF_PAYLOAD_TYPE = 101
PTIME_MS = 20
PTIMES_MS = (10, 20, 30, 40, 60)
"""The packet times that we can send; another one that is asked for gets 20."""
_STATIC_CODECS = {payload_type: codec for codec, payload_type in STATIC_PAYLOAD_TYPES.items()}
_CLOCK_HZ = 8000
_DIRECTIONS = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_MIRRORED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_NO_PEERS = (IPv4Network("0.0.0.0/8"), IPv4Network("240.0.0.0/4"))
"""This network, and what is reserved, the broadcast address within it (RFC 6890): nobody is there."""

_MEDIA_LINE = re.compile(r"([A-Za-z0-9\-]{1,32}) (\d{1,5})(?:/\d{1,5})? ([A-Za-z0-9/\-]{1,64})((?: [^ ]+)+)", re.A)
_CONNECTION = re.compile(r"IN IP[46] ([^ /]+)(?:/[0-9/]+)?", re.A)
_RTPMAP = re.compile(r"(\d{1,3}) +([^ /]+)/(\d{1,6})(?:/(\d{1,2}))?", re.A)
_PTIME = re.compile(r"[1-9]\d{0,3}", re.A)
_TIME = re.compile(r"\d{1,20} \d{1,20}", re.A)
_PAYLOAD_TYPES = {f"{number:0{width}}": number for number in range(128) for width in (1, 2, 3)}
"""As they may be written."""
_PORT_MAX = 65_535


@frozen
class Media:
    """One m= section."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    """As written; payload types where the protocol is RTP."""
    host: str | None = None
    """Of its own c= line, else of the session's."""
    rtpmap: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Payload type -> encoding name in capitals, clock in Hz. Static types need none."""
    fmtp: dict[int, str] = field(default_factory=dict)
    direction: str = "sendrecv"
    ptime_ms: int | None = None
    rtcp_mux: bool = False
    """RTCP by the RTP port is offered (RFC 5761 §5.1.1)."""

    def codec(self, payload_type: int) -> tuple[str, int] | None:
        """Encoding name in capitals and clock in Hz; None for a type that nothing explains."""
        known = self.rtpmap.get(payload_type)
        if known is None and payload_type in _STATIC_CODECS:
            return _STATIC_CODECS[payload_type], _CLOCK_HZ
        return known


@frozen
class SessionDescription:
    origin: str
    """The o= line, as written."""
    host: str | None
    """Of the session's c= line."""
    times: tuple[str, ...]
    direction: str
    media: tuple[Media, ...]


@frozen
class Answer:
    """What was agreed, and the description that says so."""

    sdp: bytes
    codec: str
    """PCMU or PCMA."""
    payload_type: int
    """The offerer's number for the codec; both ways."""
    dtmf_payload_type: int | None
    remote_host: str
    """An IP address without brackets."""
    remote_port: int
    direction: str
    """Ours: what the offerer sends we receive. Nothing is sent while it is `recvonly` or `inactive` (hold)."""
    frame_ms: int = PTIME_MS
    """Audio in each packet that we send: what the other side asks for, where we can."""
    rtcp_mux: bool = False


def parse_sdp(body: bytes) -> SessionDescription:
    """Read a session description. PeerError 400 for what is none, 488 for one with too much in it."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise PeerError("a session description that is not UTF-8") from None
    text = text.replace("\r\n", "\n").rstrip("\n")
    is_foul = "\r" in text or "\0" in text
    lines = text.split("\n")
    if len(lines) > SDP_LINES_MAX:
        raise PeerError("a session description with too many lines", 488)
    if lines[0] != "v=0":
        raise PeerError("a session description without v=0")
    sections: list[list[str]] = [[]]
    for line in lines[1:]:
        if is_foul or line[1:2] != "=" or not line[0].isalpha():
            raise PeerError("a line of a session description that cannot be read")
        if line[0] == "m":
            sections.append([])
        sections[-1].append(line)
    if len(sections) > SDP_MEDIA_MAX + 1:
        raise PeerError("a session description with too many media", 488)
    return _session(sections)


def offer_answer(
    offer: SessionDescription,
    *,
    local_host: str,
    local_port: int,
    session_id: int,
    version: int,
    codecs: Sequence[str] = ("PCMU", "PCMA"),
) -> Answer | None:
    """Answer an offer (RFC 3264 §6), or read the answer to an offer of ours; None where nothing fits: 488.

    `local_host` is an IP address of the family that media uses; `codecs` are those we have, the offerer's order wins.
    """
    accepted: _Fit | None = None
    sections: list[str] = []
    for media in offer.media:
        fit = _fit(media, local_host, local_port, codecs) if accepted is None else None
        if fit is None:
            sections.append(f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}\r\n")
        else:
            accepted = fit
            sections.append(
                _audio_section(
                    local_port,
                    [(fit.payload_type, fit.codec)],
                    fit.dtmf_payload_type,
                    fit.direction,
                    fit.frame_ms,
                    fit.rtcp_mux,
                )
            )
    if accepted is None:
        return None
    head = _head(local_host, session_id, version, offer.times)
    return Answer((head + "".join(sections)).encode(), *accepted)


def make_offer(
    *,
    local_host: str,
    local_port: int,
    session_id: int,
    version: int,
    codecs: Sequence[str] = ("PCMU", "PCMA"),
    dtmf_payload_type: int | None = DTMF_PAYLOAD_TYPE,
    direction: str = "sendrecv",
) -> bytes:
    """An offer of one audio stream (RFC 3264 §5), the codec we like best first."""
    types = [(STATIC_PAYLOAD_TYPES[codec], codec) for codec in codecs]
    section = _audio_section(local_port, types, dtmf_payload_type, direction)
    return (_head(local_host, session_id, version, ("0 0",)) + section).encode()


def _session(sections: list[list[str]]) -> SessionDescription:
    origin = ""
    host: str | None = None
    direction = "sendrecv"
    times: list[str] = []
    for line in sections[0]:
        kind, value = line[0], line[2:]
        if kind == "o":
            origin = value
        elif kind == "c":
            host = _connection(value)
        elif kind == "t":
            if not _TIME.fullmatch(value):
                raise PeerError("a t= line that cannot be read")
            times.append(value)
        elif kind == "a" and value in _DIRECTIONS:
            direction = value
    if not origin:
        raise PeerError("a session description without o=")
    media = tuple(_media(lines, host, direction) for lines in sections[1:])
    return SessionDescription(origin, host, tuple(times) or ("0 0",), direction, media)


def _media(lines: list[str], host: str | None, direction: str) -> Media:
    match = _MEDIA_LINE.fullmatch(lines[0][2:].rstrip(" "))
    if match is None or int(match[2]) > _PORT_MAX:
        raise PeerError("an m= line that cannot be read")
    rtpmap: dict[int, tuple[str, int]] = {}
    fmtp: dict[int, str] = {}
    ptime_ms: int | None = None
    rtcp_mux = False
    for line in lines[1:]:
        kind, value = line[0], line[2:]
        if kind == "c":
            host = _connection(value)
        elif kind == "a":
            name, _, argument = value.partition(":")
            if name == "rtpmap":
                mapping = _RTPMAP.match(argument)
                # Stereo is another codec than the one we have.
                if mapping is not None and mapping[4] in (None, "1"):
                    rtpmap[int(mapping[1])] = (mapping[2].upper(), int(mapping[3]))
                elif mapping is not None:
                    rtpmap[int(mapping[1])] = (f"{mapping[2].upper()}/{mapping[4]}", int(mapping[3]))
            elif name == "fmtp":
                payload_type, _, parameters = argument.partition(" ")
                if payload_type.isascii() and payload_type.isdigit() and len(payload_type) < 4:
                    fmtp[int(payload_type)] = parameters
            elif name == "ptime":
                ptime_ms = int(argument) if _PTIME.fullmatch(argument) else None
            elif name == "rtcp-mux":
                rtcp_mux = True
            elif name in _DIRECTIONS:
                direction = name
    formats = tuple(match[4].split())
    return Media(match[1], int(match[2]), match[3], formats, host, rtpmap, fmtp, direction, ptime_ms, rtcp_mux)


def _connection(value: str) -> str:
    match = _CONNECTION.fullmatch(value.rstrip(" "))
    if match is None:
        raise PeerError("a c= line that cannot be read")
    return match[1]


class _Fit(NamedTuple):
    """An `Answer` without its description."""

    codec: str
    payload_type: int
    dtmf_payload_type: int | None
    remote_host: str
    remote_port: int
    direction: str
    frame_ms: int
    rtcp_mux: bool


def _fit(media: Media, local_host: str, local_port: int, codecs: Sequence[str]) -> _Fit | None:
    """What we would agree to of one m= section; None to reject it."""
    if media.kind != "audio" or media.port == 0 or media.protocol != "RTP/AVP" or media.host is None:
        return None
    remote = _address(media.host) if len(media.host) <= SIP_CACHED_CHARS_MAX else None
    if remote is None or remote.version != (6 if ":" in local_host else 4) or not remote.is_somebody:
        return None
    here = _address(local_host)
    is_here = remote == here or (remote.is_loopback and here is not None and not here.is_loopback)
    if is_here and media.port in (local_port, local_port + 1):
        return None  # our own ear, which would take our voice for the caller's
    chosen: tuple[str, int] | None = None
    dtmf: int | None = None
    for text in media.formats:
        payload_type = _PAYLOAD_TYPES.get(text)
        known = media.codec(payload_type) if payload_type is not None else None
        if payload_type is None or known is None or known[1] != _CLOCK_HZ:
            continue
        if known[0] in codecs and chosen is None:
            chosen = (known[0], payload_type)
        elif known[0] == "TELEPHONE-EVENT" and dtmf is None:
            dtmf = payload_type
    if chosen is None:
        return None
    direction = _MIRRORED[media.direction]
    if remote.is_unspecified:
        # Hold as RFC 2543 spelt it (RFC 3264 §8.4): there is nowhere to send to.
        direction = "recvonly" if direction in ("sendrecv", "recvonly") else "inactive"
    frame_ms = media.ptime_ms if media.ptime_ms in PTIMES_MS else PTIME_MS
    return _Fit(chosen[0], chosen[1], dtmf, remote.text, media.port, direction, frame_ms, media.rtcp_mux)


class _Address(NamedTuple):
    """What there is to know of an address for media."""

    text: str
    version: int
    is_loopback: bool
    is_unspecified: bool
    is_somebody: bool
    """Audio may be sent to it; the unspecified one is a hold (RFC 3264 §8.4)."""


@lru_cache(SIP_VALUES_CACHED_MAX)
def _address(host: str) -> _Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    is_nobody = address.is_multicast or any(address in network for network in _NO_PEERS)
    is_hold = address.is_unspecified
    return _Address(str(address), address.version, address.is_loopback, is_hold, is_hold or not is_nobody)


def _head(host: str, session_id: int, version: int, times: Sequence[str]) -> str:
    family = "IP6" if ":" in host else "IP4"
    periods = "".join([f"t={period}\r\n" for period in times])
    return f"v=0\r\no=keepline {session_id} {version} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\n{periods}"


def _audio_section(
    port: int,
    types: Sequence[tuple[int, str]],
    dtmf: int | None,
    direction: str,
    ptime_ms: int = PTIME_MS,
    rtcp_mux: bool = False,
) -> str:
    formats = [*(str(payload_type) for payload_type, _ in types), *([] if dtmf is None else [str(dtmf)])]
    lines = [f"m=audio {port} RTP/AVP {' '.join(formats)}"]
    lines += [f"a=rtpmap:{payload_type} {codec}/{_CLOCK_HZ}" for payload_type, codec in types]
    if dtmf is not None:
        lines += [f"a=rtpmap:{dtmf} telephone-event/{_CLOCK_HZ}", f"a=fmtp:{dtmf} 0-15"]
    lines += [f"a=ptime:{ptime_ms}", f"a={direction}", *(["a=rtcp-mux"] if rtcp_mux else [])]
    return "\r\n".join([*lines, ""])
