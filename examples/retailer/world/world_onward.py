"""A call that a carrier brings to another carrier, whose number it is: it goes out to the edge of the other.

To this carrier it is one of its calls, beside those to people of its own; to the other one it is a call from outside,
with a Call-ID, a Contact and addresses of audio of this carrier's. All else is passed on as it is.
"""

import time
from typing import Any

from callers_rtp import open_socket
from callers_sip import Message, State, Times, parse
from callers_verdict import Facts
from world_callee import GIVES_UP_AFTER_S, Behaviour, called_number
from world_passage import Passage, Passages, audio_address, passed_on, read_all, send_to, with_call_id

RINGS_S_MAX = 180.0
"""A call that has no final response by then is nobody's any more (RFC 3261 §16.6, timer C)."""


class Outlet:
    """Where a carrier's calls go on to others; `turn` is called often."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.sock = open_socket(host, 0)
        """What the other carriers see of this one."""
        self.contact = f"{host}:{int(self.sock.getsockname()[1])}"
        self.passages = Passages(host)
        self.calls: dict[str, Onward] = {}
        """By the Call-ID that the other carrier knows."""

    def turn(self, kinds: dict[str, int], now_s: float) -> None:
        """Pass on what has come back; `kinds` are the faults that stand."""
        is_dead = "black-holed" in kinds
        read_all(self.sock, lambda data, _source: None if is_dead else self._came_back(data))
        for passage in self.passages.turn(is_dead or "silent audio" in kinds, now_s):
            passage.cut = True

    def _came_back(self, data: bytes) -> None:
        message = parse(data)
        call = self.calls.get(message.one("call-id")) if message is not None else None
        if call is not None and message is not None:
            call.on_came_back(message)

    def close(self) -> None:
        """Free what is left."""
        self.passages.close()
        self.sock.close()


class Onward:
    """One call, in the place of a callee. `line` is the carrier."""

    __slots__ = (
        "acked", "behaviour", "call_id", "ended_by", "facts", "index", "invite", "invited_at", "leg", "line", "number",
        "onward_id", "outlet", "passage", "seen_invite", "source", "state", "talked_at", "times", "ways",
    )  # fmt: skip

    def __init__(
        self, line: Any, index: int, invite: Message, source: tuple[str, int], does: Behaviour, outlet: Outlet
    ) -> None:
        self.line, self.index, self.invite, self.source, self.behaviour = line, index, invite, source, does
        self.outlet = outlet
        self.call_id, self.number = invite.one("call-id"), called_number(invite)
        self.onward_id = f"{line.run_id}-on{index}@{line.host}"
        self.state = State.RINGING
        """Never TALKING: it is not for this carrier to hang up."""
        self.facts, self.times = Facts(), Times()
        self.leg: Any = None
        self.passage: Passage | None = None
        self.ways = 0, 0
        """What audio goes out of, there and back."""
        self.acked, self.seen_invite = False, 1
        self.ended_by = ""
        self.invited_at, self.talked_at = line.now(), 0.0

    def start(self) -> None:
        """The INVITE is here."""
        self.line.later(RINGS_S_MAX, self, "unanswered")
        self.line.later(self.behaviour.after_s, self, "begin") if self.behaviour.after_s else self.on_timer("begin")

    def on_timer(self, name: str) -> None:
        """A timer set with `line.later` went off."""
        if self.state is State.ENDED:
            return
        if name == "begin":
            self.outlet.calls[self.onward_id] = self
            self.passage = self.outlet.passages.open(self.onward_id, self.source, time.monotonic())
            self.ways = self.passage.inner.fileno(), self.passage.outer.fileno()
            self._go_on(self.invite)
        elif name == "gone" or not self.facts.status:
            self._end("nobody", "no response to BYE" if name == "gone" else "no final response")

    def on_message(self, message: Message, _source: tuple[str, int]) -> None:
        """From the customer, with this call's Call-ID."""
        if message.method == "INVITE" and message.one("cseq") == self.invite.one("cseq"):
            self.seen_invite += 1
        self.acked = self.acked or message.method == "ACK"
        self._note(message, "caller")
        self._go_on(message)

    def on_came_back(self, message: Message) -> None:
        """From the other carrier."""
        if self.passage is None:
            return
        wants = audio_address(message.body)
        if wants is not None:
            self.passage.remote[self.ways[0]] = wants
        data = passed_on(message.data, f"{self.line.host}:{self.line.port}", self.line.host, self._port(1))
        self.line.send(with_call_id(data, self.call_id), self.source)
        self._note(message, "callee")

    def _go_on(self, message: Message) -> None:
        if self.passage is None:
            return
        wants = audio_address(message.body)
        if wants is not None:
            self.passage.remote[self.ways[1]] = wants
        data = passed_on(message.data, self.outlet.contact, self.line.host, self._port(0))
        assert self.behaviour.to is not None
        send_to(self.outlet.sock, with_call_id(data, self.onward_id), self.behaviour.to)

    def _port(self, way: int) -> int:
        """Of the socket that audio goes out of, there (0) or back (1); 0 where the call is forgotten."""
        passage = self.passage
        sock = passage and (passage.outer if way else passage.inner)
        return passage.port(sock) if passage is not None and sock.fileno() >= 0 else 0

    def _note(self, message: Message, by: str) -> None:
        """What a message says of how far the call is."""
        if self.passage is not None:
            self.passage.note_end(message, time.monotonic())
        of = message.one("cseq").rpartition(" ")[2]
        if message.method == "BYE" and not self.ended_by:
            self.ended_by = by
            self.line.later(GIVES_UP_AFTER_S, self, "gone")
        elif message.method == "CANCEL":
            self.facts.cancelled = True
        elif message.status >= 200 and of == "INVITE" and not self.facts.status:
            self.facts.status = message.status
            self.facts.answered = message.status < 300
            if self.facts.answered:
                self.times.answered = time.time()
                self.talked_at = self.line.now()
            else:
                self._end("callee")
        elif message.status >= 200 and of == "BYE":
            self._end(self.ended_by)

    def _end(self, by: str, error: str = "") -> None:
        if self.state is State.ENDED:
            return
        self.ended_by, self.facts.error, self.state = self.ended_by or by, error, State.ENDED
        self.line.ended(self)

    def told(self) -> dict[str, Any]:
        """What it tells beside what is told of every call: packets of audio there and back, whether some were lost."""
        packets = self.passage.packets if self.passage is not None else {}
        there, back = (packets.get(each, 0) for each in self.ways)
        muted = self.passage is not None and self.passage.cut
        return {"onward": self.onward_id, "there": there, "back": back, "muted": muted}
