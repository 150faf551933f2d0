"""What became of a change that was in doubt is found out, and not put on record."""

from keepline.call import effects as fx
from keepline.call.facts import UseResolved
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 60


class DropsADoubt(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        return [each for each in effects if not isinstance(each, fx.Persist) or not isinstance(each.fact, UseResolved)]


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, DropsADoubt)
