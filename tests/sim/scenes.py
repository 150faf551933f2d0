"""Worlds for the tests of the call core: a node with the test operation, and callers with plans."""

from collections.abc import Callable

from keepline.call.exchange import Exchange
from keepline.sim.callee import CalleePlan, SimCallees
from keepline.sim.caller import Plan, SimCaller
from keepline.sim.checks import is_unfinished, wrongs
from keepline.sim.network import CALM, Network, Weather
from keepline.sim.node import MakeExchange, SimNode
from keepline.sim.supervisor import SimSupervisor
from keepline.sim.wire import ObjectWire, TextWire
from keepline.sim.world import BEGAN_S, World
from tests.sim.operation import IDENTITY, program

NODE = ("203.0.113.5", 5060)
FAR_END = ("192.0.2.253", 5060)
"""Of the trunk by which calls go out."""
REST_S = 80.0
"""After the last caller is over: every timer of SIP and of media has run by then."""

UNFINISHED_LOOK_S = 300.0
UNFINISHED_S_MAX = 50_000.0
"""By then every doubt is resolved or a person's, and every run is over."""


def exchange_of(slot_count: int, kind: type[Exchange] = Exchange, *digests: str) -> MakeExchange:
    """Makes exchanges with the test operation and so many slots; of several versions new calls run the first."""
    ports = [40_000 + 2 * index for index in range(slot_count)]

    def make(seed: bytes) -> Exchange:
        exchange = kind(IDENTITY, seed, ports)
        for index, digest in enumerate(digests or ("a1",)):
            exchange.add_program(program(digest), current=not index)
        return exchange

    return make


class Scene:
    """One world with one node, ready to run."""

    def __init__(
        self,
        plans: list[tuple[float, Plan]],
        *,
        seed: int = 0,
        weather: Weather = CALM,
        slot_count: int = 4,
        make: MakeExchange | None = None,
        prepare: Callable[["Scene"], None] | None = None,
        callees: dict[str, CalleePlan] | None = None,
        supervised: bool = False,
        as_objects: bool = False,
    ) -> None:
        """`plans` are callers by the second at which each calls; `callees` are those who are called, by number.

        A node that is `supervised` has two calls processes; one that was stopped stays so until somebody sees to it.
        """
        self.world = World(seed)
        self.network = Network(self.world, weather, ObjectWire() if as_objects else TextWire())
        self.node = SimNode(self.world, self.network, NODE, make or exchange_of(slot_count), slot_count)
        self.callees = SimCallees(self.world, self.network, FAR_END)
        self.callees.plans |= callees or {}
        self.supervisor = SimSupervisor(self.world, self.node) if supervised else None
        self.callers = []
        for index, (at_s, plan) in enumerate(plans):
            caller = SimCaller(self.world, self.network, self.node.media, NODE, index, plan)
            self.callers.append(caller)
            self.world.at(BEGAN_S + 0.01 + at_s, caller.call)
        if prepare is not None:
            prepare(self)
        if self.supervisor is not None:
            self.supervisor.begin()
        else:
            self.node.start()

    def run(self, limit_s: float = 200.0) -> list[str]:
        """Run until everybody is done and all has come to rest, or for so long; what is wrong then."""
        while self.world.elapsed_s < limit_s and not all(caller.heard.outcome for caller in self.callers):
            self.world.run(self.world.now_s + 5.0)
        self.world.run(self.world.now_s + REST_S)
        while self.world.elapsed_s < UNFINISHED_S_MAX and is_unfinished(self.node):
            self.world.run(self.world.now_s + UNFINISHED_LOOK_S)
        found = wrongs(self.node, self.callers, self.callees, self.network.were_cut)
        return found + (self.supervisor.wrongs() if self.supervisor is not None else [])
