"""A new call read from its bytes as far as a refusal of it needs, at a fraction of what reading all of it costs.

Who must refuse more calls than it serves cannot afford to understand them. So this reads the plain notation that nearly
everybody writes, and refuses to read (None) any other: such a message takes the way of all messages. What it does read,
`parse_message` reads alike, and the refusal is the same, byte for byte; a test compares them.
Source: RFC 3261 §7.3, §8.2.6, §8.2.7, §18.2; RFC 3581.
"""

import re

from keepline.model.errors import PeerError
from keepline.model.limits import SIP_HEADERS_MAX, SIP_MESSAGE_BYTES_MAX
from keepline.sip.headers import SINGLE_FIELDS, SPELLINGS, split_list
from keepline.sip.message import MAX_FORWARDS_MAX, stamped_via, via_target
from keepline.sip.peers import Address
from keepline.sip.reasons import REASON_PHRASES
from keepline.sip.server_transaction import MAGIC_COOKIE, TransactionKey
from keepline.sip.values import Via, parse_name_addr, parse_via

STATELESS_TAG = "gate-"
"""How To tags of stateless answers begin. Those of calls are hexadecimal digits, so an ACK tells what it is for."""

NUMBER_CHARS_MAX = 9
_ANSWERED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))
_READ = _ANSWERED | SINGLE_FIELDS | {"Contact"}
_KINDS = {spelling: name if name in _READ else "" for spelling, name in SPELLINGS.items()}
_UNUSUAL = frozenset(spelling.lower() for spelling in SPELLINGS)
"""A name that is one of these and none of `SPELLINGS` is known and written in a way of its own."""
_INVITE_LINE = re.compile(r'INVITE [^ <>"]+ SIP/2\.0')
_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_PLAIN_ADDRESS = re.compile(r'(?:"[^"\\]*" ?)?<sips?:[^<>, "]+>(?:;tag=([A-Za-z0-9\-.!%*_+`\'~]+))?')
_PLAIN_CSEQ = re.compile(r"[0-9]{1,9} INVITE")
_OWN_BEGINNING = re.compile(
    rb"([A-Z]{3,16}) [^\r\n]+ SIP/2\.0\r\nVia: [^\r\n]*;branch=(z9hG4bK[A-Za-z0-9\-.!%*_+`'~]+)[;\r]"
)
_TO_OF_STATELESS = re.compile(rb"\n(?:to|t)[ \t]*:[^\n]*;[ \t]*tag[ \t]*=[ \t]*" + STATELESS_TAG.encode(), re.I)


class NewCall:
    """An INVITE that begins a call, as far as it was read."""

    __slots__ = ("_answered", "_other_vias", "_via", "call_id", "cseq", "from_", "from_tag")

    def __init__(
        self, answered: list[tuple[str, str]], from_tag: str, via: Via, other_vias: list[str], fields: dict[str, str]
    ) -> None:
        """`answered` are the lines that an answer repeats; `other_vias` share the line of the first one."""
        self._answered = answered
        self._via = via
        self._other_vias = other_vias
        self.call_id = fields["Call-ID"]
        self.from_ = fields["From"]
        self.from_tag = from_tag
        """Empty where there is none."""
        self.cseq = fields["CSeq"]

    @property
    def key(self) -> TransactionKey:
        """The `server_key` of the INVITE."""
        via = self._via
        return (via.params["branch"], via.host.lower(), via.port, "INVITE")

    def refusal(self, status: int, to_tag: str, source: Address) -> tuple[bytes, Address]:
        """The answer, and where it goes: what `make_response` and `response_target` say of the whole message."""
        via = self._via
        stamped = stamped_via(via, source[0], source[1])
        lines = [f"SIP/2.0 {status} {REASON_PHRASES[status]}"]
        for name, value in self._answered:
            if name == "To":
                value = f"{value};tag={to_tag}"
            elif stamped is not None and name == "Via":
                value = ", ".join((str(stamped), *self._other_vias))
                via, stamped = stamped, None
            lines.append(f"{name}: {value}")
        lines.append("Content-Length: 0\r\n\r\n")
        return "\r\n".join(lines).encode(), via_target(via, source)


def read_new_call(data: bytes) -> NewCall | None:
    """A datagram that is an INVITE without a To tag, in plain notation; None for any other."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"INVITE ") or len(data) > SIP_MESSAGE_BYTES_MAX or not head.isascii():
        return None
    lines = head.decode("ascii").split("\r\n")
    # No control character, no tab, no other line end: what is left needs no unfolding and no cleaning.
    if len(lines) > SIP_HEADERS_MAX + 1 or not "".join(lines).isprintable() or not _INVITE_LINE.fullmatch(lines[0]):
        return None
    read = _read_fields(lines)
    if read is None:
        return None
    answered, fields, contacts = read
    try:
        if not fields["Call-ID"] or not _PLAIN_CSEQ.fullmatch(fields["CSeq"]) or not _fits(fields, len(body)):
            return None
        from_tag, to_tag = _tag(fields["From"]), _tag(fields["To"])
        for contact in contacts:
            if not _PLAIN_ADDRESS.fullmatch(contact):
                return None
        first, *other_vias = split_list(fields["Via"])
        via = parse_via(first)
    except (KeyError, ValueError, PeerError):
        return None
    if to_tag is not None or not (via.branch or "").startswith(MAGIC_COOKIE) or via.branch == MAGIC_COOKIE:
        return None
    return NewCall(answered, from_tag or "", via, other_vias, fields)


def acknowledges_stateless(data: bytes) -> bool:
    """Whether a datagram is the ACK of an answer that nobody remembers: it needs nothing to be done."""
    return data.startswith(b"ACK ") and _TO_OF_STATELESS.search(data.partition(b"\r\n\r\n")[0]) is not None


def _read_fields(lines: list[str]) -> tuple[list[tuple[str, str]], dict[str, str], list[str]] | None:
    """Of a head: the lines that an answer repeats, the first value of each field that is read, the Contacts."""
    answered: list[tuple[str, str]] = []
    fields: dict[str, str] = {}
    contacts: list[str] = []
    for at in range(1, len(lines)):
        name, colon, value = lines[at].partition(":")
        kind = _KINDS.get(name)
        if not colon or (kind is None and (not _NAME.fullmatch(name) or name.lower() in _UNUSUAL)):
            return None
        if not kind:
            continue
        value = value.strip(" ")
        if kind == "Contact":
            contacts.append(value)
            continue
        if kind not in fields:
            fields[kind] = value
        elif kind != "Via":
            return None
        if kind in _ANSWERED:
            answered.append((kind, value))
    return answered, fields, contacts


def _fits(fields: dict[str, str], body_bytes: int) -> bool:
    """Whether Content-Length and Max-Forwards are numbers that a message may have. ValueError where they are none."""
    length, hops = fields.get("Content-Length", "0"), fields.get("Max-Forwards", "0")
    is_short = len(length) <= NUMBER_CHARS_MAX and len(hops) <= NUMBER_CHARS_MAX
    return (
        is_short and length.isdigit() and hops.isdigit() and int(length) <= body_bytes and int(hops) <= MAX_FORWARDS_MAX
    )


def _tag(address: str) -> str | None:
    """The tag of a From or To. PeerError where it is no address."""
    match = _PLAIN_ADDRESS.fullmatch(address)
    return match[1] if match is not None else parse_name_addr(address).tag


def request_of_beginning(data: bytes) -> tuple[str, str] | None:
    """Method and branch of a request of ours of which only the beginning may be there; None where that shows neither.

    What we write has its topmost Via in the line after the first.
    """
    found = _OWN_BEGINNING.match(data)
    return None if found is None else (found[1].decode("ascii"), found[2].decode("ascii"))
