"""The SIP end of one caller: a user agent client over UDP (RFC 3261 §13, §15, §17.1; RFC 6026; RFC 3264).

One `Caller` is one call from its INVITE to the answer of a BYE. It sends and sets timers through its `line`, the crowd
it belongs to. It knows no authentication, no forking, no route set: the peer is one node on the same machine.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from callers_rtp import DIGITS
from callers_verdict import Facts

T1_S = 0.5
T2_S = 4.0
TIMER_B_S = 64 * T1_S
CANCEL_WAITS_S = 64 * T1_S
USER_AGENT = "callers/1"


class State(Enum):
    CALLING = "calling"
    RINGING = "ringing"
    TALKING = "talking"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(slots=True)
class Message:
    """One SIP message, as much of it as a caller needs."""

    method: str
    """Of a request; "" for a response."""
    status: int
    """Of a response; 0 for a request."""
    headers: dict[str, list[str]]
    body: bytes
    data: bytes = b""
    """All of it, as it came."""

    def one(self, name: str) -> str:
        values = self.headers.get(name)
        return values[0] if values else ""


COMPACT = {"i": "call-id", "f": "from", "t": "to", "v": "via", "m": "contact"}


def parse(data: bytes) -> Message | None:
    """None where it is not SIP."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    parts = lines[0].split(" ", 2)
    if len(parts) < 3:
        return None
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers.setdefault(COMPACT.get(name, name), []).append(value.strip())
    if parts[0] == "SIP/2.0":
        return Message("", int(parts[1]), headers, body, data) if parts[1].isdigit() else None
    return Message(parts[0], 0, headers, body, data) if parts[2] == "SIP/2.0" else None


def sdp_offer(host: str, port: int, codec: int, version: int, event: int = 101) -> bytes:
    """An offer, or an answer, of one G.711 codec (0 PCMU, 8 PCMA) and telephone-event (none where `event` is -1)."""
    family, name = ("IP6" if ":" in host else "IP4"), {0: "PCMU", 8: "PCMA"}[codec]
    digits = (f"a=rtpmap:{event} telephone-event/8000", f"a=fmtp:{event} 0-15") if event >= 0 else ()
    lines = (
        "v=0", f"o=- {version} 1 IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0",
        f"m=audio {port} RTP/AVP {codec}{f' {event}' if event >= 0 else ''}", f"a=rtpmap:{codec} {name}/8000",
        *digits, "a=ptime:20", "a=sendrecv",
    )  # fmt: skip
    return ("\r\n".join(lines) + "\r\n").encode()


def sdp_answer(body: bytes) -> tuple[str, int, int, int] | None:
    """(host, port, payload type of the voice, payload type of digits or -1); None where it is no use.

    Of several codecs the first G.711 one, so that it reads offers too.
    """
    host, port, codec, event = "", 0, -1, -1
    for line in body.decode("utf-8", "replace").splitlines():
        if line.startswith("c="):
            host = line.split()[-1]
        elif line.startswith("m=audio "):
            fields = line.split()
            port, codec = int(fields[1]), int(next((kind for kind in fields[3:] if kind in ("0", "8")), fields[3]))
        elif line.startswith("a=rtpmap:") and "telephone-event" in line:
            event = int(line[9:].split()[0])
    return (host, port, codec, event) if host and port and codec >= 0 else None


@dataclass(slots=True)
class Script:
    """What one caller means to do, decided before the call."""

    digits: list[tuple[str, float]] = field(default_factory=list)
    """(digit, seconds after the answer)."""
    hang_up_after_s: float | None = None
    """After the answer."""
    cancel_after_s: float | None = None
    """After the INVITE; sent once a provisional response has come (§9.1)."""
    give_up_after_s: float = 120.0
    """A call that has not ended by then is a failed one."""
    name: str = ""
    """The user part of its From; "" makes it the same as that of its Call-ID."""


@dataclass(slots=True)
class Times:
    """Wall clock, in seconds; 0.0 where it never happened. Arrivals are the kernel's."""

    invited: float = 0.0
    first_response: float = 0.0
    answered: float = 0.0
    refused: float = 0.0
    bye_sent: float = 0.0
    bye_received: float = 0.0
    bye_answered: float = 0.0
    ended: float = 0.0


class Caller:
    """One call. `line` is the crowd: `send(data)`, `later(delay_s, caller, name)`, media and the end of calls."""

    __slots__ = (
        "ack", "branch", "bye", "bye_branch", "call_id", "facts", "index", "invite", "leg", "line", "name",
        "own_tag", "remote_to", "resent_bye", "resent_invite", "script", "seen_200", "seen_bye", "state", "target",
        "times", "user", "waits_s", "wants_cancel",
    )  # fmt: skip

    def __init__(self, line: Any, index: int, call_id: str, user: str, script: Script) -> None:
        self.line, self.index, self.call_id, self.user, self.script = line, index, call_id, user, script
        self.state = State.CALLING
        self.name = script.name or call_id.partition("@")[0]
        """The user part of its From; where the script names none, a record is found by it and by the Call-ID."""
        self.facts, self.times = Facts(), Times()
        self.leg: Any = None
        self.own_tag, self.branch = f"c{index}", f"z9hG4bK{call_id.partition('@')[0]}"
        self.remote_to = f"<sip:{user}@{line.target_host}>"
        self.target = f"sip:{user}@{line.target_host}:{line.target_port}"
        self.invite = self.ack = self.bye = b""
        self.bye_branch = ""
        self.resent_invite = self.resent_bye = self.seen_200 = self.seen_bye = 0
        self.waits_s = T1_S
        self.wants_cancel = False

    # --- what this caller sends

    def _request(self, method: str, cseq: int, branch: str, to: str, extra: str = "", body: bytes = b"") -> bytes:
        here = f"{self.line.host}:{self.line.port}"
        return (
            f"{method} {self.target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch={branch}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{self.name}@{self.line.host}>;tag={self.own_tag}\r\nTo: {to}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\nUser-Agent: {USER_AGENT}\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def start(self) -> None:
        """Send the INVITE."""
        here = f"{self.line.host}:{self.line.port}"
        body = sdp_offer(self.line.host, self.line.rtp_port(self), self.line.codec, self.index + 1)
        extra = f"Contact: <sip:caller@{here}>\r\nAllow: INVITE, ACK, BYE, CANCEL\r\nContent-Type: application/sdp\r\n"
        self.invite = self._request("INVITE", 1, self.branch, self.remote_to, extra, body)
        self.times.invited = self.line.now()
        self.line.send(self.invite)
        self.line.later(T1_S, self, "resend_invite")
        self.line.later(TIMER_B_S, self, "timer_b")
        self.line.later(self.script.give_up_after_s, self, "give_up")
        if self.script.cancel_after_s is not None:
            self.line.later(self.script.cancel_after_s, self, "cancel")

    def hang_up(self) -> None:
        """Send BYE, if there is a call to end."""
        if self.state is not State.TALKING:
            return
        self.state = State.ENDING
        self.facts.bye = "ours"
        self.bye_branch = self.branch + "b"
        self.bye = self._request("BYE", 2, self.bye_branch, self.remote_to)
        self.times.bye_sent = self.line.now()
        self.waits_s = T1_S
        self.line.send(self.bye)
        self.line.later(T1_S, self, "resend_bye")
        self.line.later(TIMER_B_S, self, "timer_f")

    def cancel(self) -> None:
        """Send CANCEL now, or as soon as a provisional response allows it."""
        if self.state is State.CALLING:
            self.wants_cancel = True
        elif self.state is State.RINGING and not self.facts.cancelled:
            self.facts.cancelled = True
            self.waits_s = T1_S
            self._send_cancel()
            self.line.later(CANCEL_WAITS_S, self, "timer_cancel")

    def release(self, why: str) -> None:
        """Whoever holds the phone has put it down and is free, whatever the other side makes of it."""
        if self.state in (State.CALLING, State.RINGING):
            self.line.send(self._request("CANCEL", 1, self.branch, self.remote_to))
        if self.state is not State.ENDED:
            self._end(why)

    def _send_cancel(self) -> None:
        self.line.send(self._request("CANCEL", 1, self.branch, self.remote_to))
        self.line.later(self.waits_s, self, "resend_cancel")

    # --- what time does

    def on_timer(self, name: str) -> None:
        """A timer set with `line.later` went off."""
        state = self.state
        if state is State.ENDED:
            return
        if name == "resend_invite" and state is State.CALLING:
            self.resent_invite += 1
            self.waits_s *= 2
            self.line.send(self.invite)
            self.line.later(self.waits_s, self, name)
        elif name == "resend_bye" and state is State.ENDING:
            self.resent_bye += 1
            self.waits_s = min(2 * self.waits_s, T2_S)
            self.line.send(self.bye)
            self.line.later(self.waits_s, self, name)
        elif name == "resend_cancel" and state is State.RINGING:
            self.waits_s = min(2 * self.waits_s, T2_S)
            self._send_cancel()
        elif name == "cancel":
            self.cancel()
        elif name == "hang_up":
            self.hang_up()
        elif name.startswith("press ") and state is State.TALKING:
            self.line.press(self, name[6:])
        else:
            self._on_deadline(name)

    def _on_deadline(self, name: str) -> None:
        state = self.state
        if name == "timer_b" and state is State.CALLING:
            self._end("no response to INVITE (timer B)")
        elif name == "timer_f" and state is State.ENDING:
            self._end("no response to BYE (timer F)")
        elif name == "timer_cancel" and state is State.RINGING:
            self._end("no final response after CANCEL")
        elif name == "give_up":
            if state is State.TALKING:
                self.facts.error = f"still up after {self.script.give_up_after_s:g} s"
                self.hang_up()
            else:
                self._end(f"{state.value} after {self.script.give_up_after_s:g} s")

    # --- what the peer sends

    def on_message(self, message: Message, at: float) -> None:
        """A message with this call's Call-ID arrived at wall clock `at`, in seconds."""
        if message.method:
            self._on_request(message, at)
            return
        method = message.one("cseq").rpartition(" ")[2]
        if method == "INVITE":
            self._on_invite_response(message, at)
        elif method == "BYE" and message.status >= 200 and self.state is State.ENDING:
            self.facts.bye_answered = message.status == 200
            self.times.bye_answered = at
            self._end("" if message.status == 200 else f"BYE answered {message.status}")

    def _on_request(self, message: Message, at: float) -> None:
        method = message.method
        if method == "ACK":
            return
        if method != "BYE":
            self.line.send(response_to(message, 200 if method == "OPTIONS" else 501))
            return
        self.seen_bye += 1
        self.line.send(response_to(message, 200))
        if self.state in (State.TALKING, State.ENDING):
            self.times.bye_received = at
            if self.state is State.TALKING:
                self.facts.bye = "theirs"
            else:
                self.facts.bye_answered = True  # The two BYEs crossed.
            self._end()

    def _on_invite_response(self, message: Message, at: float) -> None:
        status = message.status
        self.times.first_response = self.times.first_response or at
        if status < 200:
            if self.state is State.CALLING:
                self.state = State.RINGING
                if self.wants_cancel:
                    self.cancel()
        elif status < 300:
            self._on_answer(message, at)
        else:
            ack = self._request("ACK", 1, self.branch, message.one("to"))
            self.line.send(ack)
            if self.state in (State.CALLING, State.RINGING):
                self.ack, self.facts.status, self.times.refused = ack, status, at
                self._end()

    def _on_answer(self, message: Message, at: float) -> None:
        self.seen_200 += 1
        if self.ack:
            self.line.send(self.ack)
            return
        self.facts.status = message.status
        if self.state is State.ENDED:
            return
        contact = message.one("contact")
        self.target = contact.partition("<")[2].partition(">")[0] or contact or self.target
        self.remote_to = message.one("to")
        self.ack = self._request("ACK", 1, self.branch + "a", self.remote_to)
        self.line.send(self.ack)
        self.times.answered = at
        self.state = State.TALKING
        answer = sdp_answer(message.body)
        if answer is None:
            self.facts.error = "the answer has no usable SDP"
            self.hang_up()
            return
        self.facts.answered = True
        self.line.talk(self, *answer)
        if self.facts.cancelled:
            self.hang_up()  # CANCEL lost the race (§9.1).
            return
        for digit, after_s in self.script.digits:
            if digit in DIGITS:
                self.line.later(after_s, self, f"press {digit}")
        if self.script.hang_up_after_s is not None:
            self.line.later(self.script.hang_up_after_s, self, "hang_up")

    def _end(self, error: str = "") -> None:
        self.facts.error = self.facts.error or error
        self.state = State.ENDED
        self.times.ended = self.line.now()
        self.line.ended(self)


REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 404: "Not Found", 481: "Call/Transaction Does Not Exist",
    486: "Busy Here", 487: "Request Terminated", 501: "Not Implemented", 503: "Service Unavailable", 603: "Decline",
}  # fmt: skip


def response_to(request: Message, status: int, tag: str = "", extra: str = "", body: bytes = b"") -> bytes:
    """A response, every Via and Record-Route copied (§8.2.6); `tag` is added to a To that has none."""
    copied = "".join(f"Via: {via}\r\n" for via in request.headers.get("via", ()))
    copied += "".join(f"Record-Route: {route}\r\n" for route in request.headers.get("record-route", ()))
    to = request.one("to")
    if tag and ";tag=" not in to:
        to += f";tag={tag}"
    return (
        f"SIP/2.0 {status} {REASONS.get(status, 'Refused')}\r\n{copied}From: {request.one('from')}\r\nTo: {to}\r\n"
        f"Call-ID: {request.one('call-id')}\r\nCSeq: {request.one('cseq')}\r\n{extra}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
