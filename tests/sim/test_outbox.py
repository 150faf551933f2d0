"""What an office does not take is kept, made in order and once, and heard of as a promise, whenever a process dies."""

from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.effects_work import RetryWork
from keepline.call.exchange import Exchange
from keepline.call.facts import StepEnded, UseKept, UsePending, UseResolved, UseTried, WorkFact, WorkOpened
from keepline.call.record import record_of
from keepline.call.turn import Program
from keepline.call.unfinished.book import CONFLICT, ItemState, WorkBook
from keepline.call.unfinished.shown import shown
from keepline.flow import Call, Promised, Refused, Unavailable, flow
from keepline.flow.capabilities import UseOutcome, outcome_words, read_value, unanswered
from keepline.model.capability import (
    Capability,
    CapabilityAction,
    CapabilityPath,
    HttpService,
    Outbox,
)
from keepline.model.limits_capabilities import KEPT_AT_ONCE_MAX, KEPT_FAILURES_MAX, KEPT_PAUSE_S_MAX, KEPT_PAUSE_S_MIN
from keepline.model.operation import FlowReference, Number
from keepline.sim.caller import Plan
from keepline.sim.node import MakeExchange
from keepline.sim.office import SimOffice
from keepline.sim.world import BEGAN_S, World
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import Scene

AWAY_S = 300.0
KEEP_S = 7_200.0
CHANGE = CapabilityAction(timeout_s=2.0, changes=True, idempotent=True)
KEEPING = CapabilityAction(timeout_s=1.0, changes=True, idempotent=True, key="number")
SERVICE = HttpService("http://office.invalid", {})


def crm(at_once: int = 4) -> Capability:
    """An office, and what keeps its changes while it is away."""
    return Capability(
        "crm",
        (
            CapabilityPath("office", SERVICE, {"add": CHANGE, "note": CHANGE}),
            CapabilityPath("later", Outbox(KEEP_S, at_once), {"add": KEEPING, "note": replace(KEEPING, key="")}),
        ),
    )


@flow
async def adding(call: Call) -> None:
    made = await call.use("crm.add", number=call.from_number)
    await call.say("It is done." if made.ok else "We will." if isinstance(made, Promised) else "Not now.")
    await call.hangup()


@flow
async def noting(call: Call) -> None:
    await call.use("crm.note", number=call.from_number)
    await call.hangup()


FLOWS = {"adding": adding, "noting": noting}
NUMBERS = {"7000": Number("adding"), "7001": Number("noting")}


def making(at_once: int = 4) -> MakeExchange:
    """Exchanges with these capabilities."""
    found = replace(
        operation(),
        numbers=NUMBERS,
        capabilities={"crm": crm(at_once)},
        flows={name: FlowReference("flows", name) for name in FLOWS},
    )

    def make(seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(8)])
        exchange.add_program(Program(found, FLOWS), current=True)  # type: ignore[arg-type]
        return exchange

    return make


class Office(SimOffice):
    """One that is away for a while: what is sent is not taken, or taken without an answer."""

    def __init__(self, world: World, away_s: float, *, loses: bool = False) -> None:
        super().__init__(world)
        self.away_until_s = BEGAN_S + away_s
        self._loses = loses
        self.order: list[str] = []
        """What was done, by the number that it was about."""
        self.refuses: set[str] = set()
        self.breaks: set[str] = set()
        """Numbers that it fails at."""
        self.takes_calls = True
        """False: what is asked while a caller waits finds nobody."""

    def _outcome(self, wanted: fx.CallCapability) -> UseOutcome:
        number = str(read_value(wanted.arguments).get("number"))
        is_away = self._world.now_s < self.away_until_s
        if (is_away and not self._loses) or not (self.takes_calls or wanted.attempt > 2):
            return Unavailable("nobody is there")
        if number in self.breaks:
            return unanswered("500", changes=True)
        if number in self.refuses:
            return Refused(409, "taken")
        if not self.done[wanted.idempotency_key]:
            self.order.append(number)
        made = super()._outcome(wanted)
        return unanswered("the answer was lost", changes=True) if is_away else made


def scene_of(calls: list[tuple[float, str, str]], away_s: float = AWAY_S, *, at_once: int = 4, **more: bool) -> Scene:
    """Calls, each by its second, the number that it dials and the one that it comes from."""
    plans = [(at_s, Plan(to, from_number=number)) for at_s, to, number in calls]

    def prepare(scene: Scene) -> None:
        scene.node.office = Office(scene.world, away_s, **more)

    return Scene(plans, make=making(at_once), prepare=prepare, slot_count=8)


def of(scene: Scene, kind: type[WorkFact]) -> list[WorkFact]:
    return [fact for fact in scene.node.written if isinstance(fact, kind)]


def office_of(scene: Scene) -> Office:
    assert isinstance(scene.node.office, Office)
    return scene.node.office


def said(scene: Scene) -> list[str]:
    return [each.prompt.text for each in scene.node.media.log.started]


@pytest.mark.parametrize("loses", [False, True])
def test_what_the_office_does_not_take_is_promised_and_made_once(loses: bool) -> None:
    scene = scene_of([(0.0, "7000", "+1")], loses=loses)
    assert scene.run() == []
    assert said(scene) == ["We will."]
    assert list(office_of(scene).done.values()) == [1]
    [kept], [made] = of(scene, UseKept), of(scene, UseResolved)
    assert isinstance(kept, UseKept)
    assert (kept.path, kept.series, kept.sent_at_s > 0) == ("office", '"+1"', loses)
    assert isinstance(made, UseResolved)
    assert outcome_words(made.outcome) == "done"
    assert made.at_s - office_of(scene).away_until_s <= KEPT_PAUSE_S_MAX + 3.0
    assert not of(scene, UsePending)
    assert not of(scene, WorkOpened)
    steps = [(step.name, step.result) for step in record_of(scene.node.written).steps]
    assert steps[0][1].startswith("promised: office: un")
    assert steps[-1] == ("use crm.add", "resolved: done")


def test_an_office_that_is_there_is_asked_and_nothing_is_kept() -> None:
    scene = scene_of([(0.0, "7000", "+1")], away_s=0.0)
    assert scene.run() == []
    assert said(scene) == ["It is done."]
    assert not of(scene, UseKept)


def test_what_is_kept_is_made_in_the_order_of_its_lane() -> None:
    calls = [(10.0 * each, "7001", f"+{each}") for each in range(5)]
    scene = scene_of(calls, loses=False)
    assert scene.run(600.0) == []
    assert office_of(scene).order == [f"+{each}" for each in range(5)]
    assert [fact.at_s for fact in of(scene, UseResolved)] == sorted(fact.at_s for fact in of(scene, UseResolved))


def test_what_comes_while_its_like_is_kept_goes_behind_it() -> None:
    scene = scene_of([(0.0, "7001", "+1"), (31.0, "7001", "+2")], away_s=30.0)
    assert scene.run() == []
    assert office_of(scene).order == ["+1", "+2"]
    assert len(of(scene, UseKept)) == 2


def test_one_change_alone_tries_an_office_that_is_away() -> None:
    scene = scene_of([(0.1 * each, "7000", f"+{each}") for each in range(6)])
    assert scene.run(600.0) == []
    attempts = [each for each in office_of(scene).asked if each.attempt > 2]
    tries = of(scene, UseTried)
    assert len(tries) <= AWAY_S / KEPT_PAUSE_S_MIN
    assert len({fact.item for fact in tries}) > 1
    assert len(attempts) >= 6
    assert sum(office_of(scene).done.values()) == 6


@pytest.mark.parametrize("at_once", [1, 2, KEPT_AT_ONCE_MAX])
def test_lanes_are_made_beside_one_another(at_once: int) -> None:
    scene = scene_of([(0.1 * each, "7000", f"+{each}") for each in range(8)], at_once=at_once)
    assert scene.run(600.0) == []
    made_s = [fact.at_s for fact in of(scene, UseResolved)][1:]  # the first one shows that the office is back
    assert len({round(each, 3) for each in made_s}) == -(-7 // min(at_once, 7))


def test_what_the_office_refuses_is_a_conflict_and_holds_up_nothing() -> None:
    scene = scene_of([(0.0, "7001", "+1"), (1.0, "7001", "+2")])
    office_of(scene).refuses.add("+1")
    assert scene.run() == []
    assert office_of(scene).order == ["+2"]
    [item] = WorkBook(scene.node.written)
    told = shown(item)
    assert (told["about"], told["state"], told["why"]) == (CONFLICT, "open", "refused: 409 taken")
    assert (told["use"], told["path"], told["arguments"]) == ("crm.note", "office", {"number": "+1"})


def retry(scene: Scene, item: str, by: str = "Ana") -> str:
    assert scene.node.active is not None
    scene.node.log.work.clear()
    scene.node.active.feed(RetryWork(item, by))
    return scene.node.log.work[item]


def test_a_conflict_is_tried_again_under_another_key_or_dropped() -> None:
    scene = scene_of([(0.0, "7000", "+1")], away_s=30.0)
    office = office_of(scene)
    office.refuses.add("+1")
    assert scene.run() == []
    [item] = WorkBook(scene.node.written)
    assert "say who with --by" in retry(scene, item.id, " ")
    assert "nothing is kept under" in retry(scene, "0")
    assert retry(scene, item.id) == ""
    assert "is in no conflict" in retry(scene, item.id)
    scene.world.run(scene.world.now_s + 60.0)
    [item] = WorkBook(scene.node.written)
    assert item.state is ItemState.OPEN, "it is refused again"
    office.refuses.clear()
    assert retry(scene, item.id) == ""
    scene.world.run(scene.world.now_s + 60.0)
    assert not list(WorkBook(scene.node.written))
    assert list(office.done) == [f"{item.id}.2"]


def test_what_is_dropped_is_not_made() -> None:
    scene = scene_of([(0.0, "7001", "+1"), (1.0, "7001", "+2")])
    scene.world.run(BEGAN_S + 60.0)
    [first, _] = WorkBook(scene.node.written)
    assert first.state is ItemState.KEPT
    assert scene.node.active is not None
    scene.node.active.feed(fx.CloseWork(first.id, "Ana", "not-done", "they called again"))
    assert scene.run() == []
    assert office_of(scene).order == ["+2"]


def test_one_that_fails_while_others_are_taken_is_a_persons() -> None:
    scene = scene_of([(20.0 * each, "7000", f"+{each}") for each in range(12)], away_s=0.0)
    office = office_of(scene)
    office.takes_calls = False
    office.breaks.add("+0")
    assert scene.run(600.0) == []
    assert office.order == [f"+{each}" for each in range(1, 12)]
    [item] = WorkBook(scene.node.written)
    assert item.why.startswith("it fails again and again, and others are taken")
    assert len([fact for fact in of(scene, UseTried) if fact.item == item.id]) == item.attempts - 2
    assert item.attempts > KEPT_FAILURES_MAX


def test_what_is_kept_too_long_is_a_persons() -> None:
    scene = scene_of([(0.0, "7000", "+1")], away_s=1e9)
    assert scene.run() == []
    [opened] = of(scene, WorkOpened)
    assert isinstance(opened, WorkOpened)
    assert opened.why.startswith("it was kept for 72")
    assert scene.node.written[-1].at_s - opened.first_at_s <= KEEP_S + KEPT_PAUSE_S_MAX + 3.0


@pytest.mark.parametrize("hang_up_after_s", [None, 0.2])
@pytest.mark.parametrize("loses", [False, True])
def test_outbox_every_moment(loses: bool, hang_up_after_s: float | None) -> None:
    """Whenever the process dies: made once, in order, and nobody heard more than is so."""

    def scene() -> Scene:
        made = scene_of([(0.0, "7000", "+1"), (0.3, "7001", "+2"), (9.0, "7001", "+3")], 12.0, loses=loses)
        for caller in made.callers[:1]:
            caller.plan = replace(caller.plan, hang_up_after_s=hang_up_after_s)
        return made

    undisturbed = scene()
    assert undisturbed.run() == []
    for moment in range(undisturbed.node.moment):
        found = scene()
        found.node.dies_at = frozenset((moment,))
        what = f"death at moment {moment}"
        assert found.run() == [], what
        done = office_of(found).done
        assert set(done.values()) == {1}, what
        assert [each for each in office_of(found).order if each != "+1"] == ["+2", "+3"], what
        assert len(done) == 3 or hang_up_after_s is not None, what
        ends = [f for f in found.node.written if isinstance(f, StepEnded) and f.verb == "use"]
        kept = {fact.item for fact in of(found, UseKept)}
        promised = {f"{f.call}-{f.step}" for f in ends if f.value and outcome_words(f.value).startswith("promised")}
        assert promised <= kept, what
        assert kept == {fact.item for fact in of(found, UseResolved)}, what
