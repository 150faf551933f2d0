"""A successor gives the stream another identity."""

from dataclasses import replace

from keepline.call import effects as fx
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 5


class OpensAnew(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        woken = any(isinstance(each, fx.InspectMedia) for each in effects)
        return [
            replace(each, ssrc=each.ssrc ^ 1) if woken and isinstance(each, fx.OpenMedia) else each for each in effects
        ]


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, OpensAnew)
