"""The side of a carrier that brings calls in: what people dial reaches a customer's address through it, or does not.

It passes on SIP and RTP as a session border controller does: towards the customer the Contact and the addresses of
audio are its own, Call-IDs stay, so that both ends can be compared call by call. It decides nothing about a call; a
fault that is planted makes it drop, refuse or hold back. Sources: RFC 3261 §16 (in spirit: no Via of its own, as both
neighbours answer where a message came from, RFC 3581), RFC 4566 §5.
"""

import time
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from callers_rtp import open_socket
from callers_sip import parse, response_to
from world_passage import CALLS_MAX, Passage, Passages, audio_address, passed_on, read_all, send_to


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
        self._calls = Passages(self.host)
        self._held: list[tuple[float, int, bytes, Passage]] = []
        self._count = 0
        self._swallowed: set[str] = set()

    def turn(self, kinds: dict[str, int], now_s: float) -> None:
        """Pass on whatever is there; `kinds` are the faults that stand, with their milliseconds."""
        read_all(self.public, lambda data, source: self._from_caller(data, source, kinds, now_s))
        read_all(self.trunk, lambda data, _source: self._from_customer(data, kinds, now_s))
        for call in self._calls.turn("black-holed" in kinds or "silent audio" in kinds, now_s):
            self._cut(call)
        while self._held and self._held[0][0] <= now_s:
            _, _, data, call = heappop(self._held)
            if "black-holed" in kinds:
                self._cut(call)
            else:
                self._to_customer(data, call)

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
            send_to(self.public, response_to(message, 503, "edge"), source)
            return
        if is_new:
            call = self._calls.open(call_id, source, now_s)
        if call is None:
            return
        call.touched_at_s = now_s
        call.note_end(message, now_s)
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
        send_to(self.trunk, data, self.customer)

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
                send_to(self.trunk, response_to(message, 200 if message.method == "OPTIONS" else 481), self.customer)
            return
        call.touched_at_s = now_s
        call.note_end(message, now_s)
        wants = audio_address(message.body)
        if wants is not None:
            call.remote[call.inner.fileno()] = wants
        send_to(self.public, passed_on(data, "", self.host, call.port(call.outer)), call.caller)

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

    def close(self) -> None:
        """Free what is left."""
        for thing in (self._calls, self.public, self.trunk):
            thing.close()
