"""The side of a carrier that brings calls in: what people dial reaches a customer's address through it, or does not.

It passes on SIP and RTP as a session border controller does: towards the customer the Contact and the addresses of
audio are its own, Call-IDs stay, so that both ends can be compared call by call. It decides nothing about a call; a
fault that is planted makes it drop, refuse or hold back. Sources: RFC 3261 §16 (in spirit: no Via of its own, as both
neighbours answer where a message came from, RFC 3581), RFC 4566 §5.
"""

import re
import select
import time
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any

from callers_rtp import open_rtp_socket, open_socket
from callers_sip import Message, parse, response_to

BATCH = 64
RTP_BATCH = 4096
RESTS_S = 10.0
"""After its end a call's messages may come once more."""
IDLE_S = 90.0
"""A call of which nothing came through for so long has ended unseen."""
LOOKS_EVERY_S = 1.0
CALLS_MAX = 5000
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


def audio_address(body: bytes) -> tuple[str, int] | None:
    """Where a description of a session wants its audio; None where it says nothing of it."""
    connection, audio = _CONNECTION.search(body), _AUDIO.search(body)
    if connection is None or audio is None:
        return None
    return connection[0].rpartition(b" ")[2].decode(), int(audio[1])


class Passage:
    """One call on its way through: two sockets, and where each side wants to be sent to."""

    __slots__ = ("call_id", "caller", "cut", "ends_at_s", "inner", "offered", "outer", "remote", "touched_at_s")

    def __init__(self, call_id: str, caller: tuple[str, int], host: str, now_s: float) -> None:
        self.call_id, self.caller = call_id, caller
        self.outer, self.inner = open_rtp_socket(host), open_rtp_socket(host)
        """Towards the caller, and towards the customer."""
        self.remote: dict[int, tuple[str, int]] = {}
        """By the socket that it goes out of."""
        self.touched_at_s, self.ends_at_s = now_s, 0.0
        self.offered = self.cut = False
        """Whether the customer was sent it, and whether something of it was lost."""

    def port(self, sock: Any) -> int:
        return int(sock.getsockname()[1])


class Edge:
    """Brings calls to one customer; `turn` is called often, and does what there is to do."""

    def __init__(
        self, address: tuple[str, int], customer: tuple[str, int], tell: Callable[[dict[str, Any]], None]
    ) -> None:
        self.host, self.customer, self.tell = address[0], customer, tell
        self.public = open_socket(*address)
        """Where people's networks send what they dial."""
        self.trunk = open_socket(self.host, 0)
        """What the customer sees of this carrier."""
        self.port = int(self.public.getsockname()[1])
        self._contact = f"{self.host}:{int(self.trunk.getsockname()[1])}"
        self.offered = self.passed = 0
        """Calls that were dialled, and those that the customer was sent."""
        self._calls: dict[str, Passage] = {}
        self._held: list[tuple[float, int, bytes, Passage]] = []
        self._count = 0
        self._swallowed: set[str] = set()
        self._poll = select.epoll()
        self._ways: dict[int, tuple[Passage, Any, Any]] = {}
        """By the descriptor that is read: the call, the socket itself and the one that it goes out of."""
        self._looks_at_s = 0.0

    def turn(self, kinds: dict[str, int], now_s: float) -> None:
        """Pass on whatever is there; `kinds` are the faults that stand, with their milliseconds."""
        self._read(self.public, lambda data, source: self._from_caller(data, source, kinds, now_s))
        self._read(self.trunk, lambda data, _source: self._from_customer(data, kinds, now_s))
        self._pass_audio("black-holed" in kinds or "silent audio" in kinds, now_s)
        while self._held and self._held[0][0] <= now_s:
            _, _, data, call = heappop(self._held)
            if "black-holed" in kinds:
                self._cut(call)
            else:
                self._to_customer(data, call)
        if now_s >= self._looks_at_s:
            self._looks_at_s = now_s + LOOKS_EVERY_S
            self._forget(now_s)

    def _read(self, sock: Any, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        for _ in range(BATCH):
            try:
                data, source = sock.recvfrom(65535)
            except (BlockingIOError, ConnectionRefusedError):
                return
            take(data, source)

    # --- signalling

    def _from_caller(self, data: bytes, source: tuple[str, int], kinds: dict[str, int], now_s: float) -> None:
        message = parse(data)
        if message is None:
            return
        call_id = message.one("call-id")
        call = self._calls.get(call_id)
        is_new = call is None and message.method == "INVITE" and len(self._calls) < CALLS_MAX
        if is_new and call_id not in self._swallowed:
            self.offered += 1
        if "black-holed" in kinds or (is_new and "100 only" in kinds):
            if is_new:
                self._swallow(call_id, "nothing")
            self._cut(call)
            return
        if is_new and "503" in kinds:
            self._swallow(call_id, "503")
            self._send(self.public, response_to(message, 503, "edge"), source)
            return
        if is_new:
            call = self._open(call_id, source, now_s)
        if call is None:
            return
        call.touched_at_s = now_s
        self._note_end(call, message, now_s)
        wants = audio_address(message.body)
        if wants is not None:
            call.remote[call.outer.fileno()] = wants
        data = passed_on(data, self._contact, self.host, call.port(call.inner))
        if message.method == "INVITE" and kinds.get("slow"):
            self._count += 1
            heappush(self._held, (now_s + kinds["slow"] / 1000, self._count, data, call))
        else:
            self._to_customer(data, call)

    def _to_customer(self, data: bytes, call: Passage) -> None:
        if not call.offered:
            call.offered = True
            self.passed += 1
            self.tell({"event": "offered", "call_id": call.call_id, "passed": True, "at": time.time()})
        self._send(self.trunk, data, self.customer)

    def _from_customer(self, data: bytes, kinds: dict[str, int], now_s: float) -> None:
        message = parse(data)
        if message is None:
            return
        call = self._calls.get(message.one("call-id"))
        if "black-holed" in kinds:
            self._cut(call)
            return
        if call is None:
            if message.method and message.method != "ACK":
                self._send(self.trunk, response_to(message, 200 if message.method == "OPTIONS" else 481), self.customer)
            return
        call.touched_at_s = now_s
        self._note_end(call, message, now_s)
        wants = audio_address(message.body)
        if wants is not None:
            call.remote[call.inner.fileno()] = wants
        self._send(self.public, passed_on(data, "", self.host, call.port(call.outer)), call.caller)

    def _cut(self, call: Passage | None) -> None:
        """Something of a call is lost here."""
        if call is not None and not call.cut:
            call.cut = True
            self.tell({"event": "cut", "call_id": call.call_id, "at": time.time()})

    def _swallow(self, call_id: str, answered: str) -> None:
        """It was dialled, and the customer will never know."""
        if call_id not in self._swallowed:
            self._swallowed.add(call_id)
            told = {"event": "offered", "call_id": call_id, "passed": False, "answered": answered, "at": time.time()}
            self.tell(told)

    def _note_end(self, call: Passage, message: Message, now_s: float) -> None:
        ends = message.method == "BYE" or (message.status >= 300 and message.one("cseq").endswith("INVITE"))
        if ends and not call.ends_at_s:
            call.ends_at_s = now_s + RESTS_S

    def _send(self, sock: Any, data: bytes, to: tuple[str, int]) -> None:
        with suppress(OSError):
            sock.sendto(data, to)

    # --- audio

    def _open(self, call_id: str, source: tuple[str, int], now_s: float) -> Passage:
        call = self._calls[call_id] = Passage(call_id, source, self.host, now_s)
        for comes_in, goes_out in ((call.outer, call.inner), (call.inner, call.outer)):
            self._ways[comes_in.fileno()] = call, comes_in, goes_out
            self._poll.register(comes_in.fileno(), select.EPOLLIN)
        return call

    def _pass_audio(self, drops: bool, now_s: float) -> None:
        for descriptor, _ in self._poll.poll(0, RTP_BATCH):
            call, comes_in, goes_out = self._ways[descriptor]
            # A socket sends to whom the socket beside it was told of: what the caller wants goes out of `outer`.
            to = call.remote.get(goes_out.fileno())
            call.touched_at_s = now_s
            with suppress(BlockingIOError, ConnectionRefusedError):
                while True:
                    data = comes_in.recv(2048)
                    if drops:
                        self._cut(call)
                    elif to is not None:
                        self._send(goes_out, data, to)

    def _forget(self, now_s: float) -> None:
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
        for thing in (self._poll, self.public, self.trunk):
            thing.close()
