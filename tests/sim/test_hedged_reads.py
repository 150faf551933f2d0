"""An office that is silent to some questions: a second path answers, whatever dies; no change is asked of two."""

from dataclasses import replace

from keepline.call.effects import CallCapability
from keepline.call.exchange import Exchange
from keepline.call.facts import StepEnded, UseRouted
from keepline.call.turn import Program
from keepline.flow import Call, flow
from keepline.flow.capabilities import Reply, UseOutcome, read_outcome, unanswered
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, Hedge, HttpService
from keepline.model.operation import Number
from keepline.sim.caller import Plan
from keepline.sim.world import World
from tests.sim.moments import OUTAGES_S, die_at_every_moment
from tests.sim.operation import IDENTITY, operation
from tests.sim.path_office import Outcome, PathOffice
from tests.sim.scenes import Scene

READ = {"status": CapabilityAction(timeout_s=4.0)}
CHANGE = {"book": CapabilityAction(timeout_s=2.0, changes=True, idempotent=True)}
OFFICE = Capability(
    "office",
    (
        CapabilityPath("first", HttpService("http://first.invalid", {}), READ | CHANGE),
        CapabilityPath("second", HttpService("http://second.invalid", {}), READ | CHANGE),
    ),
    Hedge(0.1, 0.5),
)


@flow
async def asks(call: Call) -> None:
    found = await call.use("office.status", number="100001")
    await call.say(f"It is {found.state}." if found.ok else "Not now.")
    booked = await call.use("office.book", number="100001")
    await call.say(f"Your receipt is {booked.receipt}." if booked.ok else "We will look into it.")
    await call.hangup()


class Slow(PathOffice):
    """The first path answers no question in time, and changes after 1 s; the second answers at once."""

    def __init__(self, world: World) -> None:
        super().__init__(world, {"office": OFFICE})
        self.paths_asked: list[tuple[str, str]] = []
        """Action and path."""

    def path_answers(self, wanted: CallCapability, path: CapabilityPath, left_s: float) -> tuple[float, Outcome]:
        self.paths_asked.append((wanted.action, path.name))
        if path.name == "first" and not wanted.changes:
            return left_s, lambda: unanswered("no answer in time", changes=False)
        return 1.0 if wanted.changes else 0.05, lambda: self._answer(wanted, path.name)

    def _answer(self, wanted: CallCapability, path: str) -> UseOutcome:
        key = wanted.idempotency_key
        if wanted.changes and not self.done[key]:
            self.done[key] += 1
        return Reply({"receipt": "300001"} if wanted.changes else {"state": f"as {path} has it"})


def make() -> Scene:
    """A caller, a reading and a change."""
    found = replace(operation(), numbers={"7000": Number("asks")}, capabilities={"office": OFFICE})

    def exchange(seed: bytes) -> Exchange:
        made = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
        made.add_program(Program(found, {"asks": asks}), current=True)  # type: ignore[dict-item]
        return made

    def prepare(scene: Scene) -> None:
        scene.node.office = Slow(scene.world)

    return Scene([(0.0, Plan("7000"))], make=exchange, prepare=prepare)


def office_of(scene: Scene) -> Slow:
    assert isinstance(scene.node.office, Slow)
    return scene.node.office


def uses(scene: Scene) -> list[StepEnded]:
    return [fact for fact in scene.node.written if isinstance(fact, StepEnded) and fact.verb == "use"]


def told(scene: Scene) -> list[object]:
    """What the flow was told."""
    return [read_outcome(fact.value) for fact in uses(scene)]


def test_a_caller_waits_for_the_hedge_and_not_for_the_silent_path() -> None:
    scene = make()
    assert scene.run() == []
    first, second = uses(scene)
    assert read_outcome(first.value) == Reply({"state": "as second has it"})
    assert 0.5 <= first.at_s - first.began_at_s < 0.6, "what little is known of it gives it the longest wait"
    (routed,) = [fact for fact in scene.node.written if isinstance(fact, UseRouted)]
    assert (routed.name, routed.path, routed.hedged, routed.after_s) == ("office.status", "second", "second", 0.5)
    assert routed.why.startswith("first was silent for 0.50 s, so second was asked too; second: done")
    assert second.at_s - second.began_at_s >= 1.0, "a change waits, however long its path is silent"
    assert ("book", "second") not in office_of(scene).paths_asked


def test_a_death_at_every_moment_changes_nothing_of_it() -> None:
    for outage_s in OUTAGES_S:
        die_at_every_moment(make, outage_s, told, "hedged")


def test_no_death_has_a_change_asked_of_two() -> None:
    moments = make()
    assert moments.run() == []
    for moment in range(moments.node.moment):
        scene = make()
        scene.node.dies_at = frozenset((moment,))
        assert scene.run() == []
        assert ("book", "second") not in office_of(scene).paths_asked
        assert list(scene.node.office.done.values()) == [1]
