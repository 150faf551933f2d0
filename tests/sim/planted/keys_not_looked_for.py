"""A successor does not ask what media has heard meanwhile."""

from keepline.call import effects as fx
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 80


class NeverLooks(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        return [each for each in effects if not isinstance(each, fx.InspectMedia)]


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, NeverLooks)
