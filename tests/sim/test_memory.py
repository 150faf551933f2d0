"""What a node's core keeps: nothing of calls that have ended, however many there were, and a deadline of each kind."""

import gc
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType

from structlog.testing import capture_logs

from keepline.sim.network import Network
from keepline.sim.node import SimNode
from keepline.sim.wire import TextWire
from keepline.sim.world import BEGAN_S, World
from tests.sim.crm_office import Crm
from tests.sim.crm_outage import Callers, Ran, Record, node_of, retailer

OUTSIDE = (
    type, ModuleType, FunctionType, BuiltinFunctionType, CodeType, FrameType, World, Network, SimNode, TextWire,
)  # fmt: skip
"""Where the core ends: code, and the world that it is in."""
REST_S = 120.0


def objects_of(root: object) -> int:
    """How many objects are reached from one."""
    seen, todo = {id(root)}, [root]
    for each in todo:
        found = [one for one in gc.get_referents(each) if id(one) not in seen and not isinstance(one, OUTSIDE)]
        fresh = {id(one): one for one in found}
        seen.update(fresh)
        todo += fresh.values()
    return len(todo)


def world_of(away_s: tuple[float, float] | None, rate: float) -> tuple[World, SimNode, Callers, Ran]:
    """A retailer whose node runs."""
    program, world, ran = retailer(), World(3), Ran()
    network, node = node_of(program, world)
    node.office = Crm(world, program, away_s)
    node.written = Record(ran)
    callers = Callers(world, network, node, program, rate, 3)
    node.start()
    return world, node, callers, ran


def test_a_call_that_has_ended_leaves_nothing_behind() -> None:
    with capture_logs():
        world, node, callers, ran = world_of((BEGAN_S + 20, BEGAN_S + 60), 3.0)
        kept, calls = [], []
        for _ in range(4):
            callers.until_s = world.now_s + 40.0
            callers.come()
            world.run(callers.until_s + REST_S)
            callers.until_s = world.now_s + 0.001
            callers.come()  # by whom those before are forgotten
            world.run(world.now_s + REST_S)
            assert node.exchange is not None
            assert not node.exchange.live_calls
            kept.append(objects_of(node.exchange))
            calls.append(ran.calls)
    assert kept[-1] - kept[1] < (calls[-1] - calls[1]) / 4, f"{kept} objects after {calls} calls"


def test_an_incident_that_lasts_asks_for_no_more_than_it_has_to_look_at() -> None:
    """Each look of its second put another deadline beside that of the next promised message."""
    with capture_logs():
        world, node, callers, _ = world_of((BEGAN_S + 10, BEGAN_S + 3600), 1.0)
        callers.until_s = BEGAN_S + 120
        callers.come()
        world.run(BEGAN_S + 600)
        exchange = node.exchange
        assert exchange is not None
        assert exchange.follower.book.open  # type: ignore[attr-defined]
        assert len(exchange.agenda.of_kind("follow")) <= 4
