"""The SIP end of one callee of a carrier: a user agent server over UDP (RFC 3261 §13.3, §15.1.2, §17.2; RFC 3264).

It does what its `Behaviour` says: rings, answers, is busy, never answers, says nothing at all. Like a caller it sends
and sets timers through its `line`. It knows no authentication and no reliable provisional responses.
"""

import re
import time
from dataclasses import dataclass, fields
from typing import Any

from callers_sip import T1_S, T2_S, Message, State, Times, response_to, sdp_answer, sdp_offer
from callers_verdict import Facts

GIVES_UP_AFTER_S = 64 * T1_S
WORDS = {"answer": 200, "busy": 486, "decline": 603, "unavailable": 503, "not-found": 404, "ring": 0, "trying": 0,
         "silent": 0}  # fmt: skip
ONWARD = re.compile(r"onward:([^,:]+):(\d+)")
TIMES = ("after", "ring", "bye-after")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a called number behaves."""

    word: str = "answer"
    """`answer`; `busy` 486, `decline` 603, `unavailable` 503, `not-found` 404, `status:NNN`; `ring`: 180 and no answer
    ever; `trying`: 100 and nothing more; `silent`: not even that;
    `onward`: it is another carrier's, and brought there."""
    status: int = 200
    """The final response; 0 is none."""
    after_s: float = 0.0
    """How long nothing at all is sent."""
    ring_s: float = 0.0
    """How long it rings before the final response; 0 sends no 180."""
    bye_after_s: float | None = None
    tone_hertz: int = 440
    """What the callee speaks; 0 sends no RTP at all."""
    cause: int = 0
    """A Q.850 cause for a Reason header of a refusal; 0 sends none."""
    to: tuple[str, int] | None = None
    """Of `onward`: the edge of the carrier that has the number."""


def behaviour(text: str) -> Behaviour:
    """`answer,ring:2,tone:440,bye-after:10` and the like; ValueError says what is wrong."""
    word, *details = text.split(",")
    name, _, number = word.partition(":")
    if name == "status" and re.fullmatch(r"[3-6]\d\d", number):
        values: dict[str, Any] = {"word": "status", "status": int(number)}
    elif onward := ONWARD.fullmatch(word):
        values = {"word": "onward", "status": 0, "to": (onward[1], int(onward[2]))}
    elif name in WORDS and not number:
        values = {"word": name, "status": WORDS[name]}
    else:
        raise ValueError(f"{word!r} is none of {', '.join(WORDS)}, status:NNN, onward:HOST:PORT")
    for detail in details:
        name, colon, number = detail.partition(":")
        if not colon or not re.fullmatch(r"\d+(\.\d+)?", number) or name not in (*TIMES, "tone", "cause"):
            raise ValueError(f"{detail!r} is none of after:S, ring:S, bye-after:S, tone:HZ, cause:N")
        value = float(number)
        values[f"{name.replace('-', '_')}_s" if name in TIMES else "tone_hertz" if name == "tone" else name] = (
            value if name in TIMES else int(value)
        )
    assert set(values) <= {each.name for each in fields(Behaviour)}
    return Behaviour(**values)


class Callee:
    """One call from the INVITE that came to the end. `line` is the carrier."""

    __slots__ = (
        "acked", "behaviour", "bye", "call_id", "ended_by", "facts", "index", "invite", "invited_at", "leg", "line",
        "number", "remote_contact", "response", "seen_invite", "source", "state", "tag", "talked_at", "times",
        "waits_s",
    )  # fmt: skip

    def __init__(self, line: Any, index: int, invite: Message, source: tuple[str, int], does: Behaviour) -> None:
        self.line, self.index, self.invite, self.source, self.behaviour = line, index, invite, source, does
        self.call_id = invite.one("call-id")
        self.number = called_number(invite)
        self.tag = f"k{index}"
        self.state = State.RINGING
        self.facts = Facts()
        self.times = Times()
        self.leg: Any = None
        self.response = self.bye = b""
        """The last response to the INVITE, and our BYE; both may have to be sent again."""
        self.acked = False
        self.ended_by = ""
        self.seen_invite = 1
        self.waits_s = T1_S
        self.remote_contact = contact_of(invite)
        self.invited_at = line.now()
        self.talked_at = 0.0

    # --- what it sends

    def start(self) -> None:
        """The INVITE is here."""
        if self.behaviour.word == "silent":
            return
        self.line.later(self.behaviour.after_s, self, "begin") if self.behaviour.after_s else self.on_timer("begin")

    def _respond(self, status: int, extra: str = "", body: bytes = b"") -> None:
        tag = "" if status == 100 else self.tag
        self.response = response_to(self.invite, status, tag, extra, body)
        self.line.send(self.response, self.source)

    def _contact(self) -> str:
        return f"Contact: <sip:{self.number}@{self.line.host}:{self.line.port}>\r\n"

    def _begin(self) -> None:
        does = self.behaviour
        self._respond(100)
        if does.word == "trying":
            return
        if does.ring_s or does.word == "ring":
            self._respond(180, self._contact())
        if does.status:
            self.line.later(does.ring_s, self, "decide") if does.ring_s else self._decide()

    def _decide(self) -> None:
        does = self.behaviour
        self.facts.status = does.status
        if does.status != 200:
            reason = f"Reason: Q.850;cause={does.cause}\r\n" if does.cause else ""
            self._respond(does.status, reason)
            self.state = State.ENDING
        else:
            self._answer()
        self.line.later(self.waits_s, self, "resend_final")
        self.line.later(GIVES_UP_AFTER_S, self, "no_ack")

    def _answer(self) -> None:
        offer = sdp_answer(self.invite.body)
        if self.invite.body and (offer is None or offer[2] not in (0, 8)):
            self.facts.status = 488
            self._respond(488)
            self.state = State.ENDING
            return
        _, _, codec, event = offer or ("", 0, 0, 101)
        port = self.line.rtp_port(self)
        body = sdp_offer(self.line.host, port, codec, self.index + 1, event)
        self._respond(200, f"{self._contact()}Content-Type: application/sdp\r\n", body)
        self.state = State.TALKING
        self.facts.answered = True
        self.times.answered = time.time()
        self.talked_at = self.line.now()
        if offer:
            self.line.talk(self, *offer)
        if self.behaviour.bye_after_s is not None:
            self.line.later(self.behaviour.bye_after_s, self, "hang_up")

    def hang_up(self) -> None:
        """Send BYE, if there is a call to end."""
        if self.state is not State.TALKING:
            return
        self.state, self.facts.bye, self.ended_by = State.ENDING, "ours", "callee"
        invite, here = self.invite, f"{self.line.host}:{self.line.port}"
        routes = "".join(f"Route: {route}\r\n" for route in invite.headers.get("record-route", ()))
        self.bye = (
            f"BYE {self.remote_contact} SIP/2.0\r\nVia: SIP/2.0/UDP {here};rport;branch=z9hG4bK{self.tag}{self.call_id}"
            f"\r\nMax-Forwards: 70\r\n{routes}From: {invite.one('to')};tag={self.tag}\r\nTo: {invite.one('from')}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        self.waits_s = T1_S
        self.line.send(self.bye, self.source)
        self.line.later(T1_S, self, "resend_bye")
        self.line.later(GIVES_UP_AFTER_S, self, "no_bye_answer")

    # --- what time does

    def on_timer(self, name: str) -> None:
        """A timer set with `line.later` went off."""
        if self.state is State.ENDED:
            return
        if name == "begin" and self.state is State.RINGING:
            self._begin()
        elif name == "decide" and self.state is State.RINGING:
            self._decide()
        elif name == "hang_up":
            self.hang_up()
        elif name == "resend_final" and not self.acked:
            self._again(self.response, name)
        elif name == "resend_bye" and self.bye:
            self._again(self.bye, name)
        elif name == "no_ack" and not self.acked:
            self._end("nobody", "no ACK came")
        elif name == "no_bye_answer":
            self._end("callee", "no response to BYE")

    def _again(self, data: bytes, name: str) -> None:
        self.waits_s = min(2 * self.waits_s, T2_S)
        self.line.send(data, self.source)
        self.line.later(self.waits_s, self, name)

    # --- what the peer sends

    def on_message(self, message: Message, source: tuple[str, int]) -> None:
        """A message with this call's Call-ID."""
        if self.behaviour.word == "silent":
            self.seen_invite += message.method == "INVITE"
            return
        if not message.method:
            if message.one("cseq").endswith("BYE") and self.bye and message.status >= 200:
                self.facts.bye_answered = True
                self._end("callee")
            return
        handler = {"INVITE": self._on_invite, "ACK": self._on_ack, "BYE": self._on_bye, "CANCEL": self._on_cancel}
        if message.method in handler:
            handler[message.method](message, source)
        else:
            self.line.send(response_to(message, 200 if message.method == "OPTIONS" else 501), source)

    def _on_invite(self, message: Message, source: tuple[str, int]) -> None:
        if message.one("cseq") == self.invite.one("cseq"):
            self.seen_invite += 1
            if self.response:
                self.line.send(self.response, source)
            return
        offer = sdp_answer(message.body)
        if self.state is not State.TALKING or self.leg is None or offer is None:
            self.line.send(response_to(message, 488 if self.state is State.TALKING else 481), source)
            return
        sender = self.leg.sender
        sender.remote, sender.codec = offer[:2], offer[2]
        port = self.leg.sock.getsockname()[1]
        body = sdp_offer(self.line.host, port, offer[2], self.index + 1, offer[3])
        extra = f"{self._contact()}Content-Type: application/sdp\r\n"
        self.line.send(response_to(message, 200, self.tag, extra, body), source)

    def _on_ack(self, message: Message, source: tuple[str, int]) -> None:
        self.acked = True
        if self.state is State.ENDING and not self.bye:
            self._end("callee")
        elif self.state is State.TALKING and not self.invite.body and message.body:
            answer = sdp_answer(message.body)
            if answer is not None:
                self.line.talk(self, *answer)

    def _on_bye(self, message: Message, source: tuple[str, int]) -> None:
        self.line.send(response_to(message, 200), source)
        if self.state in (State.TALKING, State.ENDING):
            self.facts.bye = "theirs"
            self._end("caller")

    def _on_cancel(self, message: Message, source: tuple[str, int]) -> None:
        self.line.send(response_to(message, 200, self.tag), source)
        if self.state is State.RINGING:
            self.facts.cancelled, self.facts.status = True, 487
            self._respond(487)
            self.state, self.ended_by = State.ENDING, "caller"
            self.line.later(self.waits_s, self, "resend_final")
            self.line.later(GIVES_UP_AFTER_S, self, "no_ack")

    def _end(self, by: str, error: str = "") -> None:
        if self.state is State.ENDED:
            return
        self.ended_by = self.ended_by or by
        self.facts.error = error
        self.state = State.ENDED
        self.line.ended(self)


def called_number(invite: Message) -> str:
    """The user part of the To, without what surrounds it."""
    match = re.search(r"(?:sips?|tel):([^@;>]+)", invite.one("to"))
    return match[1] if match else ""


def contact_of(message: Message) -> str:
    """The URI of a Contact; of the From where there is none."""
    contact = message.one("contact") or message.one("from")
    return contact.partition("<")[2].partition(">")[0] or contact.split(";")[0]
