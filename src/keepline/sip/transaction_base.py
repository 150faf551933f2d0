"""What the four transaction machines share: inputs, effects, timers, and the engine that reads a transition table.

A machine is a function of what it was given: constructed from the same request and fed the same inputs at the same
times it is in the same state with the same deadlines, and says the same. That is how one is restored after a crash:
make it again, feed it the recorded inputs, drop the effects. Nothing here sends, waits or looks at a clock.
Source: RFC 3261 §17, RFC 6026.
"""

from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum
from typing import Any, ClassVar

from keepline.model.errors import LocalError
from keepline.model.frozen import frozen
from keepline.sip.message import Request, Response
from keepline.sip.peers import Address
from keepline.sip.timers import Timers as Timers

# Inputs -------------------------------------------------------------------------------------------------------------


@frozen
class RequestReceived:
    """A request that matches this server transaction: the one that made it (once, first), a copy of it, or an ACK."""

    request: Request


@frozen
class ResponseReceived:
    """A response that matches this client transaction."""

    response: Response


@frozen
class SendResponse:
    """The transaction user answers."""

    response: Response
    data: bytes = b""
    """What it is as bytes, where the user has written it already."""


@frozen
class Start:
    """Send the client transaction's request."""

    data: bytes = b""
    """What it is as bytes, where the user has written it already."""


@frozen
class TimerFired:
    """`deadline_s` has come. Harmless when it has not."""


@frozen
class TransportFailed:
    """A message could not be handed to the network."""

    what: str


@frozen
class Abandon:
    """Whatever becomes of this INVITE of ours is of no use any more: it is not sent again, and waited for 64*T1."""


@frozen
class SendAgain:
    """Nothing was heard of this INVITE of ours for longer than is usual: it is sent once more, and timer A goes on."""


Input = RequestReceived | ResponseReceived | SendResponse | Start | TimerFired | TransportFailed | Abandon | SendAgain


# Effects ------------------------------------------------------------------------------------------------------------


class TerminationReason(Enum):
    """Why a transaction is over."""

    NORMAL = "normal"
    TIMEOUT = "timeout"
    """Timer B, F or H: the other side did not answer, or did not acknowledge."""
    TRANSPORT = "transport"


@frozen
class Transmit:
    """Send these bytes."""

    data: bytes
    peer: Address
    message: Request | Response | None = field(default=None, compare=False, repr=False)
    """What they say, where they are sent for the first time: for whoever would only read them again."""


@frozen
class PassRequest:
    """The transaction user's to deal with: the request, or an ACK to a 2xx."""

    request: Request


@frozen
class PassResponse:
    """The transaction user's to deal with."""

    response: Response


@frozen
class ReportTransportError:
    """The transaction goes on, but what it sent last did not go out (RFC 6026 §7.1)."""

    what: str


@frozen
class Terminated:
    """Forget this transaction."""

    reason: TerminationReason


Effect = Transmit | PassRequest | PassResponse | ReportTransportError | Terminated


# The engine ---------------------------------------------------------------------------------------------------------


class State(Enum):
    """Where a transaction is; each machine uses some of them."""

    __hash__ = object.__hash__  # members are single: no need to hash their names, which Enum does in Python

    INITIAL = "initial"
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Event(Enum):
    """An input as a transition table knows it."""

    __hash__ = object.__hash__

    REQUEST = "request"
    ACK = "ACK"
    SEND_1XX = "send 1xx"
    SEND_2XX = "send 2xx"
    SEND_FAILURE = "send 300-699"
    START = "start"
    RECEIVED_1XX = "1xx"
    RECEIVED_2XX = "2xx"
    RECEIVED_FAILURE = "300-699"
    RETRANSMIT_TIMER = "timer A, E or G"
    END_TIMER = "timer B, D, F, H, I, J, K, L or M"
    TRYING_TIMER = "200 ms"
    TRANSPORT_ERROR = "transport error"
    ABANDON = "abandon"
    SEND_AGAIN = "send again"


class Action(Enum):
    """What a transition does, in the order of its row."""

    __hash__ = object.__hash__

    PASS = "pass to the transaction user"
    SEND = "send the response given"
    RESEND = "send again what was sent last"
    SEND_TRYING = "send 100"
    SEND_REQUEST = "send the request"
    SEND_ACK = "send ACK"
    START_TRYING_TIMER = "start the 200 ms"
    STOP_TIMERS = "stop all timers"
    START_A = "start timer A"
    START_B = "start timer B"
    START_D = "start timer D"
    START_E = "start timer E"
    START_F = "start timer F"
    START_G = "start timer G"
    START_H = "start timer H"
    START_I = "start timer I"
    START_J = "start timer J"
    START_K = "start timer K"
    START_L = "start timer L"
    START_M = "start timer M"
    RESTART_A = "double timer A"
    RESTART_E_OR_G = "double timer E or G, up to T2"
    RESTART_E_AT_T2 = "timer E at T2"
    REPORT_TRANSPORT = "tell the transaction user of the transport error"
    END_NORMAL = "over"
    END_TIMEOUT = "over: time-out"
    END_TRANSPORT = "over: transport error"


Row = tuple[State, tuple[Action, ...]]
Table = Mapping[tuple[State, Event], Row]

_DOERS = {
    Action.PASS: "_do_pass",
    Action.SEND: "_do_send",
    Action.RESEND: "_do_resend",
    Action.SEND_TRYING: "_do_send_trying",
    Action.SEND_REQUEST: "_do_send_request",
    Action.SEND_ACK: "_do_send_ack",
    Action.START_TRYING_TIMER: "_do_start_trying_timer",
    Action.STOP_TIMERS: "_do_stop_timers",
    Action.START_A: "_do_start_retransmitting",
    Action.START_B: "_do_give_up_later",
    Action.START_D: "_do_start_d",
    Action.START_E: "_do_start_retransmitting",
    Action.START_F: "_do_give_up_later",
    Action.START_G: "_do_start_retransmitting",
    Action.START_H: "_do_give_up_later",
    Action.START_I: "_do_wait_t4",
    Action.START_J: "_do_start_j",
    Action.START_K: "_do_wait_t4",
    Action.START_L: "_do_give_up_later",
    Action.START_M: "_do_give_up_later",
    Action.RESTART_A: "_do_double",
    Action.RESTART_E_OR_G: "_do_double_up_to_t2",
    Action.RESTART_E_AT_T2: "_do_retransmit_at_t2",
    Action.REPORT_TRANSPORT: "_do_report_transport",
    Action.END_NORMAL: "_do_end_normal",
    Action.END_TIMEOUT: "_do_end_timeout",
    Action.END_TRANSPORT: "_do_end_transport",
}
"""The method that does it; a machine whose table needs one that it lacks cannot be defined."""

_Doer = Callable[[Any, float, Input | None, list[Effect]], None]


class Transaction:
    """One transaction, driven by its class's `TABLE`; a pair in neither `TABLE` nor `IGNORED` is a bug of ours."""

    TABLE: ClassVar[Table] = {}
    IGNORED: ClassVar[frozenset[tuple[State, Event]]] = frozenset()
    _plan: ClassVar[dict[tuple[State, Event], tuple[State, tuple[_Doer, ...]]]] = {}

    __slots__ = ("_end_at_s", "_interval_s", "_last_sent", "_retransmit_at_s", "_trying_at_s", "peer", "reliable",
                 "request", "state", "timers")  # fmt: skip

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._plan = {
            pair: (state, tuple(getattr(cls, _DOERS[action]) for action in actions))
            for pair, (state, actions) in cls.TABLE.items()
        }

    def __init__(self, request: Request, peer: Address, timers: Timers, reliable: bool = False) -> None:
        self.request = request
        self.peer = peer
        self.timers = timers
        self.reliable = reliable
        self.state = State.INITIAL
        self._last_sent = b""
        self._interval_s = 0.0
        self._retransmit_at_s: float | None = None
        self._end_at_s: float | None = None
        self._trying_at_s: float | None = None

    @property
    def deadline_s(self) -> float | None:
        """When to step it with `TimerFired`, on the clock of `now_s`; None while nothing is to be waited for."""
        due, end, trying = self._retransmit_at_s, self._end_at_s, self._trying_at_s
        if due is None or (end is not None and end < due):
            due = end
        return trying if due is None or (trying is not None and trying < due) else due

    def step(self, now_s: float, input: Input) -> list[Effect]:
        """Take one input and say what follows. LocalError for what the transaction user must not do."""
        effects: list[Effect] = []
        if isinstance(input, TimerFired):
            self._fire(now_s, effects)
        else:
            self._take(now_s, self._event(input), input, effects)
        return effects

    def _event(self, input: Input) -> Event:
        raise NotImplementedError

    def _pass(self, input: Input | None) -> Effect:
        raise NotImplementedError

    def _fire(self, now_s: float, effects: list[Effect]) -> None:
        # The end first: a retransmission that is due at the moment of giving up is of no use to anybody.
        if self._end_at_s is not None and self._end_at_s <= now_s:
            self._end_at_s = None
            self._take(now_s, Event.END_TIMER, None, effects)
        if self._retransmit_at_s is not None and self._retransmit_at_s <= now_s:
            self._retransmit_at_s = None
            self._take(now_s, Event.RETRANSMIT_TIMER, None, effects)
        if self._trying_at_s is not None and self._trying_at_s <= now_s:
            self._trying_at_s = None
            self._take(now_s, Event.TRYING_TIMER, None, effects)

    def _take(self, now_s: float, event: Event, input: Input | None, effects: list[Effect]) -> None:
        row = self._plan.get((self.state, event))
        if row is None:
            if (self.state, event) in self.IGNORED or self.state is State.TERMINATED:
                return
            raise LocalError(f"{type(self).__name__}: {event.value} in state {self.state.value}")
        self.state, doers = row
        for do in doers:
            do(self, now_s, input, effects)

    # What the actions do --------------------------------------------------------------------------------------------

    def _do_pass(self, _now_s: float, input: Input | None, effects: list[Effect]) -> None:
        effects.append(self._pass(input))

    def _do_send(self, _now_s: float, input: Input | None, effects: list[Effect]) -> None:
        assert isinstance(input, SendResponse)
        self._send(input.response, effects, input.data)

    def _do_resend(self, _now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        if self._last_sent:
            effects.append(Transmit(self._last_sent, self.peer))

    def _do_send_request(self, _now_s: float, input: Input | None, effects: list[Effect]) -> None:
        assert isinstance(input, Start)
        self._send(self.request, effects, input.data)

    def _do_stop_timers(self, _now_s: float, _input: Input | None, _effects: list[Effect]) -> None:
        self._stop()

    def _do_report_transport(self, _now_s: float, input: Input | None, effects: list[Effect]) -> None:
        assert isinstance(input, TransportFailed)
        effects.append(ReportTransportError(input.what))

    def _do_end(self, reason: TerminationReason, effects: list[Effect]) -> None:
        self._stop()
        self._last_sent = b""
        effects.append(Terminated(reason))

    def _do_end_normal(self, _now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        self._do_end(TerminationReason.NORMAL, effects)

    def _do_end_timeout(self, _now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        self._do_end(TerminationReason.TIMEOUT, effects)

    def _do_end_transport(self, _now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        self._do_end(TerminationReason.TRANSPORT, effects)

    def _do_start_retransmitting(self, now_s: float, _input: Input | None, _effects: list[Effect]) -> None:
        self._interval_s = self.timers.t1_s
        self._retransmit_at_s = None if self.reliable else now_s + self._interval_s

    def _do_double(self, now_s: float, _input: Input | None, _effects: list[Effect]) -> None:
        self._interval_s *= 2
        self._retransmit_at_s = now_s + self._interval_s

    def _do_double_up_to_t2(self, now_s: float, _input: Input | None, _effects: list[Effect]) -> None:
        self._interval_s = min(2 * self._interval_s, self.timers.t2_s)
        self._retransmit_at_s = now_s + self._interval_s

    def _do_retransmit_at_t2(self, now_s: float, _input: Input | None, _effects: list[Effect]) -> None:
        self._interval_s = self.timers.t2_s
        self._retransmit_at_s = now_s + self._interval_s

    def _do_give_up_later(self, now_s: float, _input: Input | None, _effects: list[Effect]) -> None:
        self._end_at_s = now_s + self.timers.give_up_s

    def _do_start_d(self, now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        self._end_after(self.timers.timer_d_s, now_s, effects)

    def _do_start_j(self, now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        self._end_after(self.timers.give_up_s, now_s, effects)

    def _do_wait_t4(self, now_s: float, _input: Input | None, effects: list[Effect]) -> None:
        self._end_after(self.timers.t4_s, now_s, effects)

    def _end_after(self, wait_s: float, now_s: float, effects: list[Effect]) -> None:
        """Start a timer that only waits for copies; over a reliable transport there are none, and it is zero."""
        if self.reliable:
            self._end_at_s = None
            self._take(now_s, Event.END_TIMER, None, effects)
        else:
            self._end_at_s = now_s + wait_s

    def _send(self, message: Request | Response, effects: list[Effect], data: bytes = b"") -> None:
        data = self._last_sent = data or message.encode()
        effects.append(Transmit(data, self.peer, message))

    def _stop(self) -> None:
        self._retransmit_at_s = self._end_at_s = self._trying_at_s = None
