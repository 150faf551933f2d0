"""A caller that does within its call what callers of `callers_sip` do not: hold, resume, be transferred; by UDP or TCP.

RFC 3261 §12, §14, §18; RFC 3264 §8.4; RFC 3515. Every request of its own is timed to its final answer. It knows no
authentication and no forking, as its base.
"""

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from callers_rtp import DIGITS
from callers_sip import T1_S, T2_S, TIMER_B_S, Caller, Message, State, response_to, sdp_offer

RESENDS = frozenset({"resend_invite", "resend_bye", "resend_cancel"})
TCP_CONNECT_S = 5.0
TCP_BYTES_MAX = 65_536
LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)


class TcpLine:
    """One caller's own connection in place of the crowd's UDP socket; everything else is the crowd's."""

    def __init__(self, crowd: Any) -> None:
        self.crowd = crowd
        self.sock = socket.create_connection((crowd.target_host, crowd.target_port), TCP_CONNECT_S)
        self.sock.setblocking(False)
        self.port = self.sock.getsockname()[1]
        self.is_closed = False
        self._unread = b""
        self._unsent = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.crowd, name)

    def send(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        self._unsent += data
        self.flush()

    def flush(self) -> None:
        with suppress(OSError):
            sent = self.sock.send(self._unsent)
            self._unsent = self._unsent[sent:]

    def read(self) -> list[bytes]:
        """The whole messages that have come."""
        with suppress(BlockingIOError):
            try:
                piece = self.sock.recv(TCP_BYTES_MAX)
            except ConnectionError:
                piece = b""
            self.is_closed = not piece
            self._unread += piece
        found = []
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self._unread, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._unread) < size:
                break
            found.append(self._unread[:size].lstrip(b"\r\n"))
            self._unread = self._unread[size:]
        return found


@dataclass(slots=True)
class Asked:
    """A request within the dialog that has no final answer yet."""

    method: str
    data: bytes
    sent_at: float
    then: Callable[[Message, float], None] | None
    waits_s: float = T1_S


class MixedCaller(Caller):
    """One call that knows how to hold, and how to be handed over."""

    def __init__(self, line: Any, index: int, call_id: str, user: str, script: Any) -> None:
        super().__init__(line, index, call_id, user, script)
        self.is_tcp = isinstance(line, TcpLine)
        self.requests: list[tuple[str, float, float | None]] = []
        """(method, wall clock when it was sent, ms to its final answer or None)."""
        self.refers: dict[str, bytes] = {}
        """By CSeq: our answer."""
        self.on_refer: Callable[[], None] | None = None
        self.is_held = False
        self._asked: dict[int, Asked] = {}
        self._acks: dict[int, bytes] = {}
        self._cseq = 1
        self._version = 0

    # --- what it sends

    def _request(self, method: str, cseq: int, branch: str, to: str, extra: str = "", body: bytes = b"") -> bytes:
        if method == "BYE":
            self._cseq += 1
            cseq = self._cseq
        data = super()._request(method, cseq, branch, to, extra, body)
        if self.is_tcp:
            data = data.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP", 1)
            here = f"{self.line.host}:{self.line.port}".encode()
            data = data.replace(b"<sip:caller@%s>" % here, b"<sip:caller@%s;transport=tcp>" % here, 1)
        return data

    def ask(self, method: str, extra: str, body: bytes, then: Callable[[Message, float], None] | None = None) -> None:
        """Send a request within the dialog; `then` is told its final answer and the time of it."""
        self._cseq += 1
        cseq = self._cseq
        data = self._request(method, cseq, f"{self.branch}{method[:1].lower()}{cseq}", self.remote_to, extra, body)
        self._asked[cseq] = Asked(method, data, self.line.now(), then)
        self.line.send(data)
        if not self.is_tcp:
            self.line.later(T1_S, self, f"again {cseq}")
        self.line.later(TIMER_B_S, self, f"unanswered {cseq}")

    def change(self, way: str, then: Callable[[Message, float], None]) -> None:
        """A re-INVITE: `sendonly` holds, `sendrecv` resumes (RFC 3264 §8.4)."""
        self._version += 1
        port = self.leg.sock.getsockname()[1]
        body = sdp_offer(self.line.host, port, self.line.codec, self.index + 1)
        body = body.replace(b"a=sendrecv", b"a=" + way.encode())
        body = body.replace(b"o=- %d 1 " % (self.index + 1), b"o=- %d %d " % (self.index + 1, self._version + 1))
        here = f"{self.line.host}:{self.line.port}"
        self.ask("INVITE", f"Contact: <sip:caller@{here}>\r\nContent-Type: application/sdp\r\n", body, then)

    def notify(self, status: str, is_last: bool) -> None:
        """What became of who was to be called (RFC 3515 §2.4.5)."""
        state = "terminated;reason=noresource" if is_last else "active;expires=300"
        extra = (
            f"Contact: <sip:caller@{self.line.host}:{self.line.port}>\r\nEvent: refer\r\n"
            f"Subscription-State: {state}\r\n"
            "Content-Type: message/sipfrag;version=2.0\r\n"
        )
        self.ask("NOTIFY", extra, f"SIP/2.0 {status}\r\n".encode())

    # --- what time does

    def on_timer(self, name: str) -> None:
        """A timer went off."""
        if self.is_tcp and name in RESENDS:
            return
        kind, _, number = name.partition(" ")
        asked = self._asked.get(int(number)) if kind in ("again", "unanswered") else None
        if kind == "again":
            if asked is not None and self.state is State.TALKING:
                asked.waits_s = min(2 * asked.waits_s, T2_S)
                self.line.send(asked.data)
                self.line.later(asked.waits_s, self, name)
        elif kind == "unanswered":
            if asked is not None and self.state is State.TALKING:
                self.facts.error = f"no response to {asked.method}"
                self.hang_up()
        elif kind == "do":
            self.line.act(self, number)
        else:
            super().on_timer(name)

    # --- what the peer sends

    def on_message(self, message: Message, at: float) -> None:
        """A message of this call."""
        number, _, method = message.one("cseq").partition(" ")
        if (
            message.method
            or (method == "INVITE" and number == "1")
            or not number.isdigit()
            or method in ("BYE", "CANCEL")
        ):
            super().on_message(message, at)
        elif message.status >= 200:
            self._on_final(int(number), method, message, at)

    def _on_final(self, cseq: int, method: str, message: Message, at: float) -> None:
        if method == "INVITE":
            if cseq not in self._acks:
                branch = f"{self.branch}{'a' if message.status < 300 else 'i'}{cseq}"
                self._acks[cseq] = self._request("ACK", cseq, branch, self.remote_to)
            self.line.send(self._acks[cseq])
        asked = self._asked.pop(cseq, None)
        if asked is None:
            return
        self.requests.append((asked.method, asked.sent_at, (at - asked.sent_at) * 1000))
        if message.status >= 300 and self.state is State.TALKING:
            self.facts.error = f"{asked.method} was answered {message.status}"
            self.hang_up()
        elif asked.then is not None:
            asked.then(message, at)

    def _on_request(self, message: Message, at: float) -> None:
        if message.method != "REFER":
            super()._on_request(message, at)
            return
        number = message.one("cseq")
        if number not in self.refers:
            extra = f"Contact: <sip:caller@{self.line.host}:{self.line.port}>\r\n"
            self.refers[number] = response_to(message, 202, extra=extra)
            self.line.send(self.refers[number])
            if self.on_refer is not None and len(self.refers) == 1:
                self.on_refer()
        else:
            self.line.send(self.refers[number])

    def _end(self, error: str = "") -> None:
        times = self.times
        first = "CANCEL" if self.facts.cancelled else "INVITE"
        rang = times.first_response if self.script.rings else times.answered
        self.requests.append((first, times.invited, (rang - times.invited) * 1000 if rang else None))
        if times.bye_sent:
            took = (times.bye_answered - times.bye_sent) * 1000 if times.bye_answered else None
            self.requests.append(("BYE", times.bye_sent, took))
        self.requests += [(asked.method, asked.sent_at, None) for asked in self._asked.values()]
        super()._end(error)


def press_all(caller: MixedCaller, keys: str, first_s: float, every_s: float) -> None:
    """Press keys one after the other, each at its own time from now."""
    assert set(keys) <= set(DIGITS)
    for at, key in enumerate(keys):
        caller.line.later(first_s + at * every_s, caller, f"press {key}")
