"""A digit counts again when the slot is looked at."""

from keepline.call import effects as fx
from keepline.call.facts import DigitsPressed
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 5


class HearsTwice(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        if isinstance(given, fx.MediaSeen) and given.ring:
            again = fx.Persist(DigitsPressed(given.call, 0.0, given.head, given.ring[-1]))
            return [again, *effects] if any(isinstance(each, fx.Persist) for each in effects) else effects
        return effects


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, HearsTwice)
