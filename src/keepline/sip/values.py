"""What header fields say: URIs, name-addrs, Via, CSeq, as frozen values, read from text and written back.

It refuses (PeerError 400, or 416 for a URI scheme we do not speak) whatever the grammar does not allow; parameters are
kept as written, quotes included. Source: RFC 3261 §19.1, §20, §25.1; RFC 3581; RFC 5118.
"""

import re
from functools import lru_cache

from keepline.model.errors import PeerError
from keepline.model.frozen import frozen
from keepline.model.limits import SIP_CACHED_CHARS_MAX, SIP_VALUES_CACHED_MAX

Params = dict[str, str | None]
"""Lower-case name -> value as written, None for a flag. Not to be changed in place."""

CSEQ_MAX = 2**31 - 1
PORT_DEFAULT = 5060
PORT_DEFAULT_SECURE = 5061
_PORT_MAX = 65_535

_HOST = r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._\-]*[A-Za-z0-9_.])?"
_VIA = re.compile(
    rf"[Ss][Ii][Pp]\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+({_HOST})(?:\s*:\s*(\d{{1,5}}))?\s*(;.*)?", re.A | re.S
)
_VIA_REMAINS = re.compile(
    rf"[Ss][Ii][Pp]\s*/\s*\d+\.\d+\s*/\s*([A-Za-z0-9\-.!%*_+`'~]+)\s+({_HOST})(?:\s*:\s*(\d{{1,5}}))?", re.A
)
_BRANCH_REMAINS = re.compile(r";\s*branch\s*=\s*([A-Za-z0-9\-.!%*_+`'~]+)", re.A | re.I)
_RPORT_REMAINS = re.compile(r";\s*rport\s*(?:;|\Z)", re.A | re.I)
# Unquoted, a display name is tokens (RFC 4475 §3.1.2.15). Letters beyond ASCII are let through: callers have them.
_NAME_ADDR = re.compile(
    r'(?:"((?:[^"\\]++|\\.)*+)"\s*|([A-Za-z0-9\-.!%*_+`\'~ \t\x80-\U0010ffff]*+))'
    r"<([A-Za-z][A-Za-z0-9+.\-]*:[^<>\s]+)>\s*(;.*)?",
    re.A | re.S,
)
_ADDR_SPEC = re.compile(r'([A-Za-z][A-Za-z0-9+.\-]*:[^<>\s;,?"]+)\s*(;.*)?', re.A | re.S)
_PARAM_PART = re.compile(r'((?:[^;"]++|"(?:[^"\\]++|\\.)*+"|")*+)(?:;|\Z)', re.S)
_HOST_PORT = re.compile(rf"({_HOST})(?::(\d{{1,5}}))?(;[^?@]*)?(?:\?([^@]*))?", re.A | re.S)
_BAD_IN_URI = re.compile(r'[\x00-\x20<>"\x7f]')
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPED_IN_USER = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")
_ESCAPED_IN_PARAM = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/:&+$]")
_QUOTED_PAIR = re.compile(r"\\(.)", re.S)
_CSEQ = re.compile(r"(\d{1,20})[ \t]+([A-Za-z0-9\-.!%*_+`'~]+)", re.A)


@frozen
class CSeq:
    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@frozen
class Via:
    transport: str
    """As written; `UDP` as a rule."""
    host: str
    """The sent-by host; an IPv6 address keeps its brackets."""
    port: int | None
    """None where none is written."""
    params: Params

    @property
    def branch(self) -> str | None:
        return self.params.get("branch")

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


@frozen
class NameAddr:
    display: str
    """Without its quotes and escapes; empty where there is none."""
    uri: str
    """As written, of any scheme; `parse_uri` takes a SIP one apart."""
    params: Params
    """Of the header field (tag, lr, expires), not of the URI."""

    @property
    def tag(self) -> str | None:
        return self.params.get("tag")

    def __str__(self) -> str:
        display = '"' + self.display.replace("\\", "\\\\").replace('"', '\\"') + '" ' if self.display else ""
        return f"{display}<{self.uri}>{format_params(self.params)}"


@frozen
class SipUri:
    scheme: str
    """`sip` or `sips`."""
    user: str | None
    """Escapes resolved; None where the URI names a host alone."""
    host: str
    """Lower case; an IPv6 address keeps its brackets."""
    port: int | None
    params: Params
    """Names in lower case; escapes resolved, once (RFC 4475 §3.1.1.3)."""
    headers: str = ""
    """What follows `?`, as written."""
    password: str | None = None

    def __str__(self) -> str:
        user = "" if self.user is None else _ESCAPED_IN_USER.sub(_escape, self.user)
        password = "" if self.password is None else f":{self.password}"
        at = "" if self.user is None else "@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        params = format_params({_escaped(name): value and _escaped(value) for name, value in self.params.items()})
        return f"{self.scheme}:{user}{password}{at}{self.host}{port}{params}{headers}"


def format_params(params: Params) -> str:
    """`;name=value;flag`, or nothing."""
    if not params:
        return ""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params.items()])


def parse_params(text: str) -> Params:
    """Read `;name=value;flag`. PeerError 400 for an empty name and one given twice (§7.3.1)."""
    params: Params = {}
    text = text[1:]
    for part in text.split(";") if '"' not in text else _quoted_parts(text):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if not name:
            raise PeerError("a semicolon with no parameter after it")
        if name in params:
            raise PeerError(f"the parameter {name} is given twice")
        params[name] = value.strip() if equals else None
    return params


def parse_via(text: str) -> Via:
    """Read one Via element. PeerError 400 if it is none."""
    match = _VIA.fullmatch(text)
    if match is None:
        raise PeerError("a Via that cannot be read")
    transport, host, port, params = match.groups()
    return Via(transport, host, _port(port), parse_params(params) if params else {})


def salvage_via(text: str) -> str | None:
    """As much of a broken Via as an answer to its sender needs: sent-by, branch, a bare rport. None if nothing is.

    The version may be any: it is the sender of `SIP/7.0` who is to be told 505.
    """
    match = _VIA_REMAINS.match(text)
    if match is None:
        return None
    transport, host, port = match.groups()
    branch = _BRANCH_REMAINS.search(text, match.end())
    params: Params = {} if branch is None else {"branch": branch[1]}
    if _RPORT_REMAINS.search(text, match.end()):
        params["rport"] = None
    try:
        return str(Via(transport, host, _port(port), params))
    except PeerError:
        return None


def parse_name_addr(text: str) -> NameAddr:
    """Read `"Name" <uri>;params` or `uri;params`. PeerError 400 if it is neither."""
    return _known_name_addr(text) if len(text) <= SIP_CACHED_CHARS_MAX else _read_name_addr(text)


def _read_name_addr(text: str) -> NameAddr:
    match = _NAME_ADDR.fullmatch(text)
    if match is not None:
        quoted, plain, uri, params = match.groups()
        display = plain.strip() if quoted is None else quoted
        if "\\" in display:
            display = _QUOTED_PAIR.sub(r"\1", display)
    else:
        match = _ADDR_SPEC.fullmatch(text)
        if match is None:
            raise PeerError("an address that cannot be read")
        uri, params = match.groups()
        display = ""
    return NameAddr(display, uri, parse_params(params) if params else {})


def parse_cseq(text: str) -> CSeq:
    """Read CSeq. PeerError 400 if it is none or its number has 2**31 or more."""
    return _known_cseq(text) if len(text) <= SIP_CACHED_CHARS_MAX else _read_cseq(text)


def _read_cseq(text: str) -> CSeq:
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise PeerError("a CSeq that cannot be read")
    number = int(match[1])
    if number > CSEQ_MAX:
        raise PeerError("a CSeq number that is too large")
    return CSeq(number, match[2])


def parse_uri(text: str) -> SipUri:
    """Read a sip: or sips: URI. PeerError 416 for another scheme, 400 for what is no URI."""
    return _known_uri(text) if len(text) <= SIP_CACHED_CHARS_MAX else _read_uri(text)


def _read_uri(text: str) -> SipUri:
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or _BAD_IN_URI.search(text) or _BAD_ESCAPE.search(text):
        raise PeerError("a URI that cannot be read")
    if scheme not in ("sip", "sips"):
        raise PeerError(f"the URI scheme {scheme[:32]} is not spoken here", 416)
    user_info, at, host_part = rest.partition("@") if "@" in rest else ("", "", rest)
    match = _HOST_PORT.fullmatch(host_part)
    if match is None or (at and not user_info):
        raise PeerError("a URI that cannot be read")
    host, port, written, headers = match.groups()
    params = parse_params(written) if written else {}
    if written and "%" in written:
        params = _unescaped(params)
    user: str | None = None
    password: str | None = None
    if at:
        user, secret, word = user_info.partition(":")
        password = word if secret else None
        if "%" in user:
            user = _ESCAPES.sub(_unescape, user)
    return SipUri(scheme, user, host.lower(), _port(port), params, headers or "", password)


# The messages of one call repeat their addresses, and calls repeat their numbers.
_known_cseq = lru_cache(SIP_VALUES_CACHED_MAX)(_read_cseq)
_known_name_addr = lru_cache(SIP_VALUES_CACHED_MAX)(_read_name_addr)
_known_uri = lru_cache(SIP_VALUES_CACHED_MAX)(_read_uri)


def uri_host_port(uri: SipUri) -> tuple[str, int]:
    """Where a request for this URI goes: maddr or host, without brackets, and the port or its default."""
    host = uri.params.get("maddr") or uri.host
    default = PORT_DEFAULT_SECURE if uri.scheme == "sips" else PORT_DEFAULT
    return host.strip("[]"), default if uri.port is None else uri.port


def _quoted_parts(text: str) -> list[str]:
    """Split at semicolons outside of quotes."""
    # The last match is the empty one at the end of the text, unless the text itself ends in a semicolon.
    parts: list[str] = _PARAM_PART.findall(text)
    return parts if text.endswith(";") else parts[:-1]


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    port = int(text)
    if not 0 < port <= _PORT_MAX:
        raise PeerError("a port that is none")
    return port


def _unescape(match: re.Match[str]) -> str:
    try:
        return bytes.fromhex(match[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        raise PeerError("escapes in a URI that are not UTF-8") from None


def _unescaped(params: Params) -> Params:
    """URI parameters with their escapes resolved. PeerError 400 for two that are the same then."""
    resolved = {
        _ESCAPES.sub(_unescape, name).lower(): value and _ESCAPES.sub(_unescape, value)
        for name, value in params.items()
    }
    if len(resolved) != len(params):
        raise PeerError("a URI parameter is given twice")
    return resolved


def _escaped(text: str) -> str:
    return _ESCAPED_IN_PARAM.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())
