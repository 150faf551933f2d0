"""A number's carrier dies and comes back, in virtual time: its node dies at every moment of its requests.

Whatever happens, it points where it should in the end, the portal never has two requests at once for one number, and
no request is done twice. The carriers' edges answer OPTIONS, and bring a call now and then to nobody.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keepline.call.effects import CallCapability, CapabilityAnswered
from keepline.call.exchange import Exchange
from keepline.call.facts import NumberFact
from keepline.call.facts.number import NumberAsked, NumberPointed
from keepline.call.numbers.book import NumberBook, NumberState
from keepline.flow.capabilities import Refused, Reply, UseOutcome, read_value
from keepline.model.capability import Capability
from keepline.model.failover import Failover
from keepline.model.operation import Number, Trunk, TrunkOutbound
from keepline.sim.network import Address
from keepline.sim.node import SimNode
from keepline.sim.office import SimOffice
from keepline.sim.world import BEGAN_S, World
from keepline.sip.message import Request, make_response, parse_message
from tests.sim.operation import IDENTITY, program
from tests.sim.scenes import Scene
from tests.spec.numbers_rig import FAILOVER, NORTH, NUMBER, PORTAL, SOUTH

DIES_S, BACK_S, ENDS_S = 2.0, 24.0, 48.0
QUICK = replace(FAILOVER, hold_s=4.0, silent_s=1.0)
LOOKING = replace(QUICK, look="where", field="target")


class SimPortal(SimOffice):
    """Points numbers; once for one key, however often it is asked."""

    def __init__(self, world: World, node: SimNode, refuses: int) -> None:
        super().__init__(world)
        self._node = node
        self.moments: list[int] = []
        """Of the node's, at which it was asked, and answered."""
        self.refuses = refuses
        self.target = "main"
        self.keys: list[str] = []
        """Of requests that were done, in order."""
        self.wrongs: list[str] = []
        self._under_way: dict[int, str] = {}

    def ask(self, wanted: CallCapability, answer: Callable[[CapabilityAnswered], None]) -> None:
        """One request; those under way are known by their keys."""
        self.moments.append(self._node.moment)
        self._world.after(self.answers_after_s, lambda: self.moments.append(self._node.moment))
        if wanted.changes:
            others = set(self._under_way.values()) - {wanted.idempotency_key}
            self.wrongs += [f"{wanted.idempotency_key} is asked while {each} is under way" for each in others]
            number = len(self.asked)
            self._under_way[number] = wanted.idempotency_key
            self._world.after(self.answers_after_s, lambda: self._under_way.pop(number))
        super().ask(wanted, answer)

    def _outcome(self, wanted: CallCapability) -> UseOutcome:
        if not wanted.changes:
            return Reply({"target": self.target})
        if self.refuses:
            self.refuses -= 1
            return Refused(409, "not now")
        if wanted.idempotency_key not in self.keys:
            self.keys.append(wanted.idempotency_key)
            self.target = str(read_value(wanted.arguments)["to"])
        return Reply({"target": self.target})


class Edge:
    """A carrier's address: it answers OPTIONS while it lives."""

    def __init__(self, scene: Scene, address: Address) -> None:
        self.is_dead = False
        self._scene, self._address = scene, address
        scene.network.join(address, lambda data, source: self._receive(data, (source[0], source[1])))

    def _receive(self, data: bytes, source: Address) -> None:
        message = parse_message(data)
        if isinstance(message, Request) and message.method == "OPTIONS" and not self.is_dead:
            self._scene.network.send(make_response(message, 200, to_tag="edge").encode(), self._address, source)


class Moving(Scene):
    """A world with a number, its carrier that dies for a while, and a portal."""

    def __init__(self, failover: Failover = QUICK, *, loses: int = 0, refuses: int = 0) -> None:
        self.failover = failover
        self.loses, self.refuses = loses, refuses
        super().__init__([], make=self._make, prepare=self._prepare)

    def _make(self, seed: bytes) -> Exchange:
        usual = program()
        trunks = tuple(
            Trunk(name, (f"{at[0]}/32",), outbound=TrunkOutbound(*at))
            for name, at in (("north", NORTH), ("south", SOUTH))
        )
        numbers = {NUMBER: Number("hold", carrier="north", failover=self.failover)}
        capabilities: dict[str, Capability] = {"portal": PORTAL}
        operation = replace(usual.operation, trunks=trunks, numbers=numbers, capabilities=capabilities)
        exchange = Exchange(IDENTITY, seed, [40_000, 40_002])
        exchange.add_program(replace(usual, operation=operation), current=True)
        return exchange

    def _prepare(self, _: Scene) -> None:
        self.portal = self.node.office = SimPortal(self.world, self.node, self.refuses)
        self.portal.loses_answers, self.portal.answers_after_s = self.loses, 0.3
        self.north, self.south = Edge(self, NORTH), Edge(self, SOUTH)
        self.world.at(BEGAN_S + DIES_S, lambda: setattr(self.north, "is_dead", True))
        self.world.at(BEGAN_S + BACK_S, lambda: setattr(self.north, "is_dead", False))

    def run(self, limit_s: float = ENDS_S) -> list[str]:
        """To the end; what is wrong then."""
        self.world.run(BEGAN_S + limit_s)
        facts = [each for each in self.node.written if isinstance(each, NumberFact)]
        asked = [each for each in facts if isinstance(each, NumberAsked)]
        found = [*self.portal.wrongs, *self.node.log.two_hands]
        standing = NumberBook(facts).of(NUMBER)
        if standing.state is not NumberState.HOME or self.portal.target != "main":
            found.append(f"it is {standing.state.value}, and points to {self.portal.target}")
        if set(self.portal.keys) - {each.key for each in asked}:
            found.append("something was done that was never on record")
        if len({each.key for each in asked}) < len(asked):
            found.append("two requests have one key")
        return found

    @property
    def done(self) -> list[str]:
        """Where it was pointed, in order."""
        return [each.to for each in self.node.written if isinstance(each, NumberPointed)]


SCENES: dict[str, Callable[[], Moving]] = {
    "done": Moving,
    "answers_lost": lambda: Moving(loses=2),
    "looked_at": lambda: Moving(LOOKING, loses=1),
}


@pytest.mark.parametrize("name", SCENES)
def test_undisturbed(name: str) -> None:
    scene = SCENES[name]()
    assert scene.run() == []
    assert scene.done == ["away", "home"]


def test_a_refusal_is_tried_again_until_its_reason_is_gone() -> None:
    scene = Moving(refuses=100)
    assert scene.run() == []
    assert (scene.done, scene.portal.keys) == ([], [])


NEAR = 12
"""Moments before and after each request, all of which are tried; of the others each tenth."""


@pytest.mark.parametrize(
    ("name", "outage_s"), [("done", 0.02), ("done", 1.3), ("answers_lost", 1.3), ("looked_at", 0.02)]
)
def test_every_moment_of_its_requests(name: str, outage_s: float) -> None:
    whole = SCENES[name]()
    whole.run()
    asked_at = whole.portal.moments
    near = {moment for at in asked_at for moment in range(at - NEAR, at + NEAR)}
    wrong = []
    for moment in sorted(near | set(range(0, whole.node.moment, 10))):
        scene = SCENES[name]()
        scene.node.outage_s = outage_s
        scene.node.dies_at = frozenset((moment,))
        found = scene.run()
        if scene.done != ["away", "home"]:
            found.append(f"it was pointed {scene.done}")
        wrong += [f"{name}, moment {moment}, away for {outage_s} s: {each}" for each in found]
    assert wrong == []
