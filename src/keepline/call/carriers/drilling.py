"""A carrier is away for marked test calls alone: a fault at our own edge, that ends by itself, for a drill.

Marked are calls that we place to a test number of the operation's (`preflight.test_numbers`), which is called for
nothing else. While a fault is planted, what such a call would send to that carrier is not sent: of `silent` nothing
comes back, of `503` that refusal does. What becomes of these calls is judged by carriers' health of their own, so that
neither the choices of real calls nor what is on record of carriers learn anything of it.

It refuses any other call, any carrier that `preflight.drill_carriers` does not name, and any fault without an end. A
process that dies takes its faults with it. Source: RFC 3261 §8.1.3.1.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from keepline.call import effects as fx
from keepline.call.carriers.folding import bids_of
from keepline.call.carriers.room import Carriers
from keepline.call.effects_path import DrillCarrier, PathAnswered
from keepline.call.facts.path import PATHS, CarrierDrilled
from keepline.call.outbound.placing import Placements
from keepline.call.turn import Turn
from keepline.model.limits_drills import DRILL_FAULT_S_MAX
from keepline.model.operation import Operation
from keepline.paths.health import ConditionChanged
from keepline.sip.message import Request, Response, make_response, parse_message
from keepline.sip.telephone import plain_number

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

SILENT, REFUSING, MENDED = "silent", "503", ""
FAULTS: Final = (SILENT, REFUSING)
STATUS: Final = 503
TAG: Final = "drill"


class DrilledCarriers(Carriers):
    """The carriers as marked calls have them: nothing of it is on record, said to people, or anybody else's."""

    __slots__ = ()

    def learn(self, real: Carriers) -> None:
        """Begin with how long each usually takes."""
        for name, known in real._by_name.items():
            mine = self._of(name)
            mine.first, mine.rings = known.first.copy(), known.rings.copy()

    def _tell(self, turn: Turn, name: str, news: list[ConditionChanged]) -> None:
        """Nobody need know."""

    def _hears(self, turn: Turn, name: str) -> None:
        """What a fault of a drill's says proves nothing of the carrier."""

    _doubts = _hears


class DrilledPlacements(Placements):
    """The switchboard of marked calls."""

    __slots__ = ()

    def __init__(self, exchange: "Exchange") -> None:
        super().__init__(exchange)
        drilled = DrilledCarriers(exchange)
        drilled.learn(exchange.switchboard.carriers)
        self.carriers = drilled


class Drilling:
    """The part of the exchange that has such faults."""

    __slots__ = ("_ends_s", "_exchange", "_hear", "board", "calls", "spoilt")

    def __init__(self, exchange: "Exchange", hear: Callable[[Turn, Response, fx.Address], None]) -> None:
        """`hear` takes an answer as if it had come from somewhere."""
        self._exchange, self._hear = exchange, hear
        self._ends_s: dict[str, tuple[str, float]] = {}
        """Carrier -> its fault, and until when."""
        self.board: DrilledPlacements | None = None
        """While there are such faults, or such calls."""
        self.calls: set[str] = set()
        """The marked calls that began under a fault, and are not over."""
        self.spoilt = 0
        """Messages that were not sent."""

    def on_drill(self, turn: Turn, given: DrillCarrier) -> None:
        """Plant a fault, prolong it, or end it; or say what is wrong with that."""
        exchange = self._exchange
        mistake = _mistake_in(given, exchange.programs[exchange.current].operation)
        if not mistake:
            until_s = turn.now_s + given.for_s if given.fault else turn.now_s
            is_new = self.faults(turn.now_s).get(given.carrier) != given.fault
            if given.fault:
                self._ends_s[given.carrier] = given.fault, until_s
            elif self._ends_s.pop(given.carrier, None) is None:
                is_new = False
            if given.fault and self.board is None:
                self.board, self.spoilt = DrilledPlacements(exchange), 0
            if is_new:
                fact = CarrierDrilled(PATHS, turn.now_s, given.carrier, given.fault, until_s, given.by)
                turn.emit(fx.Persist(fact, synced=True))
                words = f"is {given.fault} for test calls alone" if given.fault else "is drilled no more"
                turn.emit(fx.Report("carrier_drilled", "", f"{given.carrier} {words}, asked by {given.by}"))
        turn.emit(PathAnswered(given.asked, mistake))

    def faults(self, now_s: float) -> dict[str, str]:
        """Carrier -> what it is, for marked calls, now."""
        for name in [name for name, (_, ends_s) in self._ends_s.items() if ends_s <= now_s]:
            del self._ends_s[name]
        if not self._ends_s and not self.calls:
            self.board = None
        return {name: fault for name, (fault, _) in self._ends_s.items()}

    def told(self, now_s: float) -> dict[str, object]:
        """The faults, and how carriers are for marked calls, for who asked."""
        faults, exchange = self.faults(now_s), self._exchange
        operation = exchange.programs[exchange.current].operation
        paths = self.board.carriers.standings(operation, now_s) if self.board is not None else []
        return {"faults": faults, "calls": len(self.calls), "spoilt": self.spoilt, "paths": paths}

    # Calls ------------------------------------------------------------------------------------------------------------

    def board_of(self, call: str) -> Placements:
        """The switchboard of a call."""
        return self.board if self.board is not None and call in self.calls else self._exchange.switchboard

    def place(self, turn: Turn, given: fx.PlaceCall) -> None:
        """Place a call: a marked one by the carriers as they are for it."""
        exchange, usual = self._exchange, turn.switchboard
        operation = exchange.programs[exchange.current].operation
        if self.board is None or not self.faults(turn.now_s) or not is_marked(given.number, operation):
            exchange.switchboard.place(turn, given)
            return
        assert self.board is not None
        if given.call:
            self.calls.add(given.call)
        turn.switchboard = self.board
        try:
            self.board.place(turn, given)
        finally:
            turn.switchboard = usual
        if given.call not in exchange.calls:
            self.calls.discard(given.call)

    def leave(self, call: str) -> None:
        """It is over."""
        self.calls.discard(call)

    def spoil(self, turn: Turn) -> None:
        """Take out of a turn what marked calls would send to a carrier with a fault; refuse what is to be refused."""
        faults = self.faults(turn.now_s)
        refused: list[tuple[Request, fx.Address]] = []
        kept: list[fx.Effect] = []
        for effect in turn.effects:
            fault = self._fault_of(effect, faults)
            if not fault:
                kept.append(effect)
                continue
            assert isinstance(effect, fx.SendSip)
            self.spoilt += 1
            message = effect.message or parse_message(effect.data)
            if fault == REFUSING and isinstance(message, Request) and message.method == "INVITE":
                refused.append((message, effect.peer))
        turn.effects[:] = kept
        for invite, peer in refused:
            self._hear(turn, make_response(invite, STATUS, to_tag=TAG), peer)
        if refused:
            self.spoil(turn)

    def _fault_of(self, effect: fx.Effect, faults: dict[str, str]) -> str:
        """What keeps a message back; empty for whatever is none of a marked call's, to such a carrier."""
        if not isinstance(effect, fx.SendSip):
            return ""
        request = effect.message or parse_message(effect.data)
        if not isinstance(request, Request) or request.method not in ("INVITE", "ACK", "CANCEL"):
            return ""
        owner = self._exchange.call_of(request.call_id, request.from_.tag or "")
        call = self._exchange.calls.get(owner or "")
        if call is None or call.id not in self.calls or call.placing is None:
            return ""
        bid = next((each for each in bids_of(call) if each.cseq == request.cseq.number), None)
        return faults.get(bid.carrier, "") if bid is not None else ""


def is_marked(number: str, operation: Operation) -> bool:
    """Whether a call to this number is a test call."""
    plain = plain_number(number)
    return any(plain_number(each) == plain for each in operation.preflight.numbers.values())


def _mistake_in(given: DrillCarrier, operation: Operation) -> str:
    allowed = operation.preflight.drill_carriers
    if given.carrier not in allowed:
        named = f"it names {', '.join(allowed)}" if allowed else "it names none"
        return f"{given.carrier!r} may not be drilled: `preflight.drill_carriers` says which may; {named}"
    if not operation.preflight.numbers:
        return "no test call can be made: write `preflight: {test_numbers: {TRUNK: NUMBER}}`"
    if given.fault == MENDED:
        return ""
    if given.fault not in FAULTS:
        return f"{given.fault!r} is no fault that can be planted at our own edge: write one of {', '.join(FAULTS)}"
    if not 0 < given.for_s <= DRILL_FAULT_S_MAX:
        return f"it stands for up to {DRILL_FAULT_S_MAX:g} s at a time, not {given.for_s:g}"
    return ""
