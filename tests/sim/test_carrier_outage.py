"""A carrier that dies under 50 calls a second and comes back: who waits, for how long, and when calls leave it.

The carriers are two functions of time; every call rings at once and is declined, so that what is measured is routing.
"""

import heapq
from dataclasses import dataclass, field

import pytest

from keepline.call import effects as fx
from keepline.sip.message import Request, parse_message
from tests.spec.carriers_rig import HOSTS, NAMES, CarriersPlacer
from tests.spec.placing_rig import answer_of

CALLS_PER_S, FAULT_S, BACK_S, END_S = 50, 20.0, 40.0, 100.0
NEAR_S, FAR_S = 0.004, 0.04
"""The round trip."""


@dataclass(slots=True)
class Call:
    """What became of one call."""

    asked_at_s: float
    rang_after_s: float | None = None
    rang_by: str = ""
    first: str = ""
    """The carrier that was asked first."""


@dataclass(slots=True)
class Outage:
    """Calls over two carriers, of which the first is broken in some way for a while."""

    fault: str
    round_trip_s: float = NEAR_S
    calls: dict[str, Call] = field(default_factory=dict)
    placer: CarriersPlacer = field(default_factory=lambda: CarriersPlacer(slots=2_000))
    _answers: list[tuple[float, int, str, Request, int]] = field(default_factory=list)
    _count: int = 0

    def run(self) -> "Outage":
        """The whole time; times are seconds from its beginning."""
        began_s = self.placer.now_s
        for number in range(int(END_S * CALLS_PER_S)):
            at_s = number / CALLS_PER_S
            self._pass(began_s + at_s)
            call = f"{number:016x}"
            self.calls[call] = Call(at_s)
            self._react(self.placer.exchange.step(self.placer.now_s, fx.PlaceCall("+15550001", "listen", call)))
        self._pass(began_s + END_S + 40.0)
        return self

    def _pass(self, until_s: float) -> None:
        placer = self.placer
        while True:
            timer_s = placer.exchange.deadline_s
            answer_s = self._answers[0][0] if self._answers else None
            due_s = min((each for each in (timer_s, answer_s) if each is not None), default=until_s + 1)
            if due_s > until_s:
                break
            placer.now_s = max(placer.now_s, due_s)
            if answer_s == due_s:
                _, _, name, invite, status = heapq.heappop(self._answers)
                if self.fault == "silent" and self._is_broken(name):
                    continue
                given: fx.Input = fx.DatagramReceived(answer_of(invite, status).encode(), HOSTS[name])
                self._note(invite, name, status)
            else:
                given = fx.TimeCame()
            self._react(placer.exchange.step(placer.now_s, given))
        placer.now_s = until_s

    def _note(self, invite: Request, name: str, status: int) -> None:
        call = self.calls[(invite.top_via.branch or "").split("-")[2]]
        if status == 180 and call.rang_after_s is None:
            call.rang_after_s, call.rang_by = self.placer.now_s - 1000.0 - call.asked_at_s, name

    def _react(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.SendSip):
                message = parse_message(effect.data)
                if isinstance(message, Request):
                    self._hear(message, NAMES[effect.peer[:2]])

    def _hear(self, request: Request, name: str) -> None:
        if request.method == "CANCEL":
            self._say(0.0, name, request, 487)
            return
        if request.method != "INVITE":
            return
        call = self.calls[(request.top_via.branch or "").split("-")[2]]
        call.first = call.first or name
        is_broken = self._is_broken(name)
        if is_broken and self.fault == "silent":
            return
        if is_broken and self.fault == "503":
            self._say(0.0, name, request, 503)
            return
        self._say(0.0, name, request, 100)
        if is_broken:
            return
        self._say(0.05, name, request, 180)
        self._say(0.2, name, request, 603)

    def _is_broken(self, name: str) -> bool:
        return name == "first" and FAULT_S <= self.placer.now_s - 1000.0 < BACK_S

    def _say(self, after_s: float, name: str, request: Request, status: int) -> None:
        if request.method == "CANCEL":
            headers = request.headers.copy()
            headers.set("CSeq", f"{request.cseq.number} INVITE")
            request = Request("INVITE", request.uri, headers)
        self._count += 1
        at_s = self.placer.now_s + self.round_trip_s + after_s
        heapq.heappush(self._answers, (at_s, self._count, name, request, status))

    def delayed(self) -> list[Call]:
        """Those that the fault made wait, in the order of their beginning."""
        usual_s = self.round_trip_s + 0.066
        return [call for call in self.calls.values() if call.rang_after_s is not None and call.rang_after_s > usual_s]

    def failed(self) -> list[Call]:
        """Those that never rang."""
        return [call for call in self.calls.values() if call.rang_after_s is None]


@pytest.mark.parametrize(
    ("fault", "round_trip_s", "delayed_max", "added_s_max", "left_within_s"),
    [
        ("silent", NEAR_S, 7, 0.15, 0.1), ("503", NEAR_S, 0, 0.05, 0.3), ("100_then_nothing", NEAR_S, 150, 1.75, 3.0),
        ("silent", FAR_S, 9, 0.25, 0.1), ("503", FAR_S, 5, 0.05, 0.3), ("100_then_nothing", FAR_S, 150, 1.75, 3.0),
    ],
)  # fmt: skip
def test_a_carrier_dies_under_load(
    fault: str, round_trip_s: float, delayed_max: int, added_s_max: float, left_within_s: float
) -> None:
    outage = Outage(fault, round_trip_s).run()
    assert outage.failed() == []
    delayed = outage.delayed()
    first_wave = [call for call in delayed if call.asked_at_s < FAULT_S + 5.0]
    assert len(first_wave) <= delayed_max
    assert all((call.rang_after_s or 0.0) - 0.05 - round_trip_s <= added_s_max + 0.001 for call in delayed)
    later = [call for call in outage.calls.values() if FAULT_S + left_within_s <= call.asked_at_s < FAULT_S + 5.0]
    trials = [call for call in later if call.first == "first"]
    assert len(trials) <= (5 if fault == "503" else 0), "while it is degraded, one a second may show that it is better"
    last = [call.first for call in outage.calls.values() if call.asked_at_s >= END_S - 5.0]
    assert set(last) == {"first"}, "it has its place again"
