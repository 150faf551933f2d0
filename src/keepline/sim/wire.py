"""How messages go from one end to the other: as text that each end reads, or as the objects that the text was made of.

As objects nobody reads what a neighbour in the same process has just written; the text goes along, since journals hold
it. A world comes to the very same journal either way (tested), only sooner.
"""

from keepline.sip.headers import Headers
from keepline.sip.message import Request, Response, parse_message


class TextWire:
    """Bytes, read anew at each end."""

    __slots__ = ()

    def note(self, data: bytes, message: Request | Response) -> None:
        """What these bytes say, from whoever made them of it."""

    def read(self, data: bytes) -> Request | Response:
        """What came. Raises PeerError where it is no message."""
        return parse_message(data)

    def look(self, data: bytes) -> Request | Response:
        """The same for a reader that changes nothing of it."""
        return parse_message(data)


class ObjectWire(TextWire):
    """Each message is made once and handed on; a reader has a copy of its own, where it may change it."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Request | Response] = {}

    def note(self, data: bytes, message: Request | Response) -> None:
        """What these bytes say, from whoever made them of it."""
        self._known[data] = message

    def read(self, data: bytes) -> Request | Response:
        """What came. Raises PeerError where it is no message."""
        known = self._known.get(data)
        if known is None:
            known = self._known[data] = parse_message(data)
        return copy_of(known)

    def look(self, data: bytes) -> Request | Response:
        """The same for a reader that changes nothing of it."""
        known = self._known.get(data)
        if known is None:
            known = self._known[data] = parse_message(data)
        return known


def copy_of(message: Request | Response) -> Request | Response:
    """Another message that says the same, what has been read of it included."""
    headers = Headers.__new__(Headers)
    headers._items, headers._first = message.headers._items[:], message.headers._first.copy()
    made: Request | Response
    if isinstance(message, Request):
        made = Request.__new__(Request)
        made.method, made.uri, made._sip_uri = message.method, message.uri, message._sip_uri
    else:
        made = Response.__new__(Response)
        made.status, made.reason = message.status, message.reason
    made.headers, made.body = headers, message.body
    made._contacts, made._cseq, made._from, made._to, made._via = (
        message._contacts, message._cseq, message._from, message._to, message._via
    )  # fmt: skip
    return made
