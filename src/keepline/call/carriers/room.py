"""The carriers of one node: how each is, how busy, how quick, and which one is asked next.

Health is of traffic. That one is not well, or is again, is a fact: whoever takes over begins with it, and for the rest
with `unknown`. What a call over carriers does is `bids`' and `racing`'s; the choice itself is `paths.choice`'s.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from keepline.call.carriers.carrier import MUTE_PACKETS_MIN, POLICY, RATED_PACKETS_MIN, Carrier, Seat
from keepline.call.carriers.folding import bids_of
from keepline.call.carriers.inheriting import left_by, stood
from keepline.call.effects import Persist, Report
from keepline.call.facts import CallEnded
from keepline.call.facts.path import PathStood
from keepline.call.state import CallState
from keepline.call.turn import Turn
from keepline.call.written import request_of as invite_in
from keepline.model.operation import Operation, OutboundCarrier
from keepline.paths.choice import Choice, PathLoad, PathOption, choose_path, shares_within
from keepline.paths.delays import ringing_s, silence_s
from keepline.paths.figures import FIGURES
from keepline.paths.health import (
    Condition,
    ConditionChanged,
    Measured,
    PathHealth,
    PathView,
    Tried,
    Used,
)
from keepline.paths.own_parts import TELEPHONY
from keepline.paths.standing import standing_of
from keepline.paths.wishes import Wish, Wished, Wishes
from keepline.sip.client_transaction import cancel_for
from keepline.sip.message import Request
from keepline.sip.peers import Address, peer_at

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange
    from keepline.call.outbound.located import LocatedTrunks

PEERS_EVERY_S: Final = 1.0
"""How often it is looked how the others do."""
BAD: Final = (Condition.DOWN, Condition.DEGRADED)
_DRAW_BITS: Final = 30
SUSPECTED: Final = Wished(Wish.DRAIN, float("inf"), "it says nothing at all just now", "this call")
AVOIDED: Final = Wished(Wish.DRAIN, float("inf"), "a call of theirs was lost by it", "this call")


class Carriers:
    """Of every operation that the node knows: a carrier is its trunk's name."""

    __slots__ = ("_by_name", "_exchange", "_is_last_resort", "_peers", "_peers_at_s", "clock", "wishes")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._by_name: dict[str, Carrier] = {}
        self._is_last_resort = False
        self._peers: dict[str, dict[str, float]] = {}
        self._peers_at_s = float("-inf")
        self.wishes = Wishes()
        """What people want of them; the process that follows keeps it."""
        self.clock: Callable[[float], str] = lambda at_s: f"{at_s:.1f}"
        """Writes a time for the evidence."""

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def located(self) -> "LocatedTrunks":
        """Where their proxies are."""
        return self._exchange.targets

    # Which ------------------------------------------------------------------------------------------------------------

    def choose(self, turn: Turn, operation: Operation, tried: tuple[str, ...] = (), *, avoid: str = "") -> Choice:
        """The carrier of a call's next INVITE; `tried` were asked already, `avoid` comes last of the fit."""
        carriers, now_s = operation.outbound.carriers, turn.now_s
        left = [each for each in carriers if each.trunk not in tried]
        if not left:
            return Choice(None, ())
        options = [option_of(each) for each in carriers]
        views = {each.trunk: self._view_to_choose(each.trunk, now_s) for each in left}
        load = {each.trunk: self._load(each, now_s) for each in left}
        ticket = self._exchange.ids.number(_DRAW_BITS) / (1 << _DRAW_BITS) if len(left) > 1 else 0.0
        found = {each.trunk: self.wishes.of(f"{TELEPHONY}/{each.trunk}", now_s) for each in left} if self.wishes else {}
        wished = {name: each for name, each in found.items() if each is not None}
        wished |= {each: SUSPECTED for each in views if self._of(each).is_suspect(now_s)}
        if avoid in views:
            wished[avoid] = AVOIDED
        shares = shares_within(self._exchange.follower.shares(), TELEPHONY)
        may_try = len(left) > 1
        choice = choose_path(
            options, views, load, ticket, tried=tried, may_be_trial=may_try, wished=wished, shares=shares
        )
        if not tried:
            self._say(turn, choice)
        return choice

    def silence_s(self, name: str) -> float:
        """How long nothing may be heard of it before another one is asked."""
        return silence_s(self._of(name).first.p99_s)

    def ringing_s(self, name: str) -> float:
        """How long it may take to ring."""
        return ringing_s(self._of(name).rings.p99_s)

    def view(self, name: str, now_s: float) -> PathView:
        """How it is."""
        return self._of(name).health.view(now_s, self._peers_of(name, now_s), self.clock)

    def _view_to_choose(self, name: str, now_s: float) -> PathView:
        """How it is to the next call: no trial for a caller to wait for where OPTIONS have just shown what it would."""
        view = self.view(name, now_s)
        return self._of(name).spared(view, now_s) if self._exchange.probing.is_unanswered(name) else view

    def know(self, wishes: Wishes, clock: Callable[[float], str]) -> None:
        """What people want of carriers, and how times are written."""
        self.wishes, self.clock = wishes, clock

    def inherit(self, now_s: float, standings: Iterable[PathStood]) -> None:
        """How they were when a process before wrote of them last, where they were not well."""
        for fact in standings:
            capability, _, name = fact.path.partition("/")
            left = left_by(fact, now_s, POLICY.calm_s) if capability == TELEPHONY else None
            if left is not None:
                self._of(name).health.inherit(now_s, left)

    def standings(self, operation: Operation, now_s: float) -> list[dict[str, object]]:
        """Every carrier of an operation, as people are told."""
        found = []
        for each in operation.outbound.carriers:
            name, known = f"{TELEPHONY}/{each.trunk}", self._of(each.trunk)
            view, wished = self.view(each.trunk, now_s), self.wishes.of(name, now_s)
            told = standing_of(name, each.order, view, self._load(each, now_s), each.channels_max, wished)
            delays = {"first_p99_s": known.first.p99_s, "rings_p99_s": known.rings.p99_s, "probe": known.probe}
            figures = {figure: round(value, 3) for figure, value in known.health.figures(now_s).items()}
            found.append(told | delays | {"figures": figures})
        return found

    # What becomes of calls --------------------------------------------------------------------------------------------

    def begin(self, turn: Turn, name: str, seat: Seat) -> None:
        """It is asked for a call."""
        carrier = self._of(name)
        carrier.used_at_s = turn.now_s
        if not carrier.unheard:
            carrier.unheard_since_s = turn.now_s
        if len(carrier.unheard) < POLICY.outcomes:
            carrier.unheard[seat] = turn.now_s
        carrier.begun.append(turn.now_s)
        carrier.seats.add(seat)
        self._tell(turn, name, carrier.health.step(turn.now_s, Tried()))

    def sit(self, name: str, seat: Seat) -> None:
        """A process before had it asked."""
        self._of(name).seats.add(seat)

    def rise(self, name: str, seat: Seat) -> None:
        """What it was asked for is over."""
        carrier = self._of(name)
        carrier.seats.discard(seat)
        carrier.judged.discard(seat)

    def leave(self, call: CallState) -> None:
        """All that was asked for a call is over with it."""
        for bid in bids_of(call):
            self.rise(bid.carrier, (call.id, bid.bid))

    def heard(self, turn: Turn, name: str, delay_s: float) -> None:
        """The first answer of any kind came so long after the INVITE."""
        self._of(name).first.add(delay_s)
        self._measure(turn, name, {"latency_s": delay_s})
        self.spoke(turn, name)

    def spoke(self, turn: Turn, name: str) -> None:
        """An answer to an INVITE came, of whatever kind."""
        self._hears(turn, name)
        carrier = self._of(name)
        carrier.unheard.clear()
        carrier.has_bounced = False
        carrier.unheard_since_s = float("inf")

    def worked(self, turn: Turn, name: str, began_s: float, ring_s: float | None = None) -> None:
        """It brought a call to the callee, or the callee's word; `ring_s` after the INVITE it rang."""
        carrier = self._of(name)
        carrier.is_failing = False
        figures = {"effective": 1.0} if ring_s is None else {"effective": 1.0, "post_dial_delay_s": ring_s}
        used = Used(True, "INVITE", began_at_s=began_s, figures=figures)
        self._tell(turn, name, carrier.health.step(turn.now_s, used, self._peers_of(name, turn.now_s)))
        if ring_s is not None:
            carrier.rings.add(ring_s)

    def failed(self, turn: Turn, name: str, began_s: float, why: str) -> None:
        """It did not."""
        carrier, peers = self._of(name), self._peers_of(name, turn.now_s)
        carrier.is_failing = True
        used = Used(False, "INVITE", why, began_s, {"effective": 0.0})
        self._tell(turn, name, carrier.health.step(turn.now_s, used, peers))

    def rate(self, turn: Turn, name: str, ended: CallEnded, *, answered: bool | None) -> None:
        """A call that it carried, either way, is over; `answered` where we had asked it to bring us to somebody."""
        figures = {} if answered is None else {"answered": float(answered)}
        if ended.packets_received or ended.packets_sent >= MUTE_PACKETS_MIN:
            figures["audible"] = float(ended.packets_received > 0)
        if ended.mos is not None and ended.packets_received >= RATED_PACKETS_MIN:
            figures["mos"] = ended.mos
        if figures and self.is_listed(name):
            self._measure(turn, name, figures)

    def _measure(self, turn: Turn, name: str, figures: Mapping[str, float]) -> None:
        peers = self._peers_of(name, turn.now_s)
        self._tell(turn, name, self._of(name).health.step(turn.now_s, Measured(figures), peers))

    def is_listed(self, name: str) -> bool:
        """Calls go out by it."""
        exchange = self._exchange
        return any(each.trunk == name for each in exchange.programs[exchange.current].operation.outbound.carriers)

    def lost(self, turn: Turn, name: str, why: str, *, is_proof: bool) -> None:
        """Calls that it carried were lost: what proves that leaves it at once, else it counts as one failure."""
        if self.is_listed(name):
            used = Used(False, "call", why, is_proof=is_proof)
            self._tell(turn, name, self._of(name).health.step(turn.now_s, used, self._peers_of(name, turn.now_s)))

    def silent(self, turn: Turn, name: str, seat: Seat, began_s: float, why: str) -> list[CallState]:
        """Nothing was heard of an INVITE for too long. Gives the calls that need not wait for it any longer.

        If nothing was heard of any other since, those that are out for longer than answers take count as well: a
        carrier that has died is left sooner, and one that has lost a packet no sooner than before.
        """
        carrier = self._of(name)
        if seat in carrier.judged:
            return []
        self.failed(turn, name, began_s, why)
        self._doubts(turn, name)
        if began_s < carrier.unheard_since_s:
            return []
        usual_s = carrier.first.p99_s or silence_s(None)
        for other, at_s in carrier.unheard.items():
            if other != seat and began_s <= at_s <= turn.now_s - usual_s and other not in carrier.judged:
                carrier.judged.add(other)
                self.failed(turn, name, at_s, why)
        if not self._is_dead(name, turn.now_s):
            return []
        calls = self._exchange.calls
        return [calls[call] for call in sorted({call for call, _ in carrier.seats}) if call in calls]

    def bounced(self, name: str) -> None:
        """Nobody is at its address, as the network says."""
        self._of(name).has_bounced = True

    def has_bounced(self, name: str) -> bool:
        """Whether nobody is at its address, as far as is known."""
        return self._of(name).has_bounced

    def is_mute(self, name: str, now_s: float) -> bool:
        """Whether it is dead, and nothing was heard of any of its INVITEs since the first that made it so."""
        return bool(self._of(name).unheard) and self._is_dead(name, now_s)

    def _is_dead(self, name: str, now_s: float) -> bool:
        """Whether it is down, or nobody is there as the network says: then the others are asked before it is down."""
        condition = self.view(name, now_s).condition
        return condition is Condition.DOWN or (condition is Condition.DEGRADED and self._of(name).has_bounced)

    def last_used_s(self, name: str) -> float:
        """When it was asked for a call last."""
        return self._of(name).used_at_s

    def is_waited_for(self, name: str, now_s: float) -> bool:
        """An INVITE waits for it in vain, and nothing was heard of it since."""
        return now_s - self._of(name).unheard_since_s > self.silence_s(name)

    def probed(self, turn: Turn, name: str, why: str, *, is_proof: bool = False, what: str = "probe") -> None:
        """What came of an OPTIONS, or a REGISTER: empty where it went well. It mends no INVITE that failed."""
        carrier, now_s = self._of(name), turn.now_s
        carrier.probe = (why or "answered") if what == "probe" else carrier.probe
        if not why and carrier.is_failing:
            return
        if carrier.health.view(now_s).may_try:
            self._tell(turn, name, carrier.health.step(now_s, Tried()))
        self._tell(turn, name, carrier.health.step(now_s, Used(not why, what, why, now_s, is_proof=is_proof)))

    # INVITEs that nobody wants any more -------------------------------------------------------------------------------

    def hush(self, turn: Turn, invite: Request) -> None:
        """Have an INVITE sent no more; what comes of it is heard for 64*T1."""
        turn.effects += self._exchange.transactions.abandon(turn.now_s, invite)

    def send_again(self, turn: Turn, invite: Request) -> None:
        """Have an INVITE of which nothing was heard sent once more, sooner than by its own times."""
        turn.effects += self._exchange.transactions.send_again(turn.now_s, invite)

    def listen(self, turn: Turn, invite: Request, peer: Address, call: str) -> None:
        """Hear what comes of an INVITE that a process before has abandoned."""
        self._exchange.transactions.listen(turn.now_s, invite, peer, call)

    def chase(self, turn: Turn, ended: CallEnded) -> None:
        """A process before left these behind: they are heard, and cancelled, as it would have done."""
        for each in ended.unresolved:
            invite, peer = invite_in(each.invite), peer_at(each.peer_host, each.peer_port, each.transport)
            self.listen(turn, invite, peer, ended.call)
            if each.may_be_cancelled:
                turn.request(None, cancel_for(invite), peer)

    # Helpers ----------------------------------------------------------------------------------------------------------

    def _hears(self, turn: Turn, name: str) -> None:
        self._exchange.probing.heard(turn.now_s, name)

    def _doubts(self, turn: Turn, name: str) -> None:
        self._exchange.probing.doubt(turn, name)

    def _of(self, name: str) -> Carrier:
        carrier = self._by_name.get(name)
        if carrier is None:
            carrier = self._by_name[name] = Carrier(PathHealth(name, POLICY, FIGURES))
        return carrier

    def _load(self, carrier: OutboundCarrier, now_s: float) -> PathLoad:
        known = self._of(carrier.trunk)
        while known.begun and known.begun[0] <= now_s - 1.0:
            known.begun.popleft()
        return PathLoad(len(known.seats), len(known.begun))

    def _peers_of(self, name: str, now_s: float) -> Mapping[str, float]:
        """What the best of the others have of each figure."""
        if now_s - self._peers_at_s >= PEERS_EVERY_S:
            self._peers_at_s = now_s
            figures = {each: known.health.figures(now_s) for each, known in self._by_name.items()}
            self._peers = {each: _best_of(figures, each) for each in figures}
        return self._peers.get(name, {})

    def _tell(self, turn: Turn, name: str, news: list[ConditionChanged]) -> None:
        for each in news:
            if each.after in BAD or each.before in BAD:
                evidence = self.view(name, turn.now_s).evidence
                words = f"telephony/{each.path} was {each.before.value}, and is {each.after.value}: {evidence}"
                turn.emit(Report("path_changed", "", words))
                legacy = self._of(name).health.legacy
                turn.emit(Persist(stood(turn.now_s, f"{TELEPHONY}/{name}", legacy, evidence)))

    def _say(self, turn: Turn, choice: Choice) -> None:
        """That no carrier is fit, once until one is."""
        if choice.is_last_resort and not self._is_last_resort:
            turn.emit(Report("last_resort", "", f"no carrier is fit, and calls go on: {'; '.join(choice.reasons)}"))
        self._is_last_resort = choice.is_last_resort


def option_of(carrier: OutboundCarrier) -> PathOption:
    """A carrier as `paths` knows paths."""
    return PathOption(carrier.trunk, carrier.order, carrier.weight, carrier.channels_max, carrier.calls_per_s_max)


def _best_of(figures: Mapping[str, Mapping[str, float]], but: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, each in figures.items():
        for figure, value in each.items() if name != but else ():
            best = min if FIGURES[figure].is_high_bad else max
            found[figure] = best(found.get(figure, value), value)
    return found
