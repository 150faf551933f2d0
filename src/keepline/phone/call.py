"""One outgoing call as a machine: dial, ring, talk, hang up. Bytes and the time in, bytes and news out.

It answers what a peer may ask of a phone: BYE with 200, OPTIONS with 200, a re-INVITE with 488 (the session stays as it
is), the rest with what says no. Source: RFC 3261 §9, §12, §13.2, §14.2, §15; RFC 3264.
"""

from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from keepline import __version__
from keepline.model.errors import LocalError, PeerError
from keepline.model.ids import IdSource
from keepline.sip.dialog import Dialog, ack_for_2xx, cancel_for, dialog_key, next_hop, next_request, uac_dialog
from keepline.sip.headers import Headers
from keepline.sip.message import Request, Response, make_response, parse_message, response_target, stamp_received
from keepline.sip.sdp import Answer, make_offer, offer_answer, parse_sdp
from keepline.sip.transaction import (
    InviteClientTransaction,
    NonInviteClientTransaction,
    PassResponse,
    ResponseReceived,
    Start,
    Terminated,
    TerminationReason,
    TimerFired,
    Timers,
    Transaction,
    Transmit,
    TransportFailed,
    client_key,
)
from keepline.sip.values import SipUri

Address = tuple[str, int]
_ALLOW = "ACK, BYE, CANCEL, INVITE, OPTIONS"


class State(Enum):
    IDLE = "idle"
    CALLING = "calling"
    RINGING = "ringing"
    CANCELLING = "cancelling"
    TALKING = "talking"
    HANGING_UP = "hanging up"
    ENDED = "ended"


class Event(Enum):
    DIAL = "dial"
    PROVISIONAL = "1xx"
    ACCEPTED = "2xx"
    REFUSED = "300-699"
    UNANSWERED = "the INVITE came to nothing"
    HANG_UP = "hang up"
    BYE_RECEIVED = "BYE"
    BYE_ANSWERED = "an answer to our BYE"
    BYE_UNANSWERED = "our BYE came to nothing"


class Action(Enum):
    SEND_INVITE = "send INVITE"
    SEND_ACK = "send ACK"
    SEND_CANCEL = "send CANCEL, once"
    SEND_BYE = "send BYE"
    TELL_RINGING = "tell that it rings"
    TELL_ANSWERED = "tell that it is answered, or hang up on an answer of no use"
    TELL_REFUSED = "tell that it is refused"
    TELL_UNANSWERED = "tell that nobody answered"
    TELL_CANCELLED = "tell that it is cancelled"
    TELL_ENDED_BY_PEER = "tell that the other side hung up"
    TELL_ENDED = "tell that we hung up"
    TELL_BYE_UNANSWERED = "tell that nobody took the BYE"


TABLE: dict[tuple[State, Event], tuple[State, tuple[Action, ...]]] = {
    (State.IDLE, Event.DIAL): (State.CALLING, (Action.SEND_INVITE,)),
    (State.CALLING, Event.PROVISIONAL): (State.RINGING, (Action.TELL_RINGING,)),
    (State.CALLING, Event.ACCEPTED): (State.TALKING, (Action.SEND_ACK, Action.TELL_ANSWERED)),
    (State.CALLING, Event.REFUSED): (State.ENDED, (Action.TELL_REFUSED,)),
    (State.CALLING, Event.UNANSWERED): (State.ENDED, (Action.TELL_UNANSWERED,)),
    (State.CALLING, Event.HANG_UP): (State.CANCELLING, ()),  # §9.1: no CANCEL before a provisional answer
    (State.RINGING, Event.PROVISIONAL): (State.RINGING, (Action.TELL_RINGING,)),
    (State.RINGING, Event.ACCEPTED): (State.TALKING, (Action.SEND_ACK, Action.TELL_ANSWERED)),
    (State.RINGING, Event.REFUSED): (State.ENDED, (Action.TELL_REFUSED,)),
    (State.RINGING, Event.UNANSWERED): (State.ENDED, (Action.TELL_UNANSWERED,)),
    (State.RINGING, Event.HANG_UP): (State.CANCELLING, (Action.SEND_CANCEL,)),
    (State.CANCELLING, Event.PROVISIONAL): (State.CANCELLING, (Action.SEND_CANCEL,)),
    (State.CANCELLING, Event.ACCEPTED): (State.HANGING_UP, (Action.SEND_ACK, Action.SEND_BYE)),
    (State.CANCELLING, Event.REFUSED): (State.ENDED, (Action.TELL_CANCELLED,)),
    (State.CANCELLING, Event.UNANSWERED): (State.ENDED, (Action.TELL_CANCELLED,)),
    (State.TALKING, Event.ACCEPTED): (State.TALKING, (Action.SEND_ACK,)),
    (State.TALKING, Event.HANG_UP): (State.HANGING_UP, (Action.SEND_BYE,)),
    (State.TALKING, Event.BYE_RECEIVED): (State.ENDED, (Action.TELL_ENDED_BY_PEER,)),
    (State.HANGING_UP, Event.ACCEPTED): (State.HANGING_UP, (Action.SEND_ACK,)),
    (State.HANGING_UP, Event.BYE_RECEIVED): (State.ENDED, (Action.TELL_ENDED,)),
    (State.HANGING_UP, Event.BYE_ANSWERED): (State.ENDED, (Action.TELL_ENDED,)),
    (State.HANGING_UP, Event.BYE_UNANSWERED): (State.ENDED, (Action.TELL_BYE_UNANSWERED,)),
}  # fmt: skip
IGNORED = frozenset({
    (State.IDLE, Event.HANG_UP),
    (State.CANCELLING, Event.HANG_UP),
    (State.HANGING_UP, Event.HANG_UP),
    (State.TALKING, Event.UNANSWERED),  # the INVITE's transaction ends; the dialog goes on
    (State.HANGING_UP, Event.UNANSWERED),
    *((State.ENDED, event) for event in Event if event is not Event.DIAL),
})  # fmt: skip
"""A pair in neither is a bug of ours."""


@dataclass(frozen=True, slots=True)
class Send:
    data: bytes
    peer: Address


@dataclass(frozen=True, slots=True)
class Ringing:
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    answer: Answer


class Ending(Enum):
    """How a call ended."""

    BY_PEER = "by peer"
    BY_US = "by us"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNREACHABLE = "unreachable"
    BYE_UNANSWERED = "BYE unanswered"
    NO_COMMON_CODEC = "answered without a codec of ours"


@dataclass(frozen=True, slots=True)
class Ended:
    ending: Ending
    status: int = 0
    reason: str = ""


Effect = Send | Ringing | Answered | Ended


@dataclass(frozen=True, slots=True)
class Line:
    """Where the phone is and whom it calls."""

    target: SipUri
    peer: Address
    """IP address and port of the first hop."""
    sip: Address
    rtp: Address


class PhoneCall:
    """One call. Every method returns what to do, in order."""

    def __init__(self, line: Line, ids: IdSource, timers: Timers | None = None) -> None:
        self._line = line
        self._ids = ids
        self._timers = timers or Timers()
        self._session_id = ids.number(48)
        self._invite = self._make_invite()
        self._transactions: dict[tuple[str, str], Transaction] = {}
        self._dialog: Dialog | None = None
        self._ack: Send | None = None
        self._cancelled = False
        self._useless = ""
        self._response: Response | None = None
        self._unreachable = False
        self.state = State.IDLE

    @property
    def deadline_s(self) -> float | None:
        """When to call `fire`; None while nothing is to be waited for."""
        due = [at for each in self._transactions.values() if (at := each.deadline_s) is not None]
        return min(due, default=None)

    def dial(self, now_s: float) -> list[Effect]:
        """Send the INVITE."""
        return self._take(now_s, Event.DIAL)

    def hang_up(self, now_s: float) -> list[Effect]:
        """End the call in whatever way its state asks for; harmless once it is over."""
        return self._take(now_s, Event.HANG_UP)

    def fire(self, now_s: float) -> list[Effect]:
        """The deadline has come."""
        effects: list[Effect] = []
        for key in list(self._transactions):
            self._step(now_s, key, TimerFired(), effects)
        return effects

    def transport_failed(self, now_s: float, what: str) -> list[Effect]:
        """The network says that what was sent last cannot arrive."""
        effects: list[Effect] = []
        for key in list(self._transactions):
            self._step(now_s, key, TransportFailed(what), effects)
        return effects

    def receive(self, now_s: float, data: bytes, source: Address) -> list[Effect]:
        """A datagram came; what is no message of this call is dropped, or refused where that is due."""
        try:
            message = parse_message(data)
            if isinstance(message, Request):
                return self._take_request(now_s, message, source)
        except PeerError:
            return []
        effects: list[Effect] = []
        key = client_key(message)
        if key in self._transactions:
            self._step(now_s, key, ResponseReceived(message), effects)
        return effects

    def _take_request(self, now_s: float, request: Request, source: Address) -> list[Effect]:
        if request.method == "ACK":
            return []
        stamp_received(request, *source)
        ours = self._dialog is not None and dialog_key(request) == self._dialog.key
        status = {"OPTIONS": 200, "BYE": 200 if ours else 481, "INVITE": 488 if ours else 486, "CANCEL": 481}.get(
            request.method, 405
        )
        tag = None if request.to.tag else self._ids.tag()
        response = make_response(request, status, to_tag=tag, headers=[("Allow", _ALLOW)])
        target = response_target(request, source)
        effects: list[Effect] = [Send(response.encode(), (target[0], target[1]))]
        if request.method == "BYE" and ours:
            effects += self._take(now_s, Event.BYE_RECEIVED)
        return effects

    def _step(
        self, now_s: float, key: tuple[str, str], given: ResponseReceived | TimerFired | TransportFailed | Start,
        effects: list[Effect],
    ) -> None:  # fmt: skip
        """Step a transaction, and the call by what it says."""
        is_invite = key[1] == "INVITE"
        for effect in self._transactions[key].step(now_s, given):
            match effect:
                case Transmit(data, peer):
                    effects.append(Send(data, (peer[0], peer[1])))
                case PassResponse(response) if is_invite:
                    effects += self._take_invite_response(now_s, response)
                case PassResponse(response) if key[1] == "BYE" and response.status >= 200:
                    effects += self._take(now_s, Event.BYE_ANSWERED)
                case Terminated(reason):
                    self._transactions.pop(key, None)
                    self._unreachable = reason is TerminationReason.TRANSPORT
                    if is_invite:
                        effects += self._take(now_s, Event.UNANSWERED)
                    elif key[1] == "BYE" and reason is not TerminationReason.NORMAL:
                        effects += self._take(now_s, Event.BYE_UNANSWERED)

    def _take_invite_response(self, now_s: float, response: Response) -> list[Effect]:
        self._response = response
        if response.status < 200:
            return self._take(now_s, Event.PROVISIONAL)
        return self._take(now_s, Event.ACCEPTED if response.status < 300 else Event.REFUSED)

    def _take(self, now_s: float, event: Event) -> list[Effect]:
        row = TABLE.get((self.state, event))
        if row is None:
            if (self.state, event) in IGNORED:
                return []
            raise LocalError(f"a call that is {self.state.value} met: {event.value}")
        self.state, actions = row
        effects: list[Effect] = []
        for action in actions:
            self._act(now_s, action, effects)
        return effects

    def _act(self, now_s: float, action: Action, effects: list[Effect]) -> None:
        response = self._response
        match action:
            case Action.SEND_INVITE:
                self._start(now_s, InviteClientTransaction(self._invite, self._line.peer, self._timers), effects)
            case Action.SEND_ACK:
                self._acknowledge(effects)
            case Action.SEND_CANCEL if not self._cancelled:
                self._cancelled = True
                cancel = cancel_for(self._invite)
                self._start(now_s, NonInviteClientTransaction(cancel, self._line.peer, self._timers), effects)
            case Action.SEND_BYE:
                self._send_bye(now_s, effects)
            case Action.TELL_RINGING if response is not None and response.status > 100:
                effects.append(Ringing(response.status, response.reason))
            case Action.TELL_ANSWERED:
                self._take_answer(now_s, effects)
            case Action.TELL_REFUSED if response is not None:
                effects.append(Ended(Ending.REFUSED, response.status, response.reason))
            case Action.TELL_UNANSWERED:
                effects.append(Ended(Ending.UNREACHABLE if self._unreachable else Ending.UNANSWERED))
            case Action.TELL_CANCELLED:
                effects.append(Ended(Ending.CANCELLED))
            case Action.TELL_ENDED_BY_PEER:
                effects.append(Ended(Ending.BY_PEER))
            case Action.TELL_ENDED:
                ending = Ending.NO_COMMON_CODEC if self._useless else Ending.BY_US
                effects.append(Ended(ending, reason=self._useless))
            case Action.TELL_BYE_UNANSWERED:
                effects.append(Ended(Ending.BYE_UNANSWERED))

    def _acknowledge(self, effects: list[Effect]) -> None:
        """ACK the 2xx; its copies get the same ACK (§13.2.2.4)."""
        if self._ack is None:
            assert self._response is not None
            try:
                self._begin_dialog(self._response)
            except PeerError:
                # Without a Contact or a route that can be read the first hop is the best guess, and better than no BYE.
                self._response.headers.set("Contact", f"<{self._line.target}>")
                self._response.headers.remove("Record-Route")
                self._begin_dialog(self._response)
        assert self._ack is not None
        effects.append(self._ack)

    def _begin_dialog(self, response: Response) -> None:
        self._dialog = uac_dialog(self._invite, response)
        host, port = self._line.sip
        ack = ack_for_2xx(self._dialog, branch=self._branch(), via_host=host, via_port=port)
        self._ack = Send(ack.encode(), self._next_hop())

    def _take_answer(self, now_s: float, effects: list[Effect]) -> None:
        assert self._response is not None
        host, port = self._line.rtp
        try:
            said = parse_sdp(self._response.body)
            answer = offer_answer(said, local_host=host, local_port=port, session_id=self._session_id, version=1)
            self._useless = "" if answer else "it names no audio that this phone has"
        except PeerError as error:
            answer, self._useless = None, str(error)
        if answer is not None:
            effects.append(Answered(answer))
        else:
            effects += self._take(now_s, Event.HANG_UP)

    def _send_bye(self, now_s: float, effects: list[Effect]) -> None:
        assert self._dialog is not None
        host, port = self._line.sip
        self._dialog, bye = next_request(
            self._dialog, "BYE", branch=self._branch(), via_host=host, via_port=port, headers=[("User-Agent", _agent())]
        )
        self._start(now_s, NonInviteClientTransaction(bye, self._next_hop(), self._timers), effects)

    def _start(self, now_s: float, transaction: Transaction, effects: list[Effect]) -> None:
        key = client_key(transaction.request)
        self._transactions[key] = transaction
        self._step(now_s, key, Start(), effects)

    def _next_hop(self) -> Address:
        """By route set and Contact; a name stays with the first hop, since nothing here resolves names."""
        assert self._dialog is not None
        try:
            host, port = next_hop(self._dialog)
            return str(ip_address(host)), port
        except (PeerError, ValueError):
            return self._line.peer

    def _branch(self) -> str:
        return "z9hG4bK" + self._ids.tag()

    def _make_invite(self) -> Request:
        host, port = self._line.sip
        shown = f"[{host}]" if ":" in host else host
        headers = Headers()
        headers.add("Via", f"SIP/2.0/UDP {shown}:{port};branch={self._branch()};rport")
        headers.add("Max-Forwards", "70")
        headers.add("From", f"<sip:phone@{shown}>;tag={self._ids.tag()}")
        headers.add("To", f"<{self._line.target}>")
        headers.add("Call-ID", f"{self._ids.tag()}@{host}")
        headers.add("CSeq", "1 INVITE")
        headers.add("Contact", f"<sip:phone@{shown}:{port}>")
        headers.add("Allow", _ALLOW)
        headers.add("User-Agent", _agent())
        headers.add("Content-Type", "application/sdp")
        rtp_host, rtp_port = self._line.rtp
        offer = make_offer(local_host=rtp_host, local_port=rtp_port, session_id=self._session_id, version=1)
        return Request("INVITE", str(self._line.target), headers, offer)


def _agent() -> str:
    return f"keepline-phone/{__version__}"
