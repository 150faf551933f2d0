"""An exchange with a small operation, driven by datagrams: what goes in, what comes out, and whole calls through it."""

from dataclasses import replace

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, CallReceived, Fact
from keepline.call.turn import Identity, Program
from keepline.flow import Call, flow
from keepline.model.operation import (
    EVERYBODY,
    FlowReference,
    HostPort,
    MediaSettings,
    NodeSettings,
    Number,
    Operation,
    OutboundPolicy,
    SipSettings,
    Trunk,
)
from keepline.sip.message import Headers, Response
from keepline.sip.transaction import Timers
from tests.spec.sip_messages import PEER, SDP, wire

STRANGER = ("198.51.100.66", 5060)
ANYBODY = OutboundPolicy(allow=(EVERYBODY,))
"""A policy that the tests of calls out need not think of."""
OPERATION = Operation(
    name="spec",
    directory="/operation",
    digest="d1",
    sip=SipSettings(HostPort("192.0.2.9", 5060)),
    media=MediaSettings(),
    http=HostPort("127.0.0.1", 8080),
    node=NodeSettings(),
    trunks=(Trunk("carrier", ("192.0.2.0/24", "2001:db8::/32")),),
    numbers={name: Number("hold") for name in ("1000", "bob", "user", "UserB", "sips:user@example.com")}
    | {"ringing": Number("hold", ring_s=5.0), "leaving": Number("leaving")},
    flows={name: FlowReference("flows", name) for name in ("hold", "leaving")},
    prompts={},
    outbound=ANYBODY,
)


@flow
async def hold(call: Call) -> None:
    await call.say("Please hold.")


@flow
async def leaving(call: Call) -> None:
    await call.wait(1)
    await call.transfer("+18005550111")
    await call.say("Please hold.")


class Rig:
    """One exchange; `peer` is an address of its trunk. Times are seconds from 0."""

    def __init__(self, slots: int = 8, seed: bytes = b"seed", **sip: object) -> None:
        operation = replace(OPERATION, sip=replace(OPERATION.sip, **sip))  # type: ignore[arg-type]
        identity = Identity(HostPort("192.0.2.9", 5060), "192.0.2.9", "Keepline", Timers())
        self.exchange = Exchange(identity, seed, list(range(40000, 40000 + 2 * slots, 2)))
        self.program = Program(operation, {"hold": hold, "leaving": leaving})
        self.exchange.add_program(self.program, current=True)
        self.now_s = 1000.0
        self.facts: list[Fact] = []
        self.reports: list[fx.Report] = []
        self._calls = 0

    def step(self, given: fx.Input) -> list[bytes]:
        """What is sent, in order."""
        sent: list[bytes] = []
        for effect in self.exchange.step(self.now_s, given):
            if isinstance(effect, fx.SendSip):
                sent.append(effect.data)
            elif isinstance(effect, fx.Persist):
                self.facts.append(effect.fact)
            elif isinstance(effect, fx.Report):
                self.reports.append(effect)
            elif isinstance(effect, fx.CloseMedia):
                sent += self.step(fx.MediaStopped(effect.call))
        return sent

    def send(self, data: bytes, source: tuple[str, int] = PEER) -> list[Response]:
        """One datagram, and the responses that it causes at once."""
        return [read_response(sent) for sent in self.step(fx.DatagramReceived(data, source))]

    def step_response(self, response: Response, source: tuple[str, int] = PEER) -> list[bytes]:
        """A response to a request of ours, and all that is sent at once."""
        return self.step(fx.DatagramReceived(response.encode(), source))

    def send_raw(self, data: bytes, source: tuple[str, int] = PEER) -> list[bytes]:
        """One datagram, and all that is sent at once, requests too."""
        return self.step(fx.DatagramReceived(data, source))

    def ask(self, data: bytes, source: tuple[str, int] = PEER) -> Response:
        """One datagram that is answered with one response."""
        answers = self.send(data, source)
        assert len(answers) == 1, answers
        return answers[0]

    def pass_time(self, seconds: float) -> list[bytes]:
        """Let timers fire, each at its time."""
        until_s = self.now_s + seconds
        sent: list[bytes] = []
        while (at_s := self.exchange.deadline_s) is not None and at_s <= until_s:
            self.now_s = max(self.now_s, at_s)
            sent += self.step(fx.TimeCame())
        self.now_s = until_s
        return sent

    def options_are_answered(self) -> None:
        self._calls += 1
        answer = self.ask(wire("OPTIONS", Via=self._via(), Call_ID=f"ping{self._calls}", uri="sip:192.0.2.9"))
        assert answer.status == 200

    def call_completes(self) -> None:
        """INVITE, 200, ACK, BYE, 200, and no call left behind."""
        before = self.exchange.live_calls
        dialog = self.call()
        assert self.exchange.live_calls == before + 1
        assert self.ask(dialog.request("BYE")).status == 200
        assert self.exchange.live_calls == before
        ended = self.facts[-1]
        assert isinstance(ended, CallEnded)
        assert (ended.ended_by, ended.sip_status) == ("caller", 200)

    def call(self, **changed: str) -> "Dialog":
        """A call that is answered and acknowledged."""
        dialog = self.invite(**changed)
        assert self.send(dialog.request("ACK")) == []
        return dialog

    def invite(self, user: str = "1000", **changed: str) -> "Dialog":
        """A call that is begun: answered, or ringing."""
        self._calls += 1
        call_id = changed.pop("Call_ID", f"call{self._calls}")
        data = invite(user, Call_ID=call_id, Via=self._via(), **changed)
        answer = self.ask(data)
        assert answer.status in (180, 200)
        received = self.facts[-1]
        for fact in self.facts:
            if isinstance(fact, CallReceived) and fact.sip_call_id == call_id:
                received = fact
        assert isinstance(received, CallReceived)
        return Dialog(call_id, answer.to.tag or "", data, received.call)

    def _via(self) -> str:
        return f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-rig{self._calls};rport"


class Dialog:
    """The caller's end of one call."""

    def __init__(self, call_id: str, tag: str, invite: bytes, call: str) -> None:
        self.call_id = call_id
        self.tag = tag
        self.invite = invite
        self.call = call
        self.cseq = 314159
        self._branches = 0

    def request(self, method: str, *more: str, cseq: int | None = None, body: bytes = b"", **changed: str) -> bytes:
        """The next request of the dialog; ACK and CANCEL have the number of their INVITE."""
        if cseq is None:
            if method not in ("ACK", "CANCEL"):
                self.cseq += 1
            cseq = self.cseq
        self._branches += 1
        fields = {
            "Call_ID": self.call_id,
            "To": f"Bob <sip:bob@biloxi.example.com>;tag={self.tag}",
            "CSeq": f"{cseq} {method}",
            "Via": f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-{self.call_id}-{self._branches};rport",
        }
        return wire(method, *more, uri="sip:keepline@192.0.2.9:5060", body=body, **(fields | changed))


def invite(
    user: str = "1000", *more: str, body: bytes = SDP, content_type: str = "application/sdp", **changed: str
) -> bytes:
    """An INVITE with an offer."""
    more = (f"Content-Type: {content_type}", *more) if content_type else more
    return wire("INVITE", *more, uri=f"sip:{user}@192.0.2.9", body=body, **changed)


def read_response(data: bytes) -> Response:
    """A response; one that repeats what was broken in its request is not refused for it."""
    head, _, body = data.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    version, status, reason = status_line.split(" ", 2)
    assert version == "SIP/2.0"
    return Response(
        int(status), reason, Headers([(line.split(":", 1)[0], line.split(":", 1)[1][1:]) for line in lines]), body
    )
