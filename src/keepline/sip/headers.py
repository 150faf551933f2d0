"""The header fields of a SIP message: ordered, found without regard to case, compact forms expanded.

Values stay text; `keepline.sip.values` reads them on demand. It refuses names that are not tokens and a second copy of
a field that may occur once. Source: RFC 3261 §7.3, §20.
"""

import re
from collections.abc import Iterable, Sequence

from keepline.model.errors import PeerError

_KNOWN_NAMES = """
    Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info
    Authorization Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length
    Content-Type CSeq Date Diversion Error-Info Event Expires From History-Info Identity In-Reply-To Join
    Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Asserted-Identity P-Preferred-Identity Path Priority
    Privacy Proxy-Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To Referred-By
    Reject-Contact Remote-Party-ID Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Server
    Service-Route Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Timestamp To Unsupported
    User-Agent Via Warning WWW-Authenticate
"""
_LIST_NAMES = """
    Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Call-Info Contact
    Content-Encoding Content-Language Diversion Error-Info History-Info In-Reply-To P-Asserted-Identity
    P-Preferred-Identity Path Privacy Proxy-Require Reason Record-Route Reject-Contact Require Route
    Service-Route Supported Unsupported Via Warning
"""
_SINGLE_NAMES = """
    Call-ID Content-Length Content-Type CSeq Date Event Expires From Max-Forwards Subject Timestamp To
"""

COMPACT_FORMS = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To",
    "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip
"""One-letter names (RFC 3261 §7.3.3 and the IANA registry) -> the long ones."""

LIST_FIELDS = frozenset(_LIST_NAMES.split())
"""Fields whose values may be written as one line, separated by commas."""

SINGLE_FIELDS = frozenset(_SINGLE_NAMES.split())
"""Fields that a message has once at most; two of them with different readers are a way past somebody's guard."""

SPELLINGS = {
    spelling: name for name in _KNOWN_NAMES.split() for spelling in (name, name.lower(), name.upper(), name.title())
} | {spelling: name for short, name in COMPACT_FORMS.items() for spelling in (short, short.upper())}
"""The usual ways to write a known name, compact forms too -> the one under which it is kept."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_LIST_ELEMENT = re.compile(r'(?:[^,"<]++|"(?:[^"\\]++|\\.)*+"|<[^>]*+>|["<])++', re.DOTALL)


def canonical_name(name: str) -> str:
    """The one spelling under which a field is kept: `v` and `VIA` are `Via`, `x-foo` is `X-Foo`."""
    return SPELLINGS.get(name) or SPELLINGS.get(name.lower()) or name.title()


def split_list(value: str) -> list[str]:
    """The elements of a comma-separated value; commas within quotes and angle brackets do not separate."""
    if "," not in value:
        parts = [value]
    elif '"' not in value and "<" not in value:
        parts = value.split(",")
    else:
        parts = _LIST_ELEMENT.findall(value)
    return [part for part in map(str.strip, parts) if part]


class Headers:
    """Header fields in the order of the message. Names are kept canonical, values without outer white space."""

    __slots__ = ("_first", "_items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = []
        self._first: dict[str, str] = {}
        for name, value in items:
            self.add(name, value)

    @classmethod
    def canonical(cls, items: list[tuple[str, str]]) -> "Headers":
        """Header fields whose names are spelled as this class keeps them, and whose values have no outer space."""
        headers = cls.__new__(cls)
        headers._items, headers._first = items, dict(reversed(items))
        return headers

    @classmethod
    def from_lines(cls, lines: Sequence[str]) -> "Headers":
        """Read unfolded header lines. PeerError 400 for a line that is none and for a repeated single field."""
        headers = cls.__new__(cls)
        items: list[tuple[str, str]] = []
        first: dict[str, str] = {}
        spellings = SPELLINGS
        for line in lines:
            raw_name, colon, value = line.partition(":")
            name = spellings.get(raw_name)
            if name is None:
                raw_name = raw_name.rstrip(" \t")
                if not colon or not _TOKEN.fullmatch(raw_name):
                    raise PeerError("a header line without a proper name")
                name = canonical_name(raw_name)
            value = value.strip(" \t")
            items.append((name, value))
            if name not in first:
                first[name] = value
            elif name in SINGLE_FIELDS:
                raise PeerError(f"{name} occurs more than once")
        headers._items = items
        headers._first = first
        return headers

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first line's whole value."""
        return self._first.get(SPELLINGS.get(name) or canonical_name(name), default)

    def get_all(self, name: str) -> list[str]:
        """Every value in order; those of list fields (Via, Route, Contact, Allow…) one element each."""
        name = SPELLINGS.get(name) or canonical_name(name)
        if name not in self._first:
            return []
        values = [value for item, value in self._items if item == name]
        if name in LIST_FIELDS:
            return [element for value in values for element in split_list(value)]
        return values

    def add(self, name: str, value: str) -> None:
        """Append a line."""
        name = SPELLINGS.get(name) or canonical_name(name)
        self._items.append((name, value))
        self._first.setdefault(name, value)

    def set(self, name: str, value: str) -> None:
        """Leave exactly one line of that name, where the first one stood or at the end."""
        name = canonical_name(name)
        if name not in self._first:
            self.add(name, value)
            return
        at = next(index for index, item in enumerate(self._items) if item[0] == name)
        rest = [item for item in self._items[at + 1 :] if item[0] != name]
        self._items[at:] = [(name, value), *rest]
        self._first[name] = value

    def set_first(self, name: str, value: str) -> None:
        """Replace the first line of that name, which must exist, and leave the others."""
        items = self._items
        if items[0][0] != name:
            name = canonical_name(name)
        at = 0
        while items[at][0] != name:
            at += 1
        items[at] = (name, value)
        self._first[name] = value

    def remove(self, name: str) -> None:
        """Drop every line of that name."""
        name = canonical_name(name)
        if self._first.pop(name, None) is not None:
            self._items = [item for item in self._items if item[0] != name]

    def has_none(self, names: Iterable[str]) -> bool:
        """Whether no line has one of these canonical names."""
        return self._first.keys().isdisjoint(names)

    def items(self) -> list[tuple[str, str]]:
        """Every line as (canonical name, value), in order. The caller's own copy."""
        return self._items.copy()

    def copy(self) -> "Headers":
        """Independent headers with the same lines."""
        return Headers(self._items)

    def __contains__(self, name: str) -> bool:
        return (SPELLINGS.get(name) or canonical_name(name)) in self._first

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"
