"""A node that registers at its trunk, in virtual time, and takes a call meanwhile; it dies at every moment of it."""

from dataclasses import replace

import pytest

from keepline.call.exchange import Exchange
from keepline.model.capability import SecretRef
from keepline.model.operation import TrunkOutbound, TrunkRegistration
from keepline.sim.caller import Plan
from keepline.sim.network import STORM
from keepline.sim.registrar import SimRegistrar
from tests.sim.operation import IDENTITY, program
from tests.sim.scenes import Scene

REGISTRAR = ("192.0.2.252", 5060)
SECRET, PASSWORD = SecretRef("env", "CARRIER"), "sesame"
BINDS_S = 60
OUTBOUND = TrunkOutbound(*REGISTRAR, "udp", "shop", SECRET)
WANTED = TrunkRegistration("carrier.example", "shop", "1000", BINDS_S)


def make(seed: bytes, password: str = PASSWORD) -> Exchange:
    """An exchange of the operation whose trunk registers."""
    usual = program()
    trunks = tuple(replace(trunk, outbound=OUTBOUND, registration=WANTED) for trunk in usual.operation.trunks)
    exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)], b"of the node")
    registering = replace(usual, operation=replace(usual.operation, trunks=trunks), passwords={SECRET: password})
    exchange.add_program(registering, current=True)
    return exchange


class Registered(Scene):
    """A world with a registrar, and a caller."""

    def __init__(self, **more: object) -> None:
        super().__init__([(1.0, Plan("2000", hang_up_after_s=3.0))], make=make, prepare=self._prepare, **more)  # type: ignore[arg-type]

    def _prepare(self, _: Scene) -> None:
        self.registrar = SimRegistrar(self.world, self.network, REGISTRAR, PASSWORD, BINDS_S)

    def run(self, limit_s: float = 200.0) -> list[str]:
        found = super().run(limit_s) + self.registrar.wrongs
        if self.registrar.until_s is None or self.registrar.until_s < self.world.now_s:
            found.append("it is not registered")
        found += [f"nobody was registered for {gap_s:.1f} s" for gap_s in self.registrar.gaps_s]
        if self.registrar.registrants > 1:
            found.append(f"it registered under {self.registrar.registrants} Call-IDs")
        return found


def test_rfc3261_10_2_4_undisturbed() -> None:
    world = Registered()
    assert world.run() == []
    assert world.registrar.bindings >= 2, "it is renewed"
    assert world.callers[0].heard.outcome == "hung up"


@pytest.mark.parametrize("outage_s", [0.02, 1.3])
def test_every_moment(outage_s: float) -> None:
    undisturbed = Registered()
    undisturbed.run()
    for moment in range(undisturbed.node.moment):
        world = Registered()
        world.node.dies_at = frozenset((moment,))
        world.node.outage_s = outage_s
        assert world.run() == [], f"outage {outage_s} s, death at moment {moment}"
        assert world.node.log.deaths == 1
        assert world.callers[0].heard.outcome == "hung up"


def test_rfc3261_10_3_a_successor_that_is_too_quick_is_heard_in_the_end() -> None:
    """Two REGISTERs of one quarter of a second have CSeqs that do not grow from one process to the next."""
    refused = 0
    for moment in range(8):
        world = Registered()
        world.node.dies_at = frozenset((moment,))
        world.node.outage_s = 0.01
        assert world.run() == []
        refused += world.registrar.out_of_order
    assert refused


@pytest.mark.parametrize("seed", range(20))
def test_in_a_storm(seed: int) -> None:
    world = Registered(seed=seed, weather=STORM)
    world.node.dies_at = frozenset((world.world.random.randrange(20),))
    assert world.run() == []
    assert world.node.log.deaths == 1
