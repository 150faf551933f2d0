"""SIP requests and responses: bytes to values and back.

`parse_message` checks what every reader relies on (start line, the mandatory fields, lengths) so that the properties of
a parsed message do not fail; everything else stays text until it is asked for. It refuses with PeerError, whatever the
bytes. Of leniency it has: bare LF for CRLF, empty lines before the start line, an absent Content-Length.
Source: RFC 3261 §7, §8.1.1, §8.2.6, §18.2, §18.3, §20; RFC 3581.
"""

import re
from collections.abc import Iterable

from keepline.model.errors import LocalError, PeerError
from keepline.model.limits import SIP_HEADERS_MAX, SIP_MESSAGE_BYTES_MAX
from keepline.sip.framing import split_message
from keepline.sip.headers import SPELLINGS, Headers, canonical_name, split_list
from keepline.sip.peers import Address, TcpPeer
from keepline.sip.reasons import REASON_PHRASES
from keepline.sip.sdp import SessionDescription
from keepline.sip.values import (
    PORT_DEFAULT,
    CSeq,
    NameAddr,
    SipUri,
    Via,
    parse_cseq,
    parse_name_addr,
    parse_uri,
    parse_via,
    salvage_via,
)

__all__ = [
    "KNOWN_METHODS", "REASON_PHRASES", "CSeq", "Headers", "Message", "NameAddr", "Request", "Response", "SipUri", "Via",
    "make_response", "parse_message", "parse_name_addr", "parse_uri", "parse_via", "peek_request", "response_target",
    "stamp_received", "stamped_via", "via_target",
]  # fmt: skip

KNOWN_METHODS = frozenset((
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
    "SUBSCRIBE", "UPDATE",
))  # fmt: skip
"""Methods that are registered (RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665), served here or not."""

_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+) ([^\s<>\"]+) ([A-Za-z]+/\d+\.\d+)", re.A)
_STATUS_LINE = re.compile(r"[Ss][Ii][Pp]/2\.0 ([1-6]\d\d)(?: (.*))?", re.A | re.S)
_LOOKS_LIKE_REQUEST = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+)[ \t]+(.*[^ \t])[ \t]+[Ss][Ii][Pp]/\d", re.A)
_SMALL_NUMBER = re.compile(r"\d{1,10}", re.A)
_PORT = re.compile(r"[1-9]\d{0,4}", re.A)
_ANSWERED_FIELDS = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
MAX_FORWARDS_MAX = 255
_CONTACT_IDLE_IN = frozenset(("ACK", "BYE", "CANCEL"))


class Message:
    """What requests and responses share. The properties of a message that `parse_message` gave never fail."""

    __slots__ = ("_contacts", "_cseq", "_from", "_session", "_to", "_via", "body", "headers")

    def __init__(self, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body
        # What has been read, beside the text it was read from: a changed header is read anew.
        self._contacts: tuple[str, tuple[NameAddr, ...]] | None = None
        self._cseq: tuple[str, CSeq] | None = None
        self._from: tuple[str, NameAddr] | None = None
        self._session: tuple[bytes, SessionDescription] | None = None
        self._to: tuple[str, NameAddr] | None = None
        self._via: tuple[str, Via] | None = None

    @property
    def call_id(self) -> str:
        text = self.headers._first.get("Call-ID")
        return text if text is not None else self._mandatory("Call-ID")

    @property
    def cseq(self) -> CSeq:
        known = self._cseq
        if known is None or known[0] is not self.headers._first.get("CSeq"):
            text = self._mandatory("CSeq")
            known = self._cseq = (text, parse_cseq(text))
        return known[1]

    @property
    def from_(self) -> NameAddr:
        known = self._from
        if known is None or known[0] is not self.headers._first.get("From"):
            text = self._mandatory("From")
            known = self._from = (text, parse_name_addr(text))
        return known[1]

    @property
    def to(self) -> NameAddr:
        known = self._to
        if known is None or known[0] is not self.headers._first.get("To"):
            text = self._mandatory("To")
            known = self._to = (text, parse_name_addr(text))
        return known[1]

    @property
    def top_via(self) -> Via:
        known = self._via
        if known is None or known[0] is not self.headers._first.get("Via"):
            text = self._mandatory("Via")
            known = self._via = (text, _first_via(text))
        return known[1]

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Every Contact but `*`. It alone may fail (PeerError 400), in ACK, BYE, CANCEL and responses."""
        text = self.headers._first.get("Contact")
        if text is None:
            return ()
        if self._contacts is None or self._contacts[0] is not text:
            elements = self.headers.get_all("Contact")
            self._contacts = (text, tuple(parse_name_addr(element) for element in elements if element != "*"))
        return self._contacts[1]

    def know_via(self, via: Via) -> None:
        """What the first Via says: for whoever wrote that line, so that nobody reads it again."""
        self._via = (self.headers._first["Via"], via)

    def know_session(self, described: SessionDescription) -> None:
        """What the body says: for whoever wrote it, in the same way."""
        self._session = (self.body, described)

    def encode(self) -> bytes:
        """The bytes for the wire. Content-Length is set to the body's length. LocalError if a value breaks its line."""
        headers = self.headers
        items = headers._items
        if "Content-Length" in headers._first:
            items = [item for item in items if item[0] != "Content-Length"]
        fields = map(": ".join, items)
        head = "\r\n".join([self._start_line(), *fields, f"Content-Length: {len(self.body)}\r\n\r\n"])
        line_ends = len(items) + 3
        if head.count("\n") != line_ends or head.count("\r") != line_ends:
            raise LocalError("a line break within a SIP header")
        return head.encode() + self.body

    def _start_line(self) -> str:
        raise NotImplementedError

    def _mandatory(self, name: str) -> str:
        text = self.headers._first.get(name)
        if text is None:
            raise PeerError(f"{name} is missing")
        return text


class Request(Message):
    __slots__ = ("_sip_uri", "method", "uri")

    def __init__(self, method: str, uri: str, headers: Headers, body: bytes = b"") -> None:
        Message.__init__(self, headers, body)  # at half the cost of super()
        self.method = method
        self.uri = uri
        self._sip_uri: tuple[str, SipUri] | None = None

    @property
    def sip_uri(self) -> SipUri:
        """The Request-URI taken apart. PeerError 416 for a scheme that is not spoken here, 400 for what is no URI."""
        if self._sip_uri is None or self._sip_uri[0] is not self.uri:
            self._sip_uri = (self.uri, parse_uri(self.uri))
        return self._sip_uri[1]

    def _start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {self.uri!r}, {self.headers!r}, {self.body!r})"


class Response(Message):
    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        Message.__init__(self, headers, body)
        self.status = status
        self.reason = reason

    def _start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def __repr__(self) -> str:
        return f"Response({self.status!r}, {self.reason!r}, {self.headers!r}, {self.body!r})"


def parse_message(data: bytes) -> Request | Response:
    """Read one message as a datagram carries it; bytes after Content-Length are dropped (RFC 3261 §18.3).

    PeerError with the status to answer a request with: 400, 501 (RFC 4475 §3.1.2.18), 505 (version), 513 (size). For
    what can be answered although it cannot be read see `peek_request`.
    """
    if len(data) > SIP_MESSAGE_BYTES_MAX:
        raise PeerError("a message that is too long", 513)
    lines, body = split_message(data)
    if len(lines) > SIP_HEADERS_MAX + 1:
        raise PeerError("too many header lines")
    start_line = lines.pop(0)
    message: Request | Response
    # A response's version is nobody's method: no method holds a slash.
    if start_line[:4].upper() == "SIP/":
        match = _STATUS_LINE.fullmatch(start_line)
        if match is None:
            raise PeerError("a status line that cannot be read")
        message = Response(int(match[1]), match[2] or "", Headers.from_lines(lines), body)
    else:
        match = _REQUEST_LINE.fullmatch(start_line)
        if match is None:
            raise PeerError("a request line that cannot be read")
        method, uri, version = match.groups()
        if version != "SIP/2.0" and version.upper() != "SIP/2.0":
            raise PeerError("a SIP version other than 2.0", 505)
        message = Request(method, uri, Headers.from_lines(lines), body)
    _check(message)
    if isinstance(message, Request):
        _check_request(message)
    return message


def peek_request(data: bytes) -> Request | None:
    """What is left of a request that `parse_message` refused, if it can be answered statelessly, else None.

    For `stamp_received`, `make_response` and `response_target` alone: its first Via can be read; From, To, Call-ID and
    CSeq are there as text, or missing. An ACK is never answered, so it is None.
    """
    try:
        lines, _ = split_message(data[:SIP_MESSAGE_BYTES_MAX] + b"\r\n\r\n")
    except PeerError:
        return None
    match = _LOOKS_LIKE_REQUEST.match(lines.pop(0))
    if match is None or match[1] == "ACK":
        return None
    headers = Headers()
    for line in lines[:SIP_HEADERS_MAX]:
        name, colon, value = line.partition(":")
        name = canonical_name(name.strip())
        # Of a second From or Call-ID nobody could say which was meant: the first one is answered.
        if colon and name in _ANSWERED_FIELDS and (name == "Via" or name not in headers):
            headers.add(name, value.strip())
    request = Request(match[1], match[2], headers)
    try:
        _ = request.top_via
    except PeerError:
        via = salvage_via(headers.get("Via") or "")
        if via is None:
            return None
        headers.remove("Via")
        headers.add("Via", via)
    return request


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """An answer to `request` (RFC 3261 §8.2.6): its Via, From, To, Call-ID and CSeq, and Record-Route (§12.1.1).

    `to_tag` joins a To that has no tag, but for 100. A body is application/sdp unless `content_type` says otherwise.
    """
    copied: list[tuple[str, str]] = []
    route_too = request.method == "INVITE" and 100 < status < 300
    for item in request.headers._items:
        name = item[0]
        if name in _ANSWERED_FIELDS:
            is_tagged = name == "To" and to_tag is not None and status != 100
            copied.append((name, _with_tag(item[1], to_tag or "")) if is_tagged else item)
        elif (name == "Record-Route" and route_too) or (name == "Timestamp" and status == 100):
            copied.append(item)
    copied += [(SPELLINGS.get(name) or canonical_name(name), value) for name, value in headers]
    if body:
        copied.append(("Content-Type", content_type or "application/sdp"))
    if reason is None:
        reason = REASON_PHRASES.get(status) or REASON_PHRASES[status // 100 * 100]
    response = Response(status, reason, Headers.canonical(copied), body)
    response._cseq, response._from, response._via = request._cseq, request._from, request._via  # the very same texts
    return response


def stamp_received(request: Request, source_host: str, source_port: int) -> None:
    """Note on the first Via where the request came from, in place (RFC 3261 §18.2.1, RFC 3581 §4).

    `source_host` is an IP address without brackets. What the sender itself wrote into `received` is discarded.
    """
    stamped = stamped_via(request.top_via, source_host, source_port)
    if stamped is None:
        return
    text = str(stamped)
    line = request.headers.get("Via") or ""
    if "," in line:
        text = ", ".join([text, *split_list(line)[1:]])
    request.headers.set_first("Via", text)
    request.know_via(stamped)


def stamped_via(via: Via, source_host: str, source_port: int) -> Via | None:
    """A first Via with the note of where its request came from; None where it stays as it is."""
    is_same_host = via.host == source_host or via.host.strip("[]").lower() == source_host.lower()
    wants_port = "rport" in via.params
    if not wants_port and "received" not in via.params and is_same_host:
        return None
    params = {name: value for name, value in via.params.items() if name != "received"}
    if wants_port:
        params["rport"] = str(source_port)
    if wants_port or not is_same_host:
        params["received"] = source_host
    return Via(via.transport, via.host, via.port, params)


def response_target(message: Request | Response, source: Address) -> Address:
    """Where the answer to a stamped request goes, or a response already made (RFC 3261 §18.2.2, RFC 3581 §4).

    `source` is where the request came from; it stands in for a sent-by that is a name. What came over a connection is
    answered over it, and over a new one to its Via where it is gone.
    """
    return via_target(message.top_via, source)


def via_target(via: Via, source: Address) -> Address:
    """Where the answer goes by a stamped first Via."""
    port = via.port or PORT_DEFAULT
    if isinstance(source, TcpPeer):
        return TcpPeer(source.host, source.port, back=(source.host, port))
    maddr = via.params.get("maddr")
    if maddr:
        return maddr.strip("[]"), port
    rport = via.params.get("rport")
    if rport and _PORT.fullmatch(rport):
        port = int(rport)
    received = via.params.get("received")
    if received:
        return received.strip("[]"), port
    host = via.host.strip("[]")
    literal = ":" in host or host.replace(".", "").isdigit()
    return (host if literal else source[0]), port


def _check(message: Request | Response) -> None:
    """See to it that what the properties read can be read, and cut the body. PeerError 400."""
    first = message.headers._first
    try:
        cseq, from_, to, via = first["CSeq"], first["From"], first["To"], first["Via"]
        call_id = first["Call-ID"]
    except KeyError as missing:
        raise PeerError(f"{missing.args[0]} is missing") from None
    if not call_id:
        raise PeerError("Call-ID is empty")
    message._via = (via, _first_via(via))
    message._cseq = (cseq, parse_cseq(cseq))
    message._from = (from_, _address("From", from_))
    message._to = (to, _address("To", to))
    length = first.get("Content-Length")
    if length is not None:
        if not _SMALL_NUMBER.fullmatch(length):
            raise PeerError("a Content-Length that is no number")
        if int(length) > len(message.body):
            raise PeerError("less body than Content-Length says")
        message.body = message.body[: int(length)]
    hops = first.get("Max-Forwards")
    if hops is not None and not (_SMALL_NUMBER.fullmatch(hops) and int(hops) <= MAX_FORWARDS_MAX):
        raise PeerError("a Max-Forwards that is no number up to 255")


def _check_request(request: Request) -> None:
    """What holds for requests alone. PeerError 400, or 501 for a method that nobody knows."""
    method = request.method
    if request.cseq.method != method:
        raise PeerError("CSeq names another method than the request line", 400 if method in KNOWN_METHODS else 501)
    if method not in _CONTACT_IDLE_IN:
        try:
            _ = request.contacts
        except PeerError as error:
            raise PeerError(f"Contact: {error}") from None


def _address(name: str, text: str) -> NameAddr:
    try:
        return parse_name_addr(text)
    except PeerError as error:
        raise PeerError(f"{name}: {error}") from None


def _first_via(text: str) -> Via:
    if "," in text:
        text = next(iter(split_list(text)), "")
    return parse_via(text)


def _with_tag(to: str, tag: str) -> str:
    try:
        tagged = parse_name_addr(to).tag is not None
    except PeerError:
        tagged = ";tag=" in to.lower()
    return to if tagged else f"{to};tag={tag}"
