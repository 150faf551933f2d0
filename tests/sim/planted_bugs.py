"""Exchanges with a bug each, of the kind that a hasty change would make: the checks must find them out."""

from dataclasses import replace

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, DigitsPressed, StepEnded
from keepline.call.turn import Identity
from tests.sim.scenes import Scene

Effects = list[fx.Effect]


class _Planted(Exchange):
    """An exchange whose steps are meddled with."""

    def __init__(self, identity: Identity, seed: bytes, rtp_ports: list[int]) -> None:
        super().__init__(identity, seed, rtp_ports)
        self.count = 0
        self.sent: set[bytes] = set()

    def step(self, now_s: float, given: fx.Input) -> Effects:
        return self.meddle(given, super().step(now_s, self.mishear(given)))

    def mishear(self, given: fx.Input) -> fx.Input:
        """What the core gets instead of its input."""
        return given

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        """What the shell gets instead of its effects."""
        return effects


class LosesAFact(_Planted):
    """One fact in twenty is never written."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        kept: Effects = []
        for effect in effects:
            self.count += isinstance(effect, fx.Persist)
            if not isinstance(effect, fx.Persist) or self.count % 20:
                kept.append(effect)
        return kept


class RepeatsAStep(_Planted):
    """A successor forgets the last step on record."""

    def mishear(self, given: fx.Input) -> fx.Input:
        if isinstance(given, fx.CallAdopted) and isinstance(given.facts[-1], StepEnded):
            return fx.CallAdopted(given.call, given.facts[:-1])
        return given


class NeverRepeats(_Planted):
    """No datagram is sent twice: retransmissions are lost."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        fresh = [each for each in effects if not isinstance(each, fx.SendSip) or each.data not in self.sent]
        self.sent |= {each.data for each in fresh if isinstance(each, fx.SendSip)}
        return fresh


class OpensAnew(_Planted):
    """A successor gives the stream another identity."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        woken = any(isinstance(each, fx.InspectMedia) for each in effects)
        return [
            replace(each, ssrc=each.ssrc ^ 1) if woken and isinstance(each, fx.OpenMedia) else each for each in effects
        ]


class NeverLooks(_Planted):
    """A successor does not ask what media has heard meanwhile."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        return [each for each in effects if not isinstance(each, fx.InspectMedia)]


class HearsTwice(_Planted):
    """A digit counts again when the slot is looked at."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        if isinstance(given, fx.MediaSeen) and given.ring:
            again = fx.Persist(DigitsPressed(given.call, 0.0, given.head, given.ring[-1]))
            return [again, *effects] if any(isinstance(each, fx.Persist) for each in effects) else effects
        return effects


class EndsTwice(_Planted):
    """The end of a call is recorded again when media says so."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        ends = [each for each in effects if isinstance(each, fx.Persist) and isinstance(each.fact, CallEnded)]
        return [*effects, *ends] if isinstance(given, fx.MediaStopped) else effects


class PlaysAgain(_Planted):
    """A prompt is asked for under another number after a switch-over."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        woken = any(isinstance(each, fx.InspectMedia) for each in effects)
        return [
            replace(each, number=each.number + 1) if woken and isinstance(each, fx.PlayPrompt) else each
            for each in effects
        ]


class KeepsASlot(_Planted):
    """The slot of a call that was adopted is not given back."""

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        if isinstance(given, fx.CallAdopted):
            self.count += 1
        elif self.count and any(isinstance(each, fx.Persist) and isinstance(each.fact, CallEnded) for each in effects):
            self.count -= 1
            if self.slots.free:
                self.slots.free.pop()
        return effects


class ForgetsTheTag(_Planted):
    """A call that rings gets another tag from a successor."""

    def mishear(self, given: fx.Input) -> fx.Input:
        if isinstance(given, fx.CallAdopted) and len(given.facts) == 1:
            return fx.CallAdopted(given.call, (replace(given.facts[0], local_tag="other"),))  # type: ignore[arg-type]
        return given


PLANTED: dict[type[_Planted], int] = {
    LosesAFact: 5,
    RepeatsAStep: 10,
    NeverRepeats: 20,
    OpensAnew: 5,
    NeverLooks: 40,
    HearsTwice: 5,
    EndsTwice: 5,
    PlaysAgain: 5,
    KeepsASlot: 10,
    ForgetsTheTag: 10,
}
"""Each bug, and within how many seeds it must be caught."""


def send_before_writing(scene: Scene) -> None:
    """The shell's own bug: effects do not wait for their facts."""
    scene.node.writes_first = False
