"""One fact in twenty is never written."""

from keepline.call import effects as fx
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 5


class LosesAFact(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        kept: Effects = []
        for effect in effects:
            self.count += isinstance(effect, fx.Persist)
            if not isinstance(effect, fx.Persist) or self.count % 20:
                kept.append(effect)
        return kept


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, LosesAFact)
