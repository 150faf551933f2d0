"""A TCP connection's bytes as messages: where each begins and ends, and the keep-alives between them.

A decision on the bytes at hand, without memory: what is not whole yet is looked at again when more has come. It reads
no more of a message than its Content-Length, which a stream cannot do without; bare LF is taken for CRLF as elsewhere.
Source: RFC 3261 §18.3, §7.5; RFC 5626 §3.5.1 and §4.4.1 (CRLF keep-alives).
"""

import re
from dataclasses import dataclass

from keepline.model.limits import SIP_MESSAGE_BYTES_MAX

PONG = b"\r\n"
"""The answer to a keep-alive of two CRLFs."""

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_CONTENT_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.I | re.M)
_LENGTH = re.compile(rb"\d{1,10}")
_START = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]")


@dataclass(frozen=True, slots=True)
class Framed:
    """One whole message."""

    data: bytes
    end: int
    """How many of the bytes at hand are used up with it."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Line ends between messages."""

    end: int
    is_ping: bool
    """Two CRLFs, which `PONG` answers; one alone is an answer, or nothing."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """More bytes are needed."""

    size: int
    """Of the whole message, as far as it is known: at least one more than there are."""


@dataclass(frozen=True, slots=True)
class Unframed:
    """Nobody can say where the next message begins: the connection is to be closed."""

    data: bytes
    """The head of the message, as far as it came."""
    status: int
    why: str


Frame = Framed | KeepAlive | Unfinished | Unframed


def next_frame(data: bytes, begin: int = 0) -> Frame | None:
    """What `data` holds from `begin` on; None where that is nothing."""
    if begin == len(data):
        return None
    if data[begin] in b"\r\n":
        return _keep_alive(data, begin)
    if not _START.match(data, begin):
        return Unframed(data[begin : begin + 100], 400, "what came over TCP is not SIP")
    blank = _BLANK_LINE.search(data, begin, begin + SIP_MESSAGE_BYTES_MAX + 4)
    if blank is None:
        if len(data) - begin > SIP_MESSAGE_BYTES_MAX:
            return Unframed(data[begin : begin + SIP_MESSAGE_BYTES_MAX], 513, "a message that is too long")
        return Unfinished(len(data) - begin + 1)
    head = data[begin : blank.start()]
    lengths = {value.strip() for value in _CONTENT_LENGTH.findall(head)}
    if len(lengths) != 1:
        why = "two Content-Lengths" if lengths else "no Content-Length, which a message over TCP needs"
        return Unframed(head, 400, why)
    length = lengths.pop()
    if not _LENGTH.fullmatch(length):
        return Unframed(head, 400, "a Content-Length that is no number")
    end = blank.end() + int(length)
    if end - begin > SIP_MESSAGE_BYTES_MAX:
        return Unframed(head, 513, "a message that is too long")
    if end > len(data):
        return Unfinished(end - begin)
    return Framed(data[begin:end], end)


def _keep_alive(data: bytes, begin: int) -> Frame:
    if data.startswith(b"\r\n\r\n", begin):
        return KeepAlive(begin + 4, is_ping=True)
    if data.startswith(b"\r\n", begin):
        return KeepAlive(begin + 2, is_ping=False)
    if data[begin] == ord("\r") and begin + 1 == len(data):
        return Unfinished(2)
    return KeepAlive(begin + 1, is_ping=False)
