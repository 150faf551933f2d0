"""The slot of a call that was adopted is not given back."""

from keepline.call import effects as fx
from keepline.call.facts import CallEnded
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 10


class KeepsASlot(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        if isinstance(given, fx.CallAdopted):
            self.count += 1
        elif self.count and any(isinstance(each, fx.Persist) and isinstance(each.fact, CallEnded) for each in effects):
            self.count -= 1
            if self.slots.free:
                self.slots.free.pop()
        return effects


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, KeepsASlot)
