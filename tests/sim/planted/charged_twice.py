"""Each process asks for a change under a key of its own: what one has asked for, the next one asks for anew."""

from dataclasses import replace

from keepline.call import effects as fx
from keepline.call.turn import Identity
from tests.sim.planted.meddling import Effects, MeddledExchange, world_of
from tests.sim.scenes import Scene

WITHIN_SEEDS = 30


class ForgetsTheKey(MeddledExchange):
    def __init__(self, identity: Identity, seed: bytes, rtp_ports: list[int]) -> None:
        super().__init__(identity, seed, rtp_ports)
        self.own = seed.hex()

    def meddle(self, given: fx.Input, effects: Effects) -> Effects:
        return [
            replace(each, idempotency_key=f"{each.idempotency_key} {self.own}")
            if isinstance(each, fx.CallCapability)
            else each
            for each in effects
        ]


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return world_of(seed, ForgetsTheKey)
