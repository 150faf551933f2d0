"""A run's change goes on to the next path where the one before has certainly done nothing, and nowhere else."""

from dataclasses import replace

import pytest

from keepline.call.effects import CallCapability
from keepline.call.effects_run import StartRun
from keepline.call.exchange import Exchange
from keepline.call.facts import UsePending
from keepline.call.facts.run import RunEnded, RunUseStarted
from keepline.call.turn import Program
from keepline.flow import Run, flow
from keepline.flow.capabilities import Reply, Unavailable, Unknown, UseOutcome
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, Deferred, HttpService
from keepline.sim.world import BEGAN_S, World
from tests.sim.moments import OUTAGES_S
from tests.sim.operation import IDENTITY, operation
from tests.sim.path_office import Outcome, PathOffice
from tests.sim.scenes import Scene

RUN = "r" + "0" * 15
CHANGE = {"book": CapabilityAction(timeout_s=2.0, changes=True, idempotent=True)}
OFFICE = Capability(
    "office",
    (
        CapabilityPath("first", HttpService("http://first.invalid", {}), CHANGE),
        CapabilityPath("second", HttpService("http://second.invalid", {}), CHANGE),
        CapabilityPath("promise", Deferred(), {"book": CapabilityAction(changes=True, flow="books")}),
    ),
)


@flow
async def books(run: Run) -> str:
    booked = await run.use("office.book", number="100001")
    return str(booked.by) if booked.ok else type(booked).__name__


class Two(PathOffice):
    """What the first path says is given; the second does as it is told."""

    def __init__(self, world: World, *says: UseOutcome) -> None:
        super().__init__(world, {"office": OFFICE})
        self.says = dict(zip(("first", "second"), says, strict=False))
        self.paths_asked: list[str] = []

    def path_answers(self, wanted: CallCapability, path: CapabilityPath, left_s: float) -> tuple[float, Outcome]:
        self.paths_asked.append(path.name)
        return 0.3, lambda: self._answer(wanted.idempotency_key, path.name)

    def _answer(self, key: str, path: str) -> UseOutcome:
        if path in self.says:
            return self.says[path]
        self.done[key] = 1
        return Reply({"by": path})


def scene(*says: UseOutcome) -> Scene:
    found = replace(operation(), capabilities={"office": OFFICE})

    def make(seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000])
        exchange.add_program(Program(found, {"books": books}), current=True)  # type: ignore[dict-item]
        return exchange

    def prepare(scene: Scene) -> None:
        scene.node.office = Two(scene.world, *says)
        scene.world.at(BEGAN_S + 1.0, scene.node.ask, StartRun("books", RUN))

    return Scene([], make=make, prepare=prepare, slot_count=1)


def asked(scene: Scene) -> list[str]:
    assert isinstance(scene.node.office, Two)
    return scene.node.office.paths_asked


def came_to(scene: Scene) -> list[str]:
    return [fact.value for fact in scene.node.written if isinstance(fact, RunEnded)]


AWAY = Unavailable("no connection")


def test_the_next_path_is_asked_where_the_first_has_surely_not_done_it() -> None:
    world = scene(AWAY)
    assert world.run() == []
    assert (asked(world), came_to(world)) == (["first", "second"], ['"second"'])
    facts = [fact for fact in world.node.written if isinstance(fact, RunUseStarted)]
    assert [(fact.path, fact.attempt, fact.path_attempt) for fact in facts] == [("first", 1, 1), ("second", 2, 2)]
    assert facts[1].why == "first: unavailable: no connection"


def test_what_only_promises_is_no_path_of_a_run() -> None:
    world = scene(AWAY, AWAY)
    assert world.run() == []
    assert (asked(world), came_to(world)) == (["first", "second"], ['"Unavailable"'])


def test_while_it_may_have_been_done_nobody_else_is_asked() -> None:
    world = scene(Unknown("its answer was lost"))
    office = world.node.office
    assert isinstance(office, Two)
    world.world.at(BEGAN_S + 200.0, lambda: office.says.clear())
    assert world.run() == []
    assert set(asked(world)) == {"first"}
    [pending] = [fact for fact in world.node.written if isinstance(fact, UsePending)]
    assert (pending.path, came_to(world)) == ("first", ['"Pending"'])
    assert list(office.done.values()) == [1]


@pytest.mark.parametrize("outage_s", OUTAGES_S)
def test_no_death_has_it_made_twice(outage_s: float) -> None:
    undisturbed = scene(AWAY)
    assert undisturbed.run() == []
    for moment in range(undisturbed.node.moment):
        world = scene(AWAY)
        world.node.dies_at, world.node.outage_s = frozenset((moment,)), outage_s
        assert world.run() == [], moment
        office = world.node.office
        assert isinstance(office, Two)
        if came_to(world) == ['"second"']:
            assert list(office.done.values()) == [1], moment
        elif came_to(world):  # what was sent before the death may have been done: it stays with the first path
            assert (came_to(world), set(asked(world)), len(office.done)) == (['"Pending"'], {"first"}, 0), moment
        else:  # a death before its start was on record
            assert asked(world) == []
