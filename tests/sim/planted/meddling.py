"""How a bug gets into a world: an exchange whose inputs or effects are meddled with on their way."""

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.turn import Identity
from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

Effects = list[fx.Effect]


class MeddledExchange(Exchange):
    """As it stands it changes nothing."""

    def __init__(self, identity: Identity, seed: bytes, rtp_ports: list[int]) -> None:
        super().__init__(identity, seed, rtp_ports)
        self.count = 0
        self.sent: set[bytes] = set()

    def step(self, now_s: float, given: fx.Input) -> Effects:
        return self.meddle(given, super().step(now_s, self.mishear(given)))

    def mishear(self, given: fx.Input) -> fx.Input:
        """What the core gets instead of its input."""
        return given

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        """What the shell gets instead of its effects."""
        return effects


def world_of(seed: int, kind: type[Exchange]) -> Scene:
    """The random world of a seed, whose processes have exchanges of this kind."""
    return random_scene(seed, kind=kind)
