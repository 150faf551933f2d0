"""One turn of the core: the time, the effects gathered so far, and the few services that every phase needs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from keepline.call.effects import Address, Effect, Persist, SendSip, SendSipAtOnce
from keepline.call.facts import CallPlaced, Fact, WorkFact
from keepline.call.facts.run import RunStarted
from keepline.call.inputs import PlaceCall
from keepline.call.outbound.legs import LegEvent, LegNews
from keepline.call.outbound.policy import Denial
from keepline.call.state import CallState, Timer
from keepline.flow.engine import FlowFunction
from keepline.model.capability import SecretRef
from keepline.model.operation import HostPort, Operation
from keepline.sip.message import Request
from keepline.sip.transaction import Timers

if TYPE_CHECKING:
    from keepline.call.callbacks.tickets import Tickets
    from keepline.call.callbacks.watching import LineWatch
    from keepline.call.carriers.room import Carriers


@dataclass(frozen=True, slots=True)
class Program:
    """One version of the operation with its flows, ready to run."""

    operation: Operation
    functions: Mapping[str, FlowFunction]
    passwords: Mapping[SecretRef, str] = field(default_factory=dict, repr=False)
    """Of its trunks, as far as the shell could read them: in memory alone."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What this node calls itself in SIP and SDP."""

    sip: HostPort
    """Contact and Via of what we send."""
    media_host: str
    server: str
    timers: Timers


class Switchboard(Protocol):
    """What a step may have done with other calls: the legs that it places."""

    @property
    def carriers(self) -> "Carriers":
        """By which calls go out."""
        ...

    @property
    def tickets(self) -> "Tickets":
        """Of those who are to be called back."""
        ...

    @property
    def watching(self) -> "LineWatch":
        """Of lines that fall silent."""
        ...

    def place(self, turn: "Turn", wanted: PlaceCall) -> str:
        """Place a call; returns its id. What becomes of a leg is told to the step of its parent, this turn or later."""
        ...

    def leg_at(self, turn: "Turn", parent: str, step: int) -> CallState | None:
        """The leg that this step of the parent placed, awake; None where it is over."""
        ...

    def denial(self, turn: "Turn", to_number: str, from_number: str, *, is_new: bool = True) -> Denial | None:
        """Why the operation's policy does not allow this number to be called now; it is said to the operator too.

        `is_new` is false for a call that was placed already and would go on to this number.
        """
        ...

    def token(self) -> str:
        """16 hex digits that nobody foresees."""
        ...

    def is_kept(self, capability: str, path: str, series: str) -> bool:
        """Whether changes of this series are kept for the path, so that what comes now waits behind them."""
        ...

    def end_leg(self, turn: "Turn", leg: str, why: str) -> None:
        """Cancel a leg, or hang it up."""
        ...

    def start(self, turn: "Turn", started: RunStarted) -> None:
        """Have a run, once."""
        ...


Schedule = Callable[[CallState, Timer, float], None]
StartRequest = Callable[[float, CallState | None, Request, Address, bytes], list[Effect]]
Services = tuple[Identity, Schedule, StartRequest, Callable[[str], Program | None], Switchboard]
"""What an exchange lends to each of its turns."""


class Turn:
    """The arguments of one `step` of the core, and its effects in order."""

    __slots__ = (
        "_schedule", "_start_request", "effects", "identity", "left", "news", "now_s", "program_of", "switchboard",
    )  # fmt: skip

    def __init__(self, now_s: float, services: Services) -> None:
        self.now_s = now_s
        self.effects: list[Effect] = []
        self.news: list[LegNews] = []
        """Of legs, for the steps of their parents: delivered before the turn is over."""
        self.left: list[WorkFact] = []
        """What calls leave unfinished, for who sees to it before the turn is over."""
        self.identity, self._schedule, self._start_request, self.program_of, self.switchboard = services

    def record(self, call: CallState, fact: Fact, *, synced: bool = False, promised: bool = False) -> None:
        """Make a fact true: fold it into the call and have it written, or synced, before what follows.

        `promised`: the caller would hear of it, so all that the call does next waits until it is synced.
        """
        call.apply(fact)
        self.effects.append(Persist(fact, synced or promised, promised))

    def leave(self, fact: WorkFact) -> None:
        """Record what outlives its call; synced, since callers are told of it."""
        self.left.append(fact)
        self.effects.append(Persist(fact, synced=True))

    def emit(self, effect: Effect) -> None:
        self.effects.append(effect)

    def send(self, data: bytes, peer: Address) -> None:
        self.effects.append(SendSip(data, peer))

    def send_at_once(self, data: bytes, peer: Address) -> None:
        """Send what depends on no fact."""
        self.effects.append(SendSipAtOnce(data, peer))

    def request(self, call: CallState | None, request: Request, peer: Address, data: bytes = b"") -> None:
        """Send a request of ours, with retransmissions (RFC 3261 §17.1); the call, if any, hears what comes of it.

        `data` is the request, where it is written already.
        """
        self.effects += self._start_request(self.now_s, call, request, peer, data)

    def tell_parent(
        self, call: CallState, event: LegEvent, status: int = 0, reason: str = "", outcome: str = ""
    ) -> None:
        """News of a leg; of another call nobody hears."""
        begun = call.received
        if isinstance(begun, CallPlaced) and begun.parent:
            self.news.append(LegNews(begun.parent, begun.parent_step, call.id, event, status, reason, outcome))

    def set_timer(self, call: CallState, timer: Timer, at_s: float) -> None:
        """Start or move one of the call's timers; `at_s` in node time."""
        call.timers[timer] = at_s
        self._schedule(call, timer, at_s)

    def clear_timers(self, call: CallState, timers: Iterable[Timer]) -> None:
        for timer in timers:
            call.timers.pop(timer, None)

    def clear_all_timers(self, call: CallState) -> None:
        call.timers.clear()
