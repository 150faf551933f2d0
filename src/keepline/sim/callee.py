"""Those whom a node calls, in virtual time: RFC 3261's server side, written anew, as another program would have it.

One far end answers for every number, each with its plan. It repeats what is not acknowledged, answers what comes
twice alike, and keeps all that it was told.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from keepline.sim.caller import GIVE_UP_S, T1_S, T2_S
from keepline.sim.network import Address, Network
from keepline.sim.world import World
from keepline.sip.message import Request, Response, make_response

REFERS_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class CalleePlan:
    """What somebody does who is called."""

    status: int = 200
    """The final answer; 0 for nobody there: it rings until the other side gives up."""
    rings_s: float = 1.0
    """Until the final answer."""
    has_early_media: bool = False
    """It is heard before the answer (183 with a description)."""
    hang_up_after_s: float | None = None
    """After the answer; None waits for the other side's BYE."""
    early_after_s: float = 0.0
    """When it is heard before the answer though it only rang at first (180, then 183); 0 for never."""
    refers_to: str = ""
    """The number that it hands the caller on to, a second after the answer."""
    leaves: bool = False
    """It hangs up as soon as its REFER was accepted."""


@dataclass(slots=True)
class CalleeHeard:
    """One call, as the callee knows it."""

    invite: Request
    plan: CalleePlan
    tag: str
    outcome: str = ""
    """hung up, was hung up on, refused, cancelled; empty while it is not over."""
    acknowledged: bool = False
    answered_at_s: float | None = None
    byes: set[bytes] = field(default_factory=set)
    refer_answers: set[bytes] = field(default_factory=set)
    notified: dict[int, bytes] = field(default_factory=dict)
    """Every NOTIFY by its CSeq; one that comes in another form is kept under a negative number."""
    bye_answered: bool = False
    final: Response | None = None
    last: Response | None = None


class SimCallees:
    """The far end of a trunk by which calls go out."""

    def __init__(self, world: World, network: Network, address: Address) -> None:
        self._world = world
        self._network = network
        self.address = address
        self.plans: dict[str, CalleePlan] = {}
        """By the number that is called; others answer."""
        self.calls: dict[str, CalleeHeard] = {}
        """By Call-ID."""
        self._node: Address = ("", 0)
        network.join(address, lambda data, source: self._receive(data, (source[0], source[1])))

    def called(self, number: str) -> list[CalleeHeard]:
        """Every call to a number so far."""
        return [each for each in self.calls.values() if each.invite.uri.startswith(f"sip:{number}@")]

    def hang_up(self, call: CalleeHeard) -> None:
        """Send a BYE, once it was answered; not before the ACK (RFC 3261 §15)."""
        if call.outcome or call.answered_at_s is None:
            return
        if not call.acknowledged:
            self._world.after(T1_S, lambda: self.hang_up(call))
            return
        call.outcome = "hung up"
        self._repeat(self._bye(call), lambda: call.bye_answered)

    # What it hears --------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: Address) -> None:
        message = self._network.wire.read(data)
        if isinstance(message, Response):
            call = self.calls.get(message.call_id)
            if call is not None and message.cseq.method == "BYE" and message.status >= 200:
                call.bye_answered = True
            elif call is not None and message.cseq.method == "REFER":
                is_first = not call.refer_answers
                call.refer_answers.add(data)
                if is_first and call.plan.leaves:
                    self.hang_up(call)
            return
        call = self.calls.get(message.call_id)
        if message.method == "INVITE":
            self._on_invite(message, call, source)
        elif call is None:
            self._send(make_response(message, 481), source)
        elif message.method == "ACK":
            call.acknowledged = True
        elif message.method == "CANCEL":
            self._send(make_response(message, 200, to_tag=call.tag), source)
            if call.final is None:
                call.outcome = "cancelled"
                self._finish(call, 487, source)
        elif message.method == "NOTIFY":
            known = call.notified.setdefault(message.cseq.number, data)
            if known != data:
                call.notified[-message.cseq.number] = data
            self._send(make_response(message, 481 if call.outcome else 200), source)
        elif message.method == "BYE":
            call.byes.add(data)
            call.outcome = call.outcome or "was hung up on"
            self._send(make_response(message, 200), source)

    def _on_invite(self, invite: Request, call: CalleeHeard | None, source: Address) -> None:
        if call is not None:
            if call.last is not None:
                self._send(call.last, source)
            return
        number = invite.sip_uri.user or ""
        plan = self.plans.get(number, CalleePlan())
        call = self.calls[invite.call_id] = CalleeHeard(invite, plan, f"callee{len(self.calls)}")
        ringing = self._response(call, 183 if plan.has_early_media else 180, has_sdp=plan.has_early_media)
        call.last = ringing
        self._send(ringing, source)
        if plan.early_after_s:
            self._world.after(plan.early_after_s, lambda: self._open_early(call, source))
        if plan.status:
            self._world.after(plan.rings_s, lambda: self._finish(call, plan.status, source))

    def _open_early(self, call: CalleeHeard, source: Address) -> None:
        if call.final is None:
            call.last = self._response(call, 183, has_sdp=True)
            self._send(call.last, source)

    def _finish(self, call: CalleeHeard, status: int, source: Address) -> None:
        if call.final is not None:
            return
        call.final = call.last = self._response(call, status, has_sdp=status < 300)
        final = call.final.encode()
        if status < 300:
            call.answered_at_s = self._world.now_s
            if call.plan.refers_to:
                self._world.after(REFERS_AFTER_S, lambda: self._refer(call))
            if call.plan.hang_up_after_s is not None:
                self._world.after(call.plan.hang_up_after_s, lambda: self.hang_up(call))
        else:
            call.outcome = call.outcome or "refused"
        self._repeat(final, lambda: call.acknowledged or bool(call.byes), source)

    # Messages -------------------------------------------------------------------------------------------------------

    def _response(self, call: CalleeHeard, status: int, *, has_sdp: bool) -> Response:
        host, port = self.address
        headers = [("Contact", f"<sip:callee@{host}:{port}>")]
        body = self._sdp(call) if has_sdp else b""
        return make_response(call.invite, status, to_tag=call.tag, headers=headers, body=body)

    def _sdp(self, call: CalleeHeard) -> bytes:
        host, port = self.address[0], 30_000 + 2 * list(self.calls).index(call.invite.call_id)
        lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP 0"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _refer(self, call: CalleeHeard) -> None:
        if not call.outcome:
            data = self._request(call, "REFER", 1, f"Refer-To: <sip:{call.plan.refers_to}@{self.address[0]}>")
            self._repeat(data, lambda: bool(call.refer_answers))

    def _bye(self, call: CalleeHeard) -> bytes:
        return self._request(call, "BYE", 2 if call.plan.refers_to else 1)

    def _request(self, call: CalleeHeard, method: str, cseq: int, *more: str) -> bytes:
        invite, (host, port) = call.invite, self.address
        contact = invite.contacts[0].uri
        lines = [
            f"{method} {contact} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call.tag}{method.lower()}",
            "Max-Forwards: 70",
            f"From: {invite.headers.get('To')};tag={call.tag}",
            f"To: {invite.headers.get('From')}",
            f"Call-ID: {invite.call_id}",
            f"CSeq: {cseq} {method}",
            *more,
            "Content-Length: 0",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def _repeat(self, data: bytes, is_done: Callable[[], bool], destination: Address | None = None) -> None:
        """Send now, and again at T1, 2*T1… until it is done or 64*T1 are over."""
        began_s, to = self._world.now_s, destination or self._node

        def again(interval_s: float) -> None:
            if is_done() or self._world.now_s - began_s >= GIVE_UP_S:
                return
            self._network.send(data, self.address, to)
            self._world.after(interval_s, lambda: again(min(2 * interval_s, T2_S)))

        again(T1_S)

    def _send(self, response: Response, destination: Address) -> None:
        self._node = destination
        self._network.say(response, self.address, destination)
