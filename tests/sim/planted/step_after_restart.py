"""A node that died as a whole forgets the last step of each call: it is made again."""

from keepline.call import effects as fx
from keepline.call.facts import StepEnded
from tests.sim.planted.meddling import MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 60


class RepeatsAfterARestart(MeddledExchange):
    def mishear(self, given: fx.Input) -> fx.Input:
        if isinstance(given, fx.CallAdopted) and given.lost_media and isinstance(given.facts[-1], StepEnded):
            return fx.CallAdopted(given.call, given.facts[:-1], given.lost_media)
        return given


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, RepeatsAfterARestart)
