"""A prompt is asked for under another number after a switch-over."""

from dataclasses import replace

from keepline.call import effects as fx
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 5


class PlaysAgain(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        woken = any(isinstance(each, fx.InspectMedia) for each in effects)
        return [
            replace(each, number=each.number + 1) if woken and isinstance(each, fx.PlayPrompt) else each
            for each in effects
        ]


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, PlaysAgain)
