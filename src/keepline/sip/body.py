"""The bodies of a message: which one describes the session, and what to say to the others.

It takes application/sdp, alone or as a part of multipart/mixed, alternative or related, in no encoding. It refuses
(PeerError 415) what is required to be understood and is not. A part of another type that does not say it is required is
left aside where a session description stands beside it: carriers attach ISUP, locations and the like, rarely marked
optional (a departure from RFC 3261 §8.2.3). Source: RFC 3261 §7.4, §8.2.3, §20.11; RFC 2046 §5.1; RFC 5621.
"""

import re
from dataclasses import dataclass

from keepline.model.errors import PeerError
from keepline.model.limits import BODY_PARTS_MAX
from keepline.sip.headers import Headers
from keepline.sip.message import Message
from keepline.sip.sdp import SessionDescription, parse_sdp
from keepline.sip.values import Params, parse_params

SDP_TYPE = "application/sdp"
ACCEPTED_TYPES = (SDP_TYPE, "multipart/mixed", "multipart/alternative", "multipart/related")
ACCEPT = ", ".join(ACCEPTED_TYPES)
_MULTIPART = frozenset(ACCEPTED_TYPES[1:])
_QUALIFIERS = ("Content-Disposition", "Content-Encoding", "Content-Transfer-Encoding")
_PLAIN_ENCODINGS = frozenset(("", "identity"))
_BINARY_TRANSFERS = frozenset(("", "binary", "8bit", "7bit"))
_TYPE = re.compile(r"\s*([A-Za-z0-9\-.!%*_+`'~]+)\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s*(;.*)?", re.A | re.S)
_QUOTED_PAIR = re.compile(r"\\(.)", re.S)
_FOLD = re.compile(rb"\r\n[ \t]+")


@dataclass(frozen=True, slots=True)
class Part:
    """One body: the whole of a message's, or a part of its multipart."""

    content_type: str
    """`type/subtype` in lower case."""
    params: Params
    disposition: str
    """In lower case; empty where none is given."""
    handling: str
    """`required`, `optional`, or empty where nothing is said."""
    is_plain: bool
    """No encoding stands between these bytes and their type."""
    data: bytes


def media_type(text: str) -> tuple[str, Params]:
    """Read `type/subtype;params`. PeerError 400 if it is none."""
    match = _TYPE.fullmatch(text)
    if match is None:
        raise PeerError("a Content-Type that cannot be read")
    return f"{match[1]}/{match[2]}".lower(), parse_params(match[3]) if match[3] else {}


def session_of(message: Message) -> bytes | None:
    """The session description of a message; None where it has none. PeerError 415 (or 400) as the module says."""
    if not message.body:
        return None
    headers = message.headers
    if headers.get("Content-Type") == SDP_TYPE and headers.has_none(_QUALIFIERS):
        return message.body
    body = _part(headers, message.body)
    if body.content_type not in _MULTIPART:
        return _session_among([body])
    if not body.is_plain:
        raise PeerError("the body's encoding is not understood", 415)
    return _session_among(parts_of(message))


def description_of(message: Message) -> SessionDescription | None:
    """What that description says, read once; None where there is none. PeerError as of it and of `parse_sdp`."""
    body = session_of(message)
    if body is None:
        return None
    known = message._session
    if known is None or known[0] is not body:
        known = message._session = (body, parse_sdp(body))
    return known[1]


def parts_of(message: Message) -> list[Part]:
    """The parts of a multipart body, or the body itself. PeerError 400 where it is not what it says."""
    whole = _part(message.headers, message.body)
    if not whole.content_type.startswith("multipart/"):
        return [whole]
    boundary = whole.params.get("boundary") or ""
    if boundary.startswith('"'):
        boundary = _QUOTED_PAIR.sub(r"\1", boundary.strip('"'))
    if not boundary:
        raise PeerError("Content-Type: a multipart without its boundary")
    sections = (b"\r\n" + message.body).split(b"\r\n--" + boundary.encode(), BODY_PARTS_MAX + 2)[1:]
    parts: list[Part] = []
    for section in sections:
        if section.startswith(b"--"):
            return parts
        if len(parts) == BODY_PARTS_MAX:
            raise PeerError("too many parts in a multipart body")
        parts.append(_section(section))
    raise PeerError("a multipart body without its end")


def _session_among(parts: list[Part]) -> bytes | None:
    session: bytes | None = None
    refused = ""
    for part in parts:
        is_session = part.content_type == SDP_TYPE and part.disposition in ("", "session") and part.is_plain
        if is_session and session is None:
            session = part.data
        elif not is_session and part.handling != "optional":
            refused = refused or part.content_type
            if part.handling == "required":
                raise PeerError(f"{part.content_type[:64]} is required and not understood", 415)
    if session is None and refused:
        raise PeerError(f"a body of type {refused[:64]}, or its encoding, is not understood", 415)
    return session


def _section(section: bytes) -> Part:
    _padding, line_end, rest = section.partition(b"\r\n")
    if not line_end:
        raise PeerError("a part of a multipart body that cannot be read")
    if rest.startswith(b"\r\n"):
        return _part(Headers(), rest[2:], default="text/plain")
    head, blank, data = rest.partition(b"\r\n\r\n")
    if not blank:
        raise PeerError("a part of a multipart body that cannot be read")
    try:
        lines = _FOLD.sub(b" ", head).decode().split("\r\n")
    except UnicodeDecodeError:
        raise PeerError("a part of a multipart body with headers that are not UTF-8") from None
    return _part(Headers.from_lines(lines), data, default="text/plain")


def _part(headers: Headers, data: bytes, default: str = SDP_TYPE) -> Part:
    # A body without a Content-Type is against §20.15; that it is an offer is as good a guess as a refusal.
    kind, params = media_type(headers.get("Content-Type") or default)
    disposition, _, written = (headers.get("Content-Disposition") or "").partition(";")
    handling = parse_params(";" + written).get("handling") if written.strip() else None
    plain = (headers.get("Content-Encoding") or "").strip().lower() in _PLAIN_ENCODINGS
    transfer = (headers.get("Content-Transfer-Encoding") or "").strip().lower() in _BINARY_TRANSFERS
    return Part(kind, params, disposition.strip().lower(), (handling or "").lower(), plain and transfer, data)
