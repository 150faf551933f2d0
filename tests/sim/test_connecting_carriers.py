"""Callers who talk to somebody else while the first carrier is dead: whoever dies, they reach the callee once."""

from dataclasses import replace

import pytest

from keepline.call.exchange import Exchange
from keepline.call.facts import CallPlaced
from keepline.call.facts.bid import BidPlaced
from keepline.call.record import record_of
from keepline.call.turn import Program
from keepline.model.operation import OutboundCarrier, Trunk, TrunkOutbound
from keepline.sim.callee import CalleePlan
from keepline.sim.caller import Plan
from tests.sim.moments import OUTAGES_S, die_at_every_moment
from tests.sim.operation import IDENTITY, program
from tests.sim.scenes import Scene
from tests.sim.test_connecting import NUMBER, outcome

SCENES = {
    "callee_hangs_up": (Plan("6008"), CalleePlan(hang_up_after_s=4.0)),
    "early_media": (Plan("6008"), CalleePlan(has_early_media=True, hang_up_after_s=2.0)),
    "caller_hangs_up_while_it_rings": (Plan("6008", hang_up_after_s=4.0), CalleePlan(rings_s=7.0)),
    "caller_hangs_up_before_it_rings": (Plan("6008", hang_up_after_s=0.3), CalleePlan(rings_s=3.0)),
    "busy": (Plan("6008"), CalleePlan(486, rings_s=0.2)),
    "failed": (Plan("6008"), CalleePlan(500, rings_s=0.5)),
}

UNSURE = ("failed",)
"""Whoever takes over may hear the refusal and not that it rang before: then the dead carrier is still waited for."""


def carriers_program() -> Program:
    """The operation of the simulation, with a first carrier of whom nothing is ever heard."""
    usual = program()
    [trunk] = usual.operation.trunks
    dead = Trunk("dead", ("198.51.100.7/32",), outbound=TrunkOutbound("198.51.100.7", 5060))
    carriers = (OutboundCarrier("dead", 1), OutboundCarrier("carrier", 2))
    policy = replace(usual.operation.outbound, carriers=carriers, probe_every_s=0.0)
    return replace(usual, operation=replace(usual.operation, trunks=(trunk, dead), outbound=policy))


def make(seed: bytes) -> Exchange:
    exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
    exchange.add_program(carriers_program(), current=True)
    return exchange


def scene_of(name: str) -> Scene:
    plan, callee = SCENES[name]
    return Scene([(0.0, plan)], callees={NUMBER: callee}, make=make)


@pytest.mark.parametrize("name", SCENES)
def test_undisturbed(name: str) -> None:
    scene = scene_of(name)
    assert scene.run() == []
    [placed] = [fact for fact in scene.node.written if isinstance(fact, CallPlaced)]
    assert placed.carrier == "dead"
    bids = [fact for fact in scene.node.written if isinstance(fact, BidPlaced)]
    assert [bid.carrier for bid in bids] == ([] if name == "caller_hangs_up_before_it_rings" else ["carrier"])
    leg = record_of([fact for fact in scene.node.written if fact.call == placed.call])
    assert leg.state == "ended"
    if name in ("callee_hangs_up", "early_media"):
        assert (leg.carrier, leg.outcome) == ("carrier", "answered")


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", SCENES)
def test_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(lambda: scene_of(name), outage_s, None if name in UNSURE else outcome, name)
