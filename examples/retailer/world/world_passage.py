"""Calls on their way through a carrier: what is changed in a message, and audio from one socket to the other.

Towards each side the addresses of audio are the carrier's own, as a session border controller has it. It knows no
rules and no faults. Source: RFC 4566 §5.
"""

import re
import select
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from callers_rtp import open_rtp_socket
from callers_sip import Message

BATCH = 64
RTP_BATCH = 4096
RESTS_S = 10.0
"""After its end a call's messages may come once more."""
IDLE_S = 90.0
"""A call of which nothing came through for so long has ended unseen."""
LOOKS_EVERY_S = 1.0
CALLS_MAX = 5000
_CALL_ID = re.compile(rb"(?im)^((?:Call-ID|i)[ \t]*:[ \t]*)[^\r\n]+")
_CONTACT = re.compile(rb"(?im)^(Contact:[^\r\n]*?@)[^;>\s]+")
_CONNECTION = re.compile(rb"(?m)^c=IN IP4 [^\r\n]+")
_AUDIO = re.compile(rb"(?m)^m=audio (\d+)")
_LENGTH = re.compile(rb"(?im)^Content-Length:[^\r\n]*")


def passed_on(data: bytes, contact: str, host: str, port: int) -> bytes:
    """A message with this Contact ("" leaves it) and this address for audio, where it has any."""
    head, blank, body = data.partition(b"\r\n\r\n")
    if contact:
        head = _CONTACT.sub(rb"\g<1>" + contact.encode(), head)
    if port and b"m=audio" in body:
        body = _CONNECTION.sub(f"c=IN IP4 {host}".encode(), body)
        body = _AUDIO.sub(f"m=audio {port}".encode(), body)
        head = _LENGTH.sub(f"Content-Length: {len(body)}".encode(), head)
    return head + blank + body


def with_call_id(data: bytes, call_id: str) -> bytes:
    """A message as one of another call."""
    return _CALL_ID.sub(rb"\g<1>" + call_id.encode(), data, count=1)


def audio_address(body: bytes) -> tuple[str, int] | None:
    """Where a description of a session wants its audio; None where it says nothing of it."""
    connection, audio = _CONNECTION.search(body), _AUDIO.search(body)
    if connection is None or audio is None:
        return None
    return connection[0].rpartition(b" ")[2].decode(), int(audio[1])


class Passage:
    """One call on its way through: two sockets, and where each side wants to be sent to."""

    __slots__ = (
        "call_id", "caller", "cut", "ends_at_s", "inner", "offered", "outer", "packets", "remote", "touched_at_s",
    )  # fmt: skip

    def __init__(self, call_id: str, caller: tuple[str, int], host: str, now_s: float) -> None:
        self.call_id, self.caller = call_id, caller
        self.outer, self.inner = open_rtp_socket(host), open_rtp_socket(host)
        """Towards the caller, and towards the customer."""
        self.remote: dict[int, tuple[str, int]] = {}
        """By the socket that it goes out of."""
        self.packets: Counter[int] = Counter()
        """Of audio, that went through, by the socket that they went out of."""
        self.touched_at_s, self.ends_at_s = now_s, 0.0
        self.offered = self.cut = False
        """Whether the customer was sent it, and whether something of it was lost."""

    def port(self, sock: Any) -> int:
        return int(sock.getsockname()[1])

    def note_end(self, message: Message, now_s: float) -> None:
        """Whether this message ends it: it is forgotten a while later."""
        ends = message.method == "BYE" or (message.status >= 300 and message.one("cseq").endswith("INVITE"))
        if ends and not self.ends_at_s:
            self.ends_at_s = now_s + RESTS_S


class Passages:
    """The calls that go through one host, by Call-ID; `turn` is called often."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._calls: dict[str, Passage] = {}
        self._poll = select.epoll()
        self._ways: dict[int, tuple[Passage, Any, Any]] = {}
        """By the descriptor that is read: the call, the socket itself and the one that it goes out of."""
        self._looks_at_s = 0.0

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, call_id: str) -> Passage | None:
        """One of them, if it is there."""
        return self._calls.get(call_id)

    def open(self, call_id: str, source: tuple[str, int], now_s: float) -> Passage:
        """A call from `source`, with two sockets of its own."""
        call = self._calls[call_id] = Passage(call_id, source, self.host, now_s)
        for comes_in, goes_out in ((call.outer, call.inner), (call.inner, call.outer)):
            self._ways[comes_in.fileno()] = call, comes_in, goes_out
            self._poll.register(comes_in.fileno(), select.EPOLLIN)
        return call

    def turn(self, drops: bool, now_s: float) -> Iterator[Passage]:
        """Pass audio on, or drop it; the calls of which some was dropped. Calls that are over are forgotten."""
        for descriptor, _ in self._poll.poll(0, RTP_BATCH):
            call, comes_in, goes_out = self._ways[descriptor]
            # A socket sends to whom the socket beside it was told of: what the caller wants goes out of `outer`.
            to = call.remote.get(goes_out.fileno())
            call.touched_at_s, dropped = now_s, False
            with suppress(BlockingIOError, ConnectionRefusedError):
                while True:
                    data = comes_in.recv(2048)
                    dropped = dropped or drops
                    if to is not None and not drops:
                        call.packets[goes_out.fileno()] += 1
                        send_to(goes_out, data, to)
            if dropped:
                yield call
        if now_s >= self._looks_at_s:
            self._looks_at_s = now_s + LOOKS_EVERY_S
            for call in list(self._calls.values()):
                if 0 < call.ends_at_s <= now_s or now_s - call.touched_at_s > IDLE_S:
                    self._close(call)

    def _close(self, call: Passage) -> None:
        del self._calls[call.call_id]
        for sock in (call.outer, call.inner):
            self._poll.unregister(sock.fileno())
            del self._ways[sock.fileno()]
            sock.close()

    def close(self) -> None:
        """Free what is left."""
        for call in list(self._calls.values()):
            self._close(call)
        self._poll.close()


def read_all(sock: Any, take: Callable[[bytes, tuple[str, int]], None]) -> None:
    """Take the datagrams that wait there, at most `BATCH`."""
    for _ in range(BATCH):
        try:
            data, source = sock.recvfrom(65535)
        except (BlockingIOError, ConnectionRefusedError):
            return
        take(data, source)


def send_to(sock: Any, data: bytes, to: tuple[str, int]) -> None:
    """What cannot be sent is lost, as on a network."""
    with suppress(OSError):
        sock.sendto(data, to)
