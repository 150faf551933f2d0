"""SIP messages as they stand in facts: one character a byte (latin-1)."""

from keepline.model.errors import LocalError
from keepline.sip.message import Request, Response, parse_message


def request_of(text: str) -> Request:
    """A request as it stands in a fact. Raises `LocalError` where it is none."""
    message = parse_message(text.encode("latin-1"))
    if not isinstance(message, Request):
        raise LocalError("a fact holds a response in place of a request")
    return message


def response_of(text: str) -> Response:
    """A response as it stands in a fact. Raises `LocalError` where it is none."""
    message = parse_message(text.encode("latin-1"))
    if not isinstance(message, Response):
        raise LocalError("a fact holds a request in place of a response")
    return message
