"""A call that rings gets another tag from a successor."""

from dataclasses import replace

from keepline.call import effects as fx
from tests.sim.planted.meddling import MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 10


class ForgetsTheTag(MeddledExchange):
    def mishear(self, given: fx.Input) -> fx.Input:
        if isinstance(given, fx.CallAdopted) and len(given.facts) == 1:
            return fx.CallAdopted(given.call, (replace(given.facts[0], local_tag="other"),))  # type: ignore[arg-type]
        return given


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, ForgetsTheTag)
