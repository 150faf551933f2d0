"""An exchange that places calls, and the callee's side of them: what it is sent, and what it answers."""

from dataclasses import replace

from keepline.call import effects as fx
from keepline.call.carriers.inheriting import Standings
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, Fact
from keepline.call.facts.path import PATHS
from keepline.call.record import CallRecord, record_of
from keepline.call.turn import Program
from keepline.flow import Call, flow
from keepline.model.operation import FlowReference, Trunk, TrunkOutbound
from keepline.sip.message import Message, Request, Response, make_response, parse_message
from tests.spec.exchange_rig import OPERATION, Rig
from tests.spec.sip_messages import SDP

PROXY = ("192.0.2.50", 5060)
CALLEE = ("192.0.2.60", 5070)
CONTACT = f"<sip:callee@{CALLEE[0]}:{CALLEE[1]}>"
ANSWER = SDP.replace(b"192.0.2.1\r\n", b"192.0.2.60\r\n").replace(b"0 8 101", b"0 101")


@flow
async def greet(call: Call) -> None:
    """Say the order's number and leave."""
    await call.say(f"Your order {call.variables.get('order', 'is missing')}.")
    await call.hangup()


@flow
async def listen(call: Call) -> None:
    """Listen until the callee hangs up."""
    while True:
        await call.ask_digits(count=1, timeout_s=None)


@flow
async def hand_over(call: Call) -> None:
    """Transfer whoever answers."""
    await call.wait(1)
    result = await call.transfer("+18005550111")
    await call.outcome("transferred" if result else "kept")
    await call.say("Hello?")


FLOWS = {"greet": greet, "listen": listen, "hand_over": hand_over}


class Placer(Rig):
    """The rig with a trunk that takes calls."""

    def __init__(self, slots: int = 8, seed: bytes = b"seed", places: bool = True, **outbound: object) -> None:
        super().__init__(slots, seed)
        usual = TrunkOutbound(PROXY[0], PROXY[1], from_number="+18005550100")
        settings = replace(usual, **outbound) if places else None  # type: ignore[arg-type]
        trunk = Trunk("carrier", ("192.0.2.0/24",), outbound=settings)
        flows = {name: FlowReference("flows", name) for name in FLOWS}
        self.operation = replace(OPERATION, trunks=(trunk,), flows=flows)
        self.program = Program(self.operation, FLOWS)
        self.exchange.add_program(self.program, current=True)
        self.peers: list[fx.Address] = []
        self.answers: list[fx.PlacementAnswered] = []
        self.media: list[fx.Effect] = []
        self._media_closes = True

    def step(self, given: fx.Input) -> list[bytes]:
        sent: list[bytes] = []
        for effect in self.exchange.step(self.now_s, given):
            if isinstance(effect, fx.SendSip):
                sent.append(effect.data)
                self.peers.append(effect.peer)
            elif isinstance(effect, fx.Persist):
                self.facts.append(effect.fact)
            elif isinstance(effect, fx.Report):
                self.reports.append(effect)
            elif isinstance(effect, fx.PlacementAnswered):
                self.answers.append(effect)
            else:
                self.media.append(effect)
                if isinstance(effect, fx.CloseMedia) and self._media_closes:
                    sent += self.step(fx.MediaStopped(effect.call))
        return sent

    def place(self, number: str = "+15550001", flow: str = "listen", **more: object) -> Request:
        """Place a call; the INVITE that leaves."""
        sent = [parse_message(data) for data in self.step(fx.PlaceCall(number, flow, **more))]  # type: ignore[arg-type]
        assert len(sent) == 1
        assert isinstance(sent[0], Request)
        assert sent[0].method == "INVITE"
        return sent[0]

    def hear(self, message: Message | bytes, source: fx.Address = PROXY) -> list[Message]:
        """A message of the callee's side, and all that is sent at once."""
        data = message if isinstance(message, bytes) else message.encode()
        return [parse_message(sent) for sent in self.step(fx.DatagramReceived(data, source))]

    def tell(self, given: fx.Input) -> list[Message]:
        """Any other input, and all that is sent at once."""
        return [parse_message(sent) for sent in self.step(given)]

    def wait(self, seconds: float) -> list[Message]:
        """Let time pass; all that is sent meanwhile."""
        return [parse_message(sent) for sent in self.pass_time(seconds)]

    def connect(self, **more: object) -> tuple[Request, Response]:
        """A call that is placed and answered: its INVITE, and the 200."""
        invite = self.place(**more)  # type: ignore[arg-type]
        answer = answered(invite)
        [ack] = self.hear(answer)
        assert isinstance(ack, Request)
        assert ack.method == "ACK"
        return invite, answer

    def facts_of(self, call: str = "") -> list[Fact]:
        """The facts of a call, of the last one unless it is named."""
        call = call or next(fact.call for fact in reversed(self.facts) if fact.call != PATHS)
        return [fact for fact in self.facts if fact.call == call]

    def record(self, call: str = "") -> CallRecord:
        """Its record."""
        return record_of(self.facts_of(call))

    def crash(self) -> list[Message]:
        """Another process takes over with what is on record; all that it sends when its calls wake."""
        ended = {fact.call: fact for fact in self.facts if isinstance(fact, CallEnded)}
        calls = {fact.call: self.facts_of(fact.call) for fact in self.facts if fact.call != PATHS}
        before = self.exchange
        self.exchange = Exchange(before.identity, b"successor", before.rtp_ports)
        self.exchange.add_program(self.program, current=True)
        self.exchange.targets = before.targets
        self.exchange.switchboard.carriers.inherit(self.now_s, Standings(self.facts))
        for call, facts in calls.items():
            given = fx.CallLeft(ended[call]) if call in ended else fx.CallAdopted(call, tuple(facts))
            self.step(given)
        return [parse_message(sent) for sent in self.step(fx.WakeSome(100))]


def answer_of(
    invite: Request, status: int, *headers: tuple[str, str], tag: str = "callee", body: bytes = b""
) -> Response:
    """What the callee's side answers."""
    contact = [("Contact", CONTACT)] if 100 < status < 300 else []
    return make_response(invite, status, to_tag=tag, headers=[*contact, *headers], body=body)


def answered(invite: Request, *headers: tuple[str, str], tag: str = "callee", body: bytes = ANSWER) -> Response:
    """The 200."""
    return answer_of(invite, 200, *headers, tag=tag, body=body)


def callee_request(invite: Request, method: str, cseq: int = 1, *, tag: str = "callee", body: bytes = b"") -> bytes:
    """A request of the callee's within the call."""
    lines = [
        f"{method} sip:keepline@192.0.2.9:5060 SIP/2.0",
        f"Via: SIP/2.0/UDP {CALLEE[0]}:{CALLEE[1]};branch=z9hG4bK-{method}-{cseq}",
        "Max-Forwards: 70",
        f"From: {invite.headers.get('To')};tag={tag}",
        f"To: {invite.headers.get('From')}",
        f"Call-ID: {invite.call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: {CONTACT}",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def methods(messages: list[Message]) -> list[str]:
    """Each message in a word: a method, or a status."""
    return [each.method if isinstance(each, Request) else str(each.status) for each in messages]  # type: ignore[attr-defined]
