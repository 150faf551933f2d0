"""Flows without a caller, whose process dies at every moment: nothing is lost, nothing is done twice, days pass."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from keepline.call.effects_run import StartRun, TellEvent
from keepline.call.exchange import Exchange
from keepline.call.facts import CallPlaced
from keepline.call.facts.run import EventTold, RunEnded, RunStarted, RunStepEnded
from keepline.call.runs.starting import version_for
from keepline.call.runs.state import fold
from keepline.call.turn import Program
from keepline.flow import Call, HungUp, Overdue, Raised, Reply, Run, StartFlow, flow
from keepline.flow.engine import FlowFunction
from keepline.model.operation import FlowReference, Number, TrunkOutbound
from keepline.sim.callee import CalleePlan
from keepline.sim.caller import Plan
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import FAR_END, Scene
from tests.sim.test_uses import OFFICE

RUN = "r" + "0" * 15
DAY_S = 86_400.0


@flow
async def orders(run: Run) -> str:
    """Read, change, wait for days, change again."""
    await run.use("office.status", number="1")
    first = await run.use("office.book")
    await run.wait(3 * DAY_S)
    second = await run.use("office.book")
    await run.outcome("sent", receipt=second.receipt)
    return f"{first.receipt} {second.receipt}"


@flow
async def sums(run: Run) -> int:
    """Three children, one of them with a key that is used twice."""
    started = [await run.start("part", number=each) for each in (1, 2)]
    started += [await run.start("part", key="three", number=3), await run.start("part", key="three", number=4)]
    ended = [await run.join(each) for each in started]
    return sum(each.value for each in ended)


@flow
async def part(run: Run) -> int:
    """A child that takes a while."""
    await run.wait(float(run.variables["number"]))
    return int(run.variables["number"])


@flow
async def hears(run: Run) -> str:
    """Two events, and one that never comes."""
    first = await run.wait_for("paid", "17")
    second = await run.wait_for("paid", "17", timeout_s=DAY_S)
    third = await run.wait_for("paid", "18", timeout_s=DAY_S)
    assert isinstance(third, Overdue)
    return f"{first.amount} {second.amount if isinstance(second, Reply) else 'nothing'}"


@flow
async def fails(run: Run) -> None:
    """A child that fails, and one that is not there."""
    broken = await run.join(await run.start("breaks"))
    assert isinstance(broken, Raised)
    assert "no luck" in broken.error
    missing = await run.join("r123456789abcdef")
    assert isinstance(missing, Raised)
    late = await run.join(await run.start("hears"), timeout_s=5.0)
    assert isinstance(late, Overdue)


@flow
async def daily(run: Run) -> None:
    """Each day starts the next one, as the how-to has it."""
    due = datetime.fromisoformat(run.variables["at"])
    await run.wait(max(0.0, due.timestamp() - run.now_s))
    tomorrow = due + timedelta(days=1)
    while tomorrow.timestamp() < run.now_s:
        tomorrow += timedelta(days=1)
    await run.start("daily", key=tomorrow.isoformat(), at=tomorrow.isoformat())
    await run.use("office.book")


@flow
async def decides(run: Run) -> str:
    told = await run.wait_for("decided")
    return f"{told.approved} {told.by['name']}"


@flow
async def breaks(_run: Run) -> None:
    raise RuntimeError("no luck")


@flow
async def calls_back(run: Run) -> str:
    """Call until somebody answers, at most three times."""
    for _ in range(3):
        called = await run.call_out("+18005550111", "confirm", order="4711")
        if called.ok:
            return str(called.outcome)
        await run.wait(600.0)
    return "nobody"


@flow
async def confirm(call: Call) -> None:
    await call.outcome(f"confirmed_{call.variables['order']}")
    await call.hangup()


@flow
async def promises(call: Call) -> None:
    """A caller who hangs up is to be called back, once, by whatever way the flow gets there."""
    try:
        await call.start("part", key=f"ticket-{call.from_number}", number=2)
        await call.wait(60.0)
    except HungUp:
        await call.start("part", key=f"ticket-{call.from_number}", number=2)
        await call.start("part", number=1)


FLOWS: dict[str, FlowFunction] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (orders, sums, part, hears, daily, decides, fails, breaks, calls_back, confirm, promises)
}


def make(seed: bytes) -> Exchange:
    """An exchange whose operation has these flows."""
    exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
    base = operation()
    trunks = (replace(base.trunks[0], outbound=TrunkOutbound(*FAR_END)),)
    flows = {name: FlowReference("flows", name) for name in FLOWS}
    numbers = {"8000": Number("promises")}
    changed = replace(base, trunks=trunks, flows=flows, numbers=numbers, capabilities={"office": OFFICE})
    exchange.add_program(Program(changed, FLOWS), current=True)
    return exchange


class Runs:
    """A node on which one run is asked for, and what became of it."""

    def __init__(self, name: str, told: tuple[tuple[float, str], ...] = (), plans: tuple[Plan, ...] = ()) -> None:
        callees = {"+18005550111": CalleePlan(200, 1.0)}
        self.scene = Scene([(0.0, plan) for plan in plans], make=make, callees=callees)
        self.node, self.world, self.callees = self.scene.node, self.scene.world, self.scene.callees
        self.began_s = self.world.now_s
        if name:
            self.world.after(0.1, lambda: self.node.ask(StartRun(name, RUN)))
        for index, (after_s, amount) in enumerate(told):
            given = TellEvent("paid", "17", f"e{index:015x}", (("amount", amount),))
            self.world.after(after_s, lambda given=given: self.node.ask(given))  # type: ignore[misc]

    def say(self, given: TellEvent) -> None:
        """Tell of it, whether that was answered before or not."""
        self.node.runs.answered.pop(given.id, None)
        self.node.ask(given)

    def pass_days(self, days: float) -> None:
        self.world.run(self.began_s + days * DAY_S)

    def ended(self, run: str = RUN) -> RunEnded | None:
        facts = [fact for fact in self.node.written if fact.call == run]
        return fold(tuple(facts)).ended if facts else None

    @property
    def result(self) -> tuple[object, ...]:
        """What a person can tell of it, ids and times left out."""
        ended = [fact for fact in self.node.written if isinstance(fact, RunEnded)]
        told = [(fact.ending, fact.value, fact.outcome) for fact in ended]
        return sorted(told), sorted(self.node.office.done.items()), len(self.callees.called("+18005550111"))


EVENTS = {
    "before": ((0.01, "1"), (0.02, "2")),
    "between": ((0.01, "1"), (40.0, "2")),
    "after": ((30.0, "1"), (DAY_S, "2")),
    "late": ((30.0, "1"), (2 * DAY_S, "2")),
}
SCENES: dict[str, Callable[[], Runs]] = {
    "orders": lambda: Runs("orders"),
    "sums": lambda: Runs("sums"),
    "fails": lambda: Runs("fails"),
    "calls_back": lambda: Runs("calls_back"),
    **{f"hears_{name}": lambda told=told: Runs("hears", told) for name, told in EVENTS.items()},  # type: ignore[misc]
    "promises": lambda: Runs("", plans=(Plan("8000", hang_up_after_s=3.0),)),
}


@pytest.mark.parametrize("name", SCENES)
def test_undisturbed(name: str) -> None:
    runs = SCENES[name]()
    runs.pass_days(5)
    assert runs.node.log.deaths == 0
    open_ = [fact.call for fact in runs.node.written if isinstance(fact, RunStarted) and runs.ended(fact.call) is None]
    assert len(open_) == (name == "fails")  # its child waits for ever
    assert [report.event for report in runs.node.log.reports if report.event.startswith("run_")] == []


def test_what_they_come_to() -> None:
    results = {}
    for name, make_runs in SCENES.items():
        runs = make_runs()
        runs.pass_days(5)
        over = runs.ended()
        results[name] = (over.ending, over.value, over.outcome) if over is not None else None
    assert results == {
        "orders": ("returned", f'"{RUN[-4:]}-1 {RUN[-4:]}-3"', "sent"),
        "sums": ("returned", "9", ""),
        "fails": ("returned", "null", ""),
        "calls_back": ("returned", '"confirmed_4711"', ""),
        "hears_before": ("returned", '"1 2"', ""),
        "hears_between": ("returned", '"1 2"', ""),
        "hears_after": ("returned", '"1 2"', ""),
        "hears_late": ("returned", '"1 nothing"', ""),
        "promises": None,
    }


@pytest.mark.parametrize("outage_s", [0.02, 1.3])
@pytest.mark.parametrize("name", SCENES)
def test_every_moment(name: str, outage_s: float) -> None:
    undisturbed = SCENES[name]()
    undisturbed.pass_days(5)
    for moment in range(undisturbed.node.moment):
        runs = SCENES[name]()
        runs.node.dies_at = frozenset((moment,))
        runs.node.outage_s = outage_s
        runs.pass_days(5)
        assert runs.node.log.deaths == 1
        assert runs.result == undisturbed.result, f"{name}, outage {outage_s} s, death at moment {moment}"
        assert [report for report in runs.node.log.reports if report.event.startswith("run_")] == []


def test_a_node_that_is_down_for_days_goes_on_with_what_is_overdue() -> None:
    runs = Runs("orders")
    runs.pass_days(1)
    runs.node.outage_s = 10 * DAY_S
    runs.node.die()
    runs.pass_days(10)
    assert runs.ended() is None
    runs.pass_days(12)
    over = runs.ended()
    assert over is not None
    assert over.at_s < runs.began_s + 11 * DAY_S + 5.0


def test_a_waiting_run_is_not_in_memory_and_costs_a_successor_nothing() -> None:
    runs = Runs("orders")
    runs.pass_days(1)
    assert runs.node.exchange is not None
    assert runs.node.exchange.runs.resident == {}
    runs.node.die()
    runs.pass_days(2)
    assert runs.node.exchange.runs.resident == {}
    steps = [fact.verb for fact in runs.node.written if isinstance(fact, RunStepEnded)]
    assert steps == ["use", "use"]


def test_an_event_is_told_once_however_often_it_is_said() -> None:
    runs = Runs("hears", told=((1.0, "1"),))
    given = TellEvent("paid", "17", f"e{0:015x}", (("amount", "1"),))
    runs.pass_days(0.1)
    runs.say(given)
    runs.node.die()
    runs.pass_days(0.2)
    runs.say(given)
    runs.pass_days(0.3)
    assert len([fact for fact in runs.node.written if isinstance(fact, EventTold)]) == 1


def test_an_id_of_an_event_is_not_taken_for_another() -> None:
    runs = Runs("hears", told=((1.0, "1"),))
    runs.pass_days(0.1)
    id_ = f"e{0:015x}"
    others = [TellEvent("paid", "17", id_, (("amount", "2"),)), TellEvent("paid", "18", id_, (("amount", "1"),))]
    for days, other in enumerate(others, 1):
        runs.say(other)
        runs.pass_days(days)
        answer = runs.node.runs.answered[id_]
        assert "other fields" in answer.mistake or "something else" in answer.mistake
    runs.say(TellEvent("paid", "17", id_, (("amount", "1"),)))
    runs.pass_days(3)
    assert runs.node.runs.answered[id_].known
    assert len([fact for fact in runs.node.written if isinstance(fact, EventTold)]) == 1


def test_a_run_that_waits_without_a_key_is_told_by_its_id() -> None:
    runs = Runs("decides")
    runs.pass_days(0.1)
    runs.node.ask(TellEvent("decided", RUN, f"e{7:015x}", (("approved", True), ("by", {"name": "Ana"}))))
    runs.pass_days(0.2)
    over = runs.ended()
    assert over is not None
    assert over.value == '"True Ana"'


def begin_daily() -> Runs:
    runs = Runs("")
    at = datetime.fromtimestamp(runs.began_s + 600.0, UTC).isoformat()
    runs.world.after(0.1, lambda: runs.node.ask(StartRun("daily", RUN, at, (("at", at),))))
    return runs


def test_a_run_that_starts_the_next_is_one_for_each_day_whatever_dies() -> None:
    undisturbed = begin_daily()
    undisturbed.pass_days(3)
    assert len(undisturbed.node.office.done) == 3
    for moment in range(undisturbed.node.moment):
        runs = begin_daily()
        runs.node.dies_at = frozenset((moment,))
        runs.pass_days(3)
        assert runs.result == undisturbed.result, f"death at moment {moment}"
    runs = begin_daily()
    runs.pass_days(1)
    runs.node.outage_s = 4 * DAY_S
    runs.node.die()
    runs.pass_days(8)
    assert len(runs.node.office.done) == 1 + 1 + 3, "what was missed is done once, and not made up for day by day"


def test_a_run_with_a_key_begins_with_the_version_that_is_current_and_a_child_with_its_parents() -> None:
    begun = begin_daily()
    begun.pass_days(0.001)
    exchange = begun.node.exchange
    assert exchange is not None
    before = exchange.programs[exchange.current]
    newer = Program(replace(before.operation, digest="b2"), FLOWS)
    exchange.add_program(newer, current=True)
    begun.pass_days(1.5)
    started = [fact for fact in begun.node.written if isinstance(fact, RunStarted)]
    assert [fact.operation for fact in started] == ["a1", "b2", "b2"]
    own = Program(replace(before.operation, digest="a1"), FLOWS)
    assert version_for(StartFlow("part", "", "{}"), own, newer) is own
    assert version_for(StartFlow("part", "three", "{}"), own, newer) is newer
    gone = Program(newer.operation, {})
    assert version_for(StartFlow("part", "three", "{}"), own, gone) is own


def test_a_callback_of_a_promise_is_made_once() -> None:
    runs = SCENES["promises"]()
    runs.pass_days(1)
    started = {fact.call for fact in runs.node.written if isinstance(fact, RunStarted)}
    assert len(started) == 2
    assert len([fact for fact in runs.node.written if isinstance(fact, RunEnded)]) == 2


def test_a_call_is_placed_once_for_its_step() -> None:
    runs = Runs("calls_back")
    runs.callees.plans["+18005550111"] = CalleePlan(486)
    runs.pass_days(1)
    over = runs.ended()
    assert over is not None
    assert over.value == '"nobody"'
    assert len([fact for fact in runs.node.written if isinstance(fact, CallPlaced)]) == 3
