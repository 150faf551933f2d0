"""Who takes over does not look for the runs that are due: they wait for ever."""

from keepline.call import effects as fx
from keepline.call.effects_run import ReadDue
from keepline.call.turn import Identity
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 10


class ForgetsRuns(MeddledExchange):
    def __init__(self, identity: Identity, seed: bytes, rtp_ports: list[int]) -> None:
        super().__init__(identity, seed, rtp_ports)
        self.is_first = seed == b"process 1"

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        return effects if self.is_first else [each for each in effects if not isinstance(each, ReadDue)]


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, ForgetsRuns)
