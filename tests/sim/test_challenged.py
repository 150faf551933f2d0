"""Callers whose side asks for a proof of our BYE and REFER; the process dies at every moment of such a call."""

from dataclasses import replace

import pytest

from keepline.call.exchange import Exchange
from keepline.model.capability import SecretRef
from keepline.model.operation import TrunkOutbound
from keepline.sim.caller import Plan
from keepline.sim.network import STORM
from tests.sim.moments import OUTAGES_S, die_at_every_moment
from tests.sim.operation import program
from tests.sim.scenes import Scene, exchange_of

SECRET, PASSWORD = SecretRef("env", "CARRIER"), "sesame"
SCENES = {
    "bye": (Plan("6000", challenges=PASSWORD), {"BYE"}),
    "transferred": (Plan("6007", transfer=(202, 100, 180, 200), challenges=PASSWORD), {"REFER", "BYE"}),
    "transfer_busy": (Plan("6007", transfer=(202, 486), challenges=PASSWORD), {"REFER", "BYE"}),
    "transferred_by_tcp": (
        Plan("6007", transfer=(202, 200), challenges=PASSWORD, transport="tcp"),
        {"REFER", "BYE"},
    ),
}


def make(seed: bytes) -> Exchange:
    """An exchange of the operation whose trunk has a password."""
    usual = program()
    outbound = TrunkOutbound("192.0.2.253", 5060, username="shop", password=SECRET)
    trunks = tuple(replace(trunk, outbound=outbound) for trunk in usual.operation.trunks)
    exchange = exchange_of(4)(seed)
    operation = replace(usual.operation, trunks=trunks)
    exchange.add_program(replace(usual, operation=operation, passwords={SECRET: PASSWORD}), current=True)
    return exchange


def scene(name: str) -> Scene:
    return Scene([(0.0, SCENES[name][0])], make=make)


@pytest.mark.parametrize("name", SCENES)
def test_rfc3261_22_2_undisturbed(name: str) -> None:
    world = scene(name)
    assert world.run() == []
    assert world.callers[0].heard.proofs == SCENES[name][1]
    assert world.callers[0].heard.outcome == "was hung up on"


def told(world: Scene) -> tuple[set[str], str]:
    """By what the caller was shown the password, and how its call ended."""
    return world.callers[0].heard.proofs, world.callers[0].heard.outcome


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", SCENES)
def test_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(lambda: scene(name), outage_s, told, name)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["bye", "transferred"])
def test_in_a_storm(name: str, seed: int) -> None:
    world = Scene([(0.0, SCENES[name][0])], make=make, seed=seed, weather=STORM)
    world.node.dies_at = frozenset((world.world.random.randrange(20),))
    assert world.run() == []
    assert world.node.log.deaths == 1
    assert world.callers[0].heard.proofs == SCENES[name][1]
