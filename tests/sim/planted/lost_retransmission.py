"""No datagram is sent twice: retransmissions are lost."""

from keepline.call import effects as fx
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 20


class NeverRepeats(MeddledExchange):
    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        fresh = [each for each in effects if not isinstance(each, fx.SendSip) or each.data not in self.sent]
        self.sent |= {each.data for each in fresh if isinstance(each, fx.SendSip)}
        return fresh


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, NeverRepeats)
