"""A process takes over: the calls of its predecessor come in asleep, and wake a few at a time or when they are touched.

Those that have ended a process rest until somebody could take over from this one. It refuses to know what a call is
about: how one wakes is the exchange's.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from keepline.call import effects as fx
from keepline.call.adoption import LeftCalls, claimed
from keepline.call.agenda import Due
from keepline.call.turn import Turn
from keepline.model.ids import mark_of
from keepline.model.limits import BLAMED_REST_S

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange


class TakingOver:
    """What a successor is told of its predecessor's calls."""

    def __init__(self, exchange: "Exchange", left: LeftCalls) -> None:
        self._exchange = exchange
        self._left = left

    def handlers(self) -> dict[type, Callable[[Turn, Any], None]]:
        """What it takes, by the inputs."""
        return {
            fx.CallAdopted: self._on_adopted,
            fx.CallLeft: self._on_left,
            fx.WakeSome: self._on_wake_some,
            fx.StandbyCame: self._on_standby,
        }

    def _on_adopted(self, turn: Turn, given: fx.CallAdopted) -> None:
        exchange = self._exchange
        received, facts = claimed(exchange.slots, given)
        for fact in facts:
            exchange.tolls.ledger.note(fact)
        rests = exchange.stands_alone and mark_of(received.sip_call_id) in exchange.blamed
        exchange.sleepers.add(given.call, facts, rests=rests)
        if rests:
            exchange.agenda.add(Due(turn.now_s + BLAMED_REST_S, "rest", given.call))
        if given.lost_media:
            exchange.sleepers.cut_off[given.call] = given.lost_keys
        exchange.index(received)

    def _on_left(self, turn: Turn, given: fx.CallLeft) -> None:
        is_asked_again = given.ended.response and not given.ended.response.startswith("ACK ")
        if self._left.remember(turn.now_s, given.ended) and is_asked_again:
            self._exchange.agenda.add(Due(turn.now_s, "left", given.ended))
        if given.ended.unresolved and turn.now_s < given.ended.at_s + turn.identity.timers.give_up_s:
            self._exchange.switchboard.carriers.chase(turn, given.ended)

    def _on_wake_some(self, turn: Turn, given: fx.WakeSome) -> None:
        for call in self._exchange.sleepers.first(given.count):
            self._exchange.touch(turn, call)

    def _on_standby(self, turn: Turn, _given: fx.StandbyCame) -> None:
        self._exchange.stands_alone = False
        for call in self._exchange.sleepers.end_rest():
            self._exchange.touch(turn, call)

    def wake_all(self, turn: Turn) -> None:
        """Nobody sleeps or rests any more."""
        self._exchange.sleepers.end_rest()
        self._on_wake_some(turn, fx.WakeSome(len(self._exchange.sleepers)))
