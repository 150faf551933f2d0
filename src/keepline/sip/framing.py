"""A message's bytes as lines and a body, before any of them means anything.

It takes bare LF for CRLF and skips empty lines before the first. It refuses (PeerError 400) what is not UTF-8, and
control characters outside of quoted pairs. Source: RFC 3261 §7.3.1, §7.5, §18.3, §25.1.
"""

import re

from keepline.model.errors import PeerError

_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")
_ESCAPED_CONTROL = re.compile(r"\\[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\r\n") + b"\x7f"


def split_message(data: bytes) -> tuple[list[str], bytes]:
    """Unfolded lines of the head, the start line first, and what follows its empty line. PeerError 400."""
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")
    head, blank, body = data.partition(b"\r\n\r\n")
    if head.count(b"\n") != head.count(b"\r\n") or not blank:
        head, blank, body = _split_loosely(data)
    try:
        text = head.decode()
    except UnicodeDecodeError:
        raise PeerError("header bytes that are not UTF-8") from None
    if text.count("\r") != text.count("\n"):
        raise PeerError("a carriage return within a line")
    if len(head.translate(None, _CONTROLS)) != len(head):
        # Only a quoted-pair may hold one (RFC 3261 §25.1).
        bare = _ESCAPED_CONTROL.sub("", text).encode()
        if len(bare.translate(None, _CONTROLS)) != len(bare):
            raise PeerError("a control character in a header")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    return text.split("\r\n"), body


def _split_loosely(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Take the head of a message whose lines end in bare LF. PeerError 400 where no empty line ends it."""
    match = re.search(rb"\r?\n\r?\n", data)
    if match is None:
        raise PeerError("no empty line after the headers")
    head = re.sub(rb"\r?\n", b"\r\n", data[: match.start()])
    return head, match[0], data[match.end() :]
