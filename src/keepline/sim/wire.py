"""How messages go from one end to the other: as text that each end reads, or as the objects that the text was made of.

As objects nobody reads what a neighbour in the same process has just written; the text goes along, since journals hold
it. A world comes to the very same journal either way (tested), only sooner.
"""

from keepline.sip.message import Request, Response, parse_message

KNOWN_MAX = 20_000
"""Messages that are known as objects; then all are forgotten, and those that are under way are read from their text."""


class TextWire:
    """Bytes, read anew at each end."""

    __slots__ = ()

    def note(self, data: bytes, message: Request | Response) -> None:
        """What these bytes say, from whoever made them of it."""

    def read(self, data: bytes) -> Request | Response:
        """What came. Raises PeerError where it is no message."""
        return parse_message(data)


class ObjectWire(TextWire):
    """Each message is made once and handed on: nobody changes what came, and a test sees to that."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Request | Response] = {}

    def note(self, data: bytes, message: Request | Response) -> None:
        """What these bytes say, from whoever made them of it."""
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[data] = message

    def read(self, data: bytes) -> Request | Response:
        """What came. Raises PeerError where it is no message."""
        known = self._known.get(data)
        if known is None:
            known = parse_message(data)
            self.note(data, known)
        return known
