"""The fact of a request of ours within a dialog that was challenged, and goes out again. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class RequestProven:
    """A 401 or 407 to our BYE, REFER or INVITE within the call: it is sent again, with credentials."""

    kind: ClassVar[str] = "request_proven.1"
    call: str
    at_s: float
    method: str
    challenged: int
    """CSeq of the request that was challenged."""
    response: str
    """The challenge."""
    request: str
    """What is sent in its place, but for credentials: those a successor makes again, the same."""
    cseq: int
    cnonce: str
