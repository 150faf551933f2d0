"""A callee of a single call, in virtual time: RFC 3261's server side, written anew, as another program would have it.

It repeats its answer until that is acknowledged, and keeps all that it was told. A plan says what it does with each
INVITE in turn: ring, answer, be busy, send elsewhere, ask for more time, answer what is being cancelled, or nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from keepline.sim.caller import GIVE_UP_S, KEY_AGAIN_S, T1_S, T2_S
from keepline.sim.media import SimMedia
from keepline.sim.network import Address, Network
from keepline.sim.world import World
from keepline.sip.digest import answers_in, challenge_headers, proves
from keepline.sip.message import Request, Response, make_response, parse_message


@dataclass(frozen=True, slots=True)
class LonePlan:
    """What a callee does."""

    answers: tuple[int, ...] = (200,)
    """The final answer to each INVITE that is new, the last one for all further; 0 never answers."""
    after_s: float = 1.0
    """From the INVITE to its final answer."""
    rings: bool = True
    early: bool = False
    """183 with a description, in place of 180."""
    crosses: bool = False
    """A CANCEL meets the 200 that is just leaving."""
    twice: bool = False
    """Somebody else answers as well."""
    redirects_to: str = ""
    """Contact of a 3xx."""
    keys: tuple[tuple[float, str], ...] = ()
    """Seconds after the answer, and the key."""
    hang_up_after_s: float | None = None
    """After the ACK; None waits for our BYE."""
    refresh_s: int = 0
    """The session interval that it agrees to, refreshed by us; 0 for none."""
    glare: bool = False
    """The first INVITE within the call is refused with 491."""
    is_deaf: bool = False
    """Nothing reaches it."""
    mute_s: float = 0.0
    """What it says reaches nobody before so long after its first INVITE; then all of it does."""
    challenges: str = ""
    """The password of the only one who may call it or ask anything of it within the call; empty for anybody."""


@dataclass(slots=True)
class LoneHeard:
    """What a callee was told."""

    outcome: str = ""
    """hung up, was hung up on, refused, cancelled, or what never came; empty while it is not over."""
    invites: dict[str, set[bytes]] = field(default_factory=dict)
    """Branch -> every different INVITE that had it."""
    acks: dict[int, set[bytes]] = field(default_factory=dict)
    """CSeq -> every different ACK of a 200."""
    cancels: set[bytes] = field(default_factory=set)
    byes: set[bytes] = field(default_factory=set)
    """Of the dialog that it means."""
    forks_hung_up: int = 0
    bye_status: int = 0
    acknowledged: bool = False
    answered_at_s: float | None = None


class LoneCallee:
    """One callee, for one call."""

    def __init__(self, world: World, network: Network, media: SimMedia, address: Address, plan: LonePlan) -> None:
        self._world = world
        self._network = network
        self._media = media
        self.plan = plan
        self.address = address
        self.rtp: Address = (address[0], 30_000)
        self.heard = LoneHeard()
        self._last: dict[str, Response] = {}
        """Branch -> the last answer to its INVITE."""
        self._acknowledged: set[str] = set()
        self._mute_until_s = 0.0
        self._invite: Request | None = None
        """The one that was answered."""
        self._node: Address = ("", 0)
        self._hanging_up = False
        self._other_acknowledged = False
        self._acks: set[int] = set()
        self._challenges: dict[str, Response] = {}
        self.proofs: set[str] = set()
        """Methods of the requests that were asked for a proof, and came again with it."""
        self.refreshes = 0
        """INVITEs within the call."""
        network.join(address, lambda data, source: self._receive(data, (source[0], source[1])))

    # What it hears --------------------------------------------------------------------------------------------------

    def _receive(self, data: bytes, source: Address) -> None:
        if self.plan.is_deaf:
            return
        self._node = source
        if not self._mute_until_s:
            self._mute_until_s = self._world.now_s + self.plan.mute_s
        message = parse_message(data)
        if isinstance(message, Response):
            if message.cseq.method == "BYE" and message.status >= 200:
                self.heard.bye_status = self.heard.bye_status or message.status
                self._over("hung up")
        elif message.method in ("INVITE", "BYE") and not self._is_proven(message, data):
            return
        elif message.method == "INVITE":
            self._on_invite(message, data)
        elif message.method == "ACK":
            self._on_ack(message, data)
        elif message.method == "CANCEL":
            self._on_cancel(message, data)
        elif message.method == "BYE":
            self._on_bye(message, data)

    def _is_proven(self, request: Request, data: bytes) -> bool:
        """Whether a request may be served; else it is challenged, its copies alike (RFC 3261 §22.2)."""
        if not self.plan.challenges:
            return True
        if any(proves(answer, request, self.plan.challenges) for answer in answers_in(request)):
            self.proofs.add(request.method)
            return True
        branch = request.top_via.branch or ""
        self.heard.invites.setdefault(branch, set()).add(data)
        if branch not in self._challenges:
            headers = challenge_headers("callee", f"nonce{len(self._challenges)}")
            self._challenges[branch] = make_response(request, 401, to_tag="callee", headers=headers)
            if answers_in(request):
                self._over("refused")
        self._send(self._challenges[branch].encode())
        return False

    def _on_invite(self, invite: Request, data: bytes) -> None:
        branch = invite.top_via.branch or ""
        self.heard.invites.setdefault(branch, set()).add(data)
        if branch in self._last:
            self._send(self._last[branch].encode())
            return
        if invite.to.tag:
            self._refresh(invite)
            return
        plan = self.plan
        answers = plan.answers[min(len(self._last), len(plan.answers) - 1)]
        status = 183 if plan.early else 180 if plan.rings else 100
        self._answer(invite, status)
        if answers:
            self._world.after(plan.after_s, lambda: self._final(invite, answers))

    def _final(self, invite: Request, status: int) -> None:
        branch = invite.top_via.branch or ""
        if self._last[branch].status >= 200 or self.heard.outcome:
            return
        self._answer(invite, status)
        if status < 300:
            self._invite = invite
            if self.plan.twice:
                headers, body = self._contact(), self._sdp()
                other = make_response(invite, 200, to_tag="other", headers=headers, body=body).encode()
                self._send(other)
                self._repeat(other, lambda: self._other_acknowledged, T2_S)
        self._repeat(self._last[branch].encode(), lambda: branch in self._acknowledged, T2_S)
        self._world.after(GIVE_UP_S, lambda: None if branch in self._acknowledged else self._over("no ACK came"))

    def _refresh(self, invite: Request) -> None:
        branch = invite.top_via.branch or ""
        is_glare = self.plan.glare and not self.refreshes
        self.refreshes += 1
        self._answer(invite, 491 if is_glare else 481 if self.heard.outcome else 200)
        self._repeat(self._last[branch].encode(), lambda: invite.cseq.number in self._acks, T2_S)
        self._world.after(GIVE_UP_S, lambda: None if invite.cseq.number in self._acks else self._over("no ACK came"))

    def _on_ack(self, ack: Request, data: bytes) -> None:
        if (ack.top_via.branch or "") in self._challenges:
            return
        if ack.to.tag == "other":
            self._other_acknowledged = True
            return
        self._acks.add(ack.cseq.number)
        if self._invite is not None and ack.cseq.number > self._invite.cseq.number:
            self.heard.acks.setdefault(ack.cseq.number, set()).add(data)
            return
        if self._invite is not None and ack.cseq.number == self._invite.cseq.number:
            self.heard.acks.setdefault(ack.cseq.number, set()).add(data)
            branch = self._invite.top_via.branch or ""
            if branch not in self._acknowledged:
                self._acknowledged.add(branch)
                self._on_connected()
            return
        branch = ack.top_via.branch or ""
        if branch in self._last and branch not in self._acknowledged:
            self._acknowledged.add(branch)
            status = self._last[branch].status
            is_last = branch == list(self._last)[-1] and len(self._last) >= len(self.plan.answers)
            if is_last:
                self._over("cancelled" if status == 487 else "refused")

    def _on_connected(self) -> None:
        self.heard.acknowledged = True
        self.heard.answered_at_s = self._world.now_s
        self._press(self.plan.keys)
        if self.plan.hang_up_after_s is not None:
            self._world.after(self.plan.hang_up_after_s, self.hang_up)

    def _on_cancel(self, cancel: Request, data: bytes) -> None:
        self.heard.cancels.add(data)
        branch = cancel.top_via.branch or ""
        known = self._last.get(branch)
        self._send(make_response(cancel, 481 if known is None else 200, to_tag="callee").encode())
        invite = next((each for each in self._invites_open() if (each.top_via.branch or "") == branch), None)
        if known is not None and known.status < 200 and invite is not None:
            self._final(invite, 200 if self.plan.crosses else 487)

    def _on_bye(self, bye: Request, data: bytes) -> None:
        if bye.to.tag == "other":
            self.heard.forks_hung_up += 1
        else:
            self.heard.byes.add(data)
        self._send(make_response(bye, 200).encode())
        if bye.to.tag != "other":
            self._over("was hung up on")

    # What it does ---------------------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """Send the BYE, unless the call is over."""
        invite = self._invite
        if self.heard.outcome or self._hanging_up or invite is None:
            return
        self._hanging_up = True
        lines = [
            f"BYE {invite.contacts[0].uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address[0]}:{self.address[1]};branch=z9hG4bKcalleebye",
            "Max-Forwards: 70",
            f"From: {invite.headers.get('To')};tag=callee",
            f"To: {invite.headers.get('From')}",
            f"Call-ID: {invite.call_id}",
            "CSeq: 1 BYE",
            "Content-Length: 0",
        ]
        self._repeat("\r\n".join(lines).encode() + b"\r\n\r\n", lambda: self.heard.bye_status > 0, T2_S)
        self._world.after(GIVE_UP_S, lambda: None if self.heard.bye_status else self._over("BYE was not answered"))

    def _press(self, keys: tuple[tuple[float, str], ...]) -> None:
        if not keys or self.heard.outcome:
            return
        due_s = (self.heard.answered_at_s or 0.0) + keys[0][0]
        if self._world.now_s < due_s:
            self._world.at(due_s, lambda: self._press(keys))
        elif self._media.hears(self.rtp):
            self._media.press(self.rtp, keys[0][1])
            self._press(keys[1:])
        else:
            self._world.after(KEY_AGAIN_S, lambda: self._press(keys))

    def _over(self, outcome: str) -> None:
        self.heard.outcome = self.heard.outcome or outcome

    # Messages -------------------------------------------------------------------------------------------------------

    def _invites_open(self) -> list[Request]:
        found = [parse_message(next(iter(texts))) for texts in self.heard.invites.values()]
        return [each for each in found if isinstance(each, Request)]

    def _answer(self, invite: Request, status: int) -> None:
        headers = self._contact() if status < 300 else []
        if status == 200 and self.plan.refresh_s:
            headers.append(("Session-Expires", f"{self.plan.refresh_s};refresher=uac"))
        if 300 <= status < 400:
            headers = [("Contact", self.plan.redirects_to)]
        elif status == 422:
            headers = [("Min-SE", "3600")]
        body = self._sdp() if status in (183, 200) else b""
        response = make_response(invite, status, to_tag="callee", headers=headers, body=body)
        self._last[invite.top_via.branch or ""] = response
        self._send(response.encode())

    def _contact(self) -> list[tuple[str, str]]:
        return [("Contact", f"<sip:callee@{self.address[0]}:{self.address[1]}>")]

    def _send(self, data: bytes) -> None:
        node = self._node
        if self._world.now_s < self._mute_until_s:
            self._world.at(self._mute_until_s, lambda: self._network.send(data, self.address, node))
        else:
            self._network.send(data, self.address, node)

    def _repeat(self, data: bytes, is_done: Callable[[], bool], interval_s_max: float) -> None:
        """Send again at T1, 2*T1… until it is done or 64*T1 are over; a BYE is sent at once."""
        began_s = self._world.now_s

        def again(interval_s: float, is_first: bool) -> None:
            if is_done() or self._world.now_s - began_s >= GIVE_UP_S:
                return
            if not is_first or data.startswith(b"BYE"):
                self._send(data)
            self._world.after(interval_s, lambda: again(min(2 * interval_s, interval_s_max), False))

        again(T1_S, True)

    def _sdp(self) -> bytes:
        host, port = self.rtp
        lines = [
            "v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/AVP 0 101",
            "a=rtpmap:101 telephone-event/8000",
        ]  # fmt: skip
        return "".join(f"{line}\r\n" for line in lines).encode()
