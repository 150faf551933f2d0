"""A caller in virtual time: RFC 3261's client side, written anew, as another program would have it.

It repeats what is not answered, acknowledges every 200, presses its keys once it hears us, and keeps all that it was
told. It refuses to give up before RFC 3261 says so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from keepline.sim.media import SimMedia
from keepline.sim.network import Address, Network
from keepline.sim.streams import FarEnd
from keepline.sim.world import World
from keepline.sip import peers
from keepline.sip.digest import answers_in, challenge_headers, proves
from keepline.sip.message import Headers, Request, Response, make_response
from keepline.sip.sdp import Media, SessionDescription
from keepline.sip.values import Via

T1_S = 0.5
T2_S = 4.0
GIVE_UP_S = 64 * T1_S
KEY_AGAIN_S = 0.05
CONNECT_AGAIN_S = 0.3
"""After a connection was closed, where something is unanswered."""
INVITE_UNANSWERED, CANCEL_UNANSWERED = GAVE_UP = ("INVITE was not answered", "CANCEL came to nothing")
NOTIFY_S = 0.4


@dataclass(frozen=True, slots=True)
class Plan:
    """What a caller means to do."""

    number: str
    keys: tuple[tuple[float, str], ...] = ()
    """Seconds after the answer, and the key; pressed in this order, as soon as we are heard."""
    hang_up_after_s: float | None = None
    """After the answer; None waits for the other side's BYE."""
    cancel_after_s: float | None = None
    """After the INVITE."""
    acknowledges: bool = True
    holds_at_s: tuple[float, ...] = ()
    """After the answer: holds us, takes us back, holds us…, each by a re-INVITE."""
    speaks: tuple[tuple[float, float], ...] = ()
    """Seconds after the answer, and for how long."""
    transfer: tuple[int, ...] = ()
    """What it says when it is to be transferred: the answer to the REFER, then the status in each NOTIFY."""
    leaves: bool = False
    """It hangs up itself once it was transferred."""
    challenges: str = ""
    """The password of the only one who may hang up on it or transfer it; empty for anybody."""
    silences: tuple[tuple[float, float], ...] = ()
    """Seconds after the answer when its line goes dead, and for how long."""
    from_number: str = ""
    """User part of the From URI; empty for the caller's name."""
    transport: str = "udp"
    """udp, or tcp: a connection of its own, over which nothing is lost or repeated while it lasts."""


@dataclass(slots=True)
class Heard:
    """What a caller was told."""

    outcome: str = ""
    """hung up, was hung up on, refused, cancelled, or what never came; empty while it is not over."""
    statuses: list[int] = field(default_factory=list)
    """Of every response to the INVITE."""
    answers: set[bytes] = field(default_factory=set)
    """Every different 200."""
    sessions: dict[int, set[bytes]] = field(default_factory=dict)
    """Every different final answer to a re-INVITE, by its number."""
    to_tags: set[str] = field(default_factory=set)
    byes: set[bytes] = field(default_factory=set)
    """Every different BYE."""
    refers: set[bytes] = field(default_factory=set)
    """Every different REFER."""
    proofs: set[str] = field(default_factory=set)
    """Methods of the requests that proved the password."""
    notified: list[int] = field(default_factory=list)
    """Of the answers to our NOTIFYs, each one's first."""
    bye_status: int = 0
    """Of the answer to our own BYE."""
    answered_at_s: float | None = None
    over_at_s: float | None = None
    sent_again: bool = False
    """Something, since its connection was closed."""
    gave_up: bool = False
    """It was answered when it had waited for as long as anybody does."""


class SimCaller:
    """One call of one caller."""

    def __init__(self, world: World, network: Network, media: SimMedia, node: Address, index: int, plan: Plan) -> None:
        self._world = world
        self._network = network
        self._media = media
        self._node = peers.peer_at(*node, plan.transport)
        self.plan = plan
        self.name = f"caller{index}"
        self.call_id = f"{self.name}@192.0.2.1"
        self.address: Address = (f"192.0.2.{1 + index % 250}", 5060 + index // 250)
        self.rtp: Address = (self.address[0], 20_000 + 2 * (index // 250))
        self.heard = Heard()
        self._final = 0
        self._cseq = 1
        self._provisional = False
        self._cancelling = False
        self._to = f"<sip:{plan.number}@203.0.113.5>"
        self._hanging_up = False
        self._cancel_answered = False
        self._told: set[int] = set()
        self._notifying = False
        self._unanswered: list[tuple[bytes, Callable[[], bool], float]] = []
        """Requests that went over a connection, who says that they are answered, and since when."""
        if plan.transport == "tcp":
            network.streams.join(self.address, FarEnd(self._receive, self._on_closed))
        else:
            network.join(self.address, self._receive)

    # What it does ---------------------------------------------------------------------------------------------------

    def call(self) -> None:
        """Send the INVITE."""
        invite = self._request("INVITE", 1, self._sdp(), session=self._session())
        self._repeat(invite, lambda: self._provisional or self._final > 0, T2_S * 16, INVITE_UNANSWERED)
        if self.plan.cancel_after_s is not None:
            self._world.after(self.plan.cancel_after_s, self._cancel)

    def _cancel(self) -> None:
        if self._final or self._cancelling:
            return
        if not self._provisional:  # RFC 3261 §9.1: not before a provisional response
            self._world.after(T1_S, self._cancel)
            return
        self._cancelling = True
        self._repeat(self._request("CANCEL", 1), lambda: self._cancel_answered, T2_S)
        self._world.after(GIVE_UP_S, lambda: None if self._final else self._over(CANCEL_UNANSWERED))

    def hang_up(self) -> None:
        """Send the BYE, unless the call is over."""
        if self.heard.outcome or self._hanging_up:
            return
        self._hanging_up = True
        self._cseq += 1
        self._repeat(self._request("BYE", self._cseq), lambda: self.heard.bye_status > 0, T2_S, "BYE was not answered")

    def _hold(self, index: int) -> None:
        if self.heard.outcome or self._hanging_up:
            return
        if self._notifying or not all(self.heard.sessions.values()):  # RFC 3261 §14.1: not while another is in work
            self._world.after(T1_S, lambda: self._hold(index))
            return
        self._cseq += 1
        cseq, answers = self._cseq, self.heard.sessions.setdefault(self._cseq, set())
        held = b"" if index % 2 else b"a=sendonly\r\n"
        invite = self._request("INVITE", cseq, self._sdp() + held, branch=f"invite{cseq}")
        self._repeat(invite, lambda: bool(answers), T2_S * 16)

    def _press(self, keys: tuple[tuple[float, str], ...]) -> None:
        if not keys or self.heard.outcome:
            return
        answered_at_s = self.heard.answered_at_s or 0.0
        if self._world.now_s < answered_at_s + keys[0][0]:
            self._world.at(answered_at_s + keys[0][0], lambda: self._press(keys))
        elif self._media.hears(self.rtp):
            self._media.press(self.rtp, keys[0][1])
            self._press(keys[1:])
        else:
            self._world.after(KEY_AGAIN_S, lambda: self._press(keys))

    def _over(self, outcome: str) -> None:
        if not self.heard.outcome:
            self.heard.outcome = outcome
            self.heard.over_at_s = self._world.now_s
            self._media.gone.add(self.rtp)

    # What it hears --------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: peers.Address) -> None:
        message = self._network.wire.read(data)
        if isinstance(message, Request):
            self._on_request(message, data, source)
        elif message.cseq.method == "INVITE" and message.cseq.number > 1:
            self._on_session_response(message, data)
        elif message.cseq.method == "INVITE":
            self._on_invite_response(message, data)
        elif message.status >= 200:
            if message.cseq.method == "NOTIFY":
                self._on_notified(message)
            elif message.cseq.method == "CANCEL":
                self._cancel_answered = True
            else:
                self.heard.bye_status = self.heard.bye_status or message.status
                self._over("hung up")

    def _on_request(self, request: Request, data: bytes, source: peers.Address) -> None:
        if self.plan.challenges and request.method in ("REFER", "BYE"):
            if not any(proves(each, request, self.plan.challenges) for each in answers_in(request)):
                headers = challenge_headers("caller", f"nonce of {request.top_via.branch}")
                self._network.say(make_response(request, 401, headers=headers), self.address, source)
                return
            self.heard.proofs.add(request.method)
        if request.method == "REFER":
            self._on_refer(request, data, source)
        if request.method == "OPTIONS":
            status = 481 if self.heard.outcome else 200
            self._network.send(make_response(request, status).encode(), self.address, source)
        if request.method != "BYE":
            return
        self.heard.byes.add(data)
        self._network.say(make_response(request, 200), self.address, source)
        self._over("was hung up on")

    def _on_refer(self, refer: Request, data: bytes, source: peers.Address) -> None:
        is_first = data not in self.heard.refers
        self.heard.refers.add(data)
        if not self.plan.transfer:
            return
        self._network.say(make_response(refer, self.plan.transfer[0]), self.address, source)
        if is_first:
            self._notify(self.plan.transfer[1:], 0)

    def _notify(self, statuses: tuple[int, ...], index: int) -> None:
        """Tell of the transfer, one word after the other; what is not answered is told again."""
        if index == len(statuses) or self.heard.outcome:
            return
        if not all(self.heard.sessions.values()):  # one after the other, so that nothing is overtaken (§12.2.2)
            self._world.after(NOTIFY_S, lambda: self._notify(statuses, index))
            return
        is_last = statuses[index] >= 200
        self._cseq += 1
        self._notifying = True
        more = [("Event", "refer"), ("Subscription-State", "terminated;reason=noresource" if is_last else "active")]
        body = f"SIP/2.0 {statuses[index]} So\r\n".encode()
        notify = self._request(
            "NOTIFY", self._cseq, body, f"notify{self._cseq}", (*more, ("Content-Type", "message/sipfrag"))
        )
        told = len(self.heard.notified)
        self._repeat(notify, lambda: len(self.heard.notified) > told, T2_S)

        def go_on() -> None:
            if len(self.heard.notified) == told:
                self._world.after(NOTIFY_S, go_on)
                return
            self._notifying = False
            if is_last and statuses[index] < 300 and self.plan.leaves:
                self.hang_up()
            else:
                self._notify(statuses, index + 1)

        self._world.after(NOTIFY_S, go_on)

    def _on_invite_response(self, response: Response, data: bytes) -> None:
        heard = self.heard
        heard.statuses.append(response.status)
        if response.to.tag:
            heard.to_tags.add(response.to.tag)
        if response.status < 200:
            self._provisional = True
            return
        self._to = response.headers.get("To") or self._to
        is_first, self._final = not self._final, self._final or response.status
        if response.status >= 300:
            self._send(self._request("ACK", 1, branch="invite"))
            self._over("cancelled" if response.status == 487 else "refused")
            return
        heard.answers.add(data)
        if self.plan.acknowledges:
            self._send(self._request("ACK", 1))
        if is_first:
            heard.answered_at_s = self._world.now_s
            self._press(self.plan.keys)
            for index, at_s in enumerate(self.plan.holds_at_s):
                self._world.after(at_s, lambda index=index: self._hold(index))
            for at_s, length_s in self.plan.speaks:
                self._world.after(at_s, lambda length_s=length_s: self._media.speak(self.rtp, length_s))
            for at_s, length_s in self.plan.silences:
                self._world.after(at_s, lambda: self._media.fall_silent(self.rtp))
                self._world.after(at_s + length_s, lambda: self._media.fall_silent(self.rtp, silent=False))
            if self._cancelling or heard.outcome in GAVE_UP:
                heard.gave_up = heard.outcome in GAVE_UP
                heard.outcome = ""  # answered after all, which nobody waits for
                self.hang_up()
            elif self.plan.hang_up_after_s is not None:
                self._world.after(self.plan.hang_up_after_s, self.hang_up)

    def _on_notified(self, response: Response) -> None:
        if response.cseq.number not in self._told:
            self._told.add(response.cseq.number)
            self.heard.notified.append(response.status)

    def _on_session_response(self, response: Response, data: bytes) -> None:
        if response.status >= 200:
            cseq = response.cseq.number
            self.heard.sessions[cseq].add(data)
            self._send(self._request("ACK", cseq, branch=f"{'ack' if response.status < 300 else 'invite'}{cseq}"))

    # Messages -------------------------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        self._network.send(data, self.address, self._node)

    def _repeat(self, data: bytes, is_done: Callable[[], bool], interval_s_max: float, outcome: str = "") -> None:
        """Send now, and again at T1, 2*T1… until it is done; after 64*T1 the call may be over by that."""
        until_s = self._world.now_s + GIVE_UP_S

        def again(interval_s: float) -> None:
            if is_done():
                return
            now_s = self._world.now_s
            if now_s < until_s:
                self._send(data)
                if self.plan.transport == "tcp":
                    self._unanswered.append((data, is_done, until_s))
                self._world.at(min(now_s + interval_s, until_s), again, min(2 * interval_s, interval_s_max))
            elif outcome:
                self._over(outcome)

        again(GIVE_UP_S if self.plan.transport == "tcp" else T1_S)

    def _on_closed(self) -> None:
        """A connection is gone: what went over it and was not answered is sent again, over a new one."""
        self._world.after(CONNECT_AGAIN_S, self._send_again)

    def _send_again(self) -> None:
        now_s = self._world.now_s
        self._unanswered = [each for each in self._unanswered if not each[1]() and now_s < each[2]]
        for data, _, _ in self._unanswered:
            self.heard.sent_again = True
            self._send(data)

    def _request(
        self,
        method: str,
        cseq: int,
        body: bytes = b"",
        branch: str = "",
        more: tuple[tuple[str, str], ...] = (),
        session: SessionDescription | None = None,
    ) -> bytes:
        """A request on its way: its text, and as an object what it was made of."""
        host, port = self.address
        branch = branch or ("invite" if method == "CANCEL" else method.lower())
        to = f"<sip:{self.plan.number}@203.0.113.5>" if method == "CANCEL" else self._to
        branch = f"z9hG4bK{self.name}{branch}"
        transport = self.plan.transport.upper()
        headers = Headers.canonical(
            [
                ("Via", f"SIP/2.0/{transport} {host}:{port};branch={branch}"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:{self.plan.from_number or self.name}@{host}>;tag={self.name}"),
                ("To", to),
                ("Call-ID", self.call_id),
                ("CSeq", f"{cseq} {method}"),
                ("Contact", f"<sip:{self.name}@{host}:{port}>"),
                *(more or ((("Content-Type", "application/sdp"),) if body else ())),
            ]
        )
        request = Request(method, f"sip:{self.plan.number}@203.0.113.5", headers, body)
        request.know_via(Via(transport, host, port, {"branch": branch}))
        if session is not None:
            request.know_session(session)
        data = request.encode()
        self._network.wire.note(data, request)
        return data

    def _session(self) -> SessionDescription:
        """What `_sdp` says."""
        host, port = self.rtp
        audio = Media("audio", port, "RTP/AVP", ("0", "101"), host, {101: ("TELEPHONE-EVENT", 8000)})
        return SessionDescription(f"- 1 1 IN IP4 {host}", host, ("0 0",), "sendrecv", (audio,))

    def _sdp(self) -> bytes:
        host, port = self.rtp
        return (
            f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        ).encode()
