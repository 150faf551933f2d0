"""The end of a call is recorded again when media says so."""

from keepline.call import effects as fx
from keepline.call.facts import CallEnded
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 5


class EndsTwice(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        ends = [each for each in effects if isinstance(each, fx.Persist) and isinstance(each.fact, CallEnded)]
        return [*effects, *ends] if isinstance(given, fx.MediaStopped) else effects


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, EndsTwice)
