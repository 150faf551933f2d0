"""A successor forgets the last step on record."""

from keepline.call import effects as fx
from keepline.call.facts import StepEnded
from tests.sim.planted.meddling import MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 10


class RepeatsAStep(MeddledExchange):
    def mishear(self, given: fx.Input) -> fx.Input:
        if isinstance(given, fx.CallAdopted) and isinstance(given.facts[-1], StepEnded):
            return fx.CallAdopted(given.call, given.facts[:-1])
        return given


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, RepeatsAStep)
