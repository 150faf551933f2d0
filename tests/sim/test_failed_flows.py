"""Flows that fail after they did something, and runs whose changes stay in doubt: all of it is somebody's work."""

from dataclasses import replace
from typing import Any

import pytest

from keepline.call import effects as fx
from keepline.call.effects_run import StartRun
from keepline.call.exchange import Exchange
from keepline.call.facts import UsePending, UseResolved, WorkClosed, WorkFact
from keepline.call.facts.run import RunEnded, RunStepEnded, RunUseStarted
from keepline.call.record import record_of
from keepline.call.runs.state import RunState
from keepline.call.turn import Program
from keepline.call.unfinished.book import WorkBook
from keepline.call.unfinished.failed import UNDER_WAY
from keepline.call.unfinished.shown import shown
from keepline.flow import Call, HungUp, Run, flow
from keepline.flow.engine import FlowFunction
from keepline.model.limits import DEATHS_OF_CALL_MAX
from keepline.model.limits_runs import RUN_USE_ATTEMPTS_MAX, WORK_ERROR_CHARS_MAX, WORK_MADE_MAX
from keepline.model.operation import FlowReference, Number
from keepline.sim.caller import Plan
from keepline.sim.node import Died
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import Scene
from tests.sim.test_doubt import ACTIONS, LIMIT_S, OFFICE, SURE_S, Gateway, resolved

RUN = "r" + "0" * 15
LONG_S = 6_000.0


@flow
async def books_and_breaks(call: Call) -> None:
    booked = await call.use("office.book", number="100001")
    raise RuntimeError(f"a mistake after {type(booked).__name__}")


@flow
async def reads_and_breaks(call: Call) -> None:
    await call.use("office.find", number="100001")
    raise RuntimeError("a mistake")


@flow
async def records_and_breaks(call: Call) -> None:
    await call.record_message("Your message?", length_s_max=3)
    raise RuntimeError("a mistake")


@flow
async def breaks_when_alone(call: Call) -> None:
    await call.use("office.book", number="100001")
    try:
        await call.wait(60.0)
    except HungUp:
        raise RuntimeError("a mistake without a caller") from None


@flow
async def sends(call: Call) -> None:
    """A fallback that does something, and breaks too."""
    await call.use("office.send", number="100001")
    raise RuntimeError("another mistake")


@flow
async def run_books(run: Run) -> str:
    return type(await run.use("office.book", number=run.variables["number"])).__name__


@flow
async def run_charges(run: Run) -> str:
    return type(await run.use("office.charge", number=run.variables["number"])).__name__


@flow
async def run_sends(run: Run) -> str:
    return type(await run.use("office.send", number=run.variables["number"])).__name__


@flow
async def run_prints(run: Run) -> str:
    return type(await run.use("office.print", number=run.variables["number"])).__name__


@flow
async def run_books_and_breaks(run: Run) -> None:
    await run.use("office.book", number=run.variables["number"])
    await run.use("office.find", number="1")
    await run.wait(86_400.0)
    raise RuntimeError("no luck" + " today" * WORK_ERROR_CHARS_MAX)


@flow
async def run_books_much(run: Run) -> None:
    for _ in range(WORK_MADE_MAX + 2):
        await run.use("office.book")
    raise RuntimeError("enough")


CALLED = (books_and_breaks, reads_and_breaks, records_and_breaks, breaks_when_alone)
FLOWS: dict[str, FlowFunction] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (
        *CALLED, sends, run_books, run_charges, run_sends, run_prints, run_books_and_breaks, run_books_much,
    )
} | {"falls_back": books_and_breaks}  # fmt: skip
NUMBERS = {str(7000 + index): Number(name) for index, name in enumerate(FLOWS) if not name.startswith("run_")}
DIALLED = {entry.flow: number for number, entry in NUMBERS.items()}


def make(seed: bytes) -> Exchange:
    exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
    flows = {name: FlowReference("flows", name, "sends" if name == "falls_back" else "") for name in FLOWS}
    found = replace(operation(), numbers=NUMBERS, flows=flows, capabilities={"office": OFFICE})
    exchange.add_program(Program(found, FLOWS), current=True)
    return exchange


def scene_of(name: str, silent_s: float = 0.0, *, does: bool = True, **plan: Any) -> Scene:
    """A call of a flow, or a run of one, beside a gateway that is silent for a while."""
    plans = [(0.0, Plan(DIALLED[name], **plan))] if name in DIALLED else []
    scene = Scene(plans, make=make)
    scene.node.office = Gateway(scene.world, silent_s, does=does)
    if not plans:
        wanted = StartRun(name, RUN, "order-17", (("number", "100001"),))
        scene.world.after(0.1, lambda: scene.node.ask(wanted))
    return scene


def pass_time(scene: Scene, for_s: float = LONG_S) -> Scene:
    scene.world.run(scene.world.now_s + for_s)
    return scene


def of(scene: Scene, kind: type[WorkFact]) -> list[Any]:
    return [fact for fact in scene.node.written if isinstance(fact, kind)]


def open_items(scene: Scene) -> list[dict[str, Any]]:
    return [shown(item) for item in WorkBook(scene.node.written)]


def ended_run(scene: Scene) -> RunEnded:
    [ended] = [fact for fact in scene.node.written if isinstance(fact, RunEnded)]
    return ended


# Calls ----------------------------------------------------------------------------------------------------------------


def test_a_call_that_fails_after_a_change_is_work_with_all_that_is_needed() -> None:
    scene = scene_of("books_and_breaks")
    assert scene.run() == []
    [told] = open_items(scene)
    [asked] = scene.node.office.asked
    assert (told["about"], told["state"], told["flow"]) == ("call_failed", "open", "books_and_breaks")
    assert told["why"] == "RuntimeError: a mistake after Reply"
    assert "Traceback" in told["error"]
    assert (told["from"], told["to"]) == ("caller0", DIALLED["books_and_breaks"])
    key = asked.idempotency_key
    assert told["made"] == [
        {"step": 0, "use": "office.book", "idempotency_key": key, "came_to": "done", "answer": {"receipt": key[-6:]}}
    ]


def test_a_call_that_fails_and_has_changed_nothing_is_nobodys_work() -> None:
    scene = scene_of("reads_and_breaks")
    assert scene.run() == []
    assert record_of(scene.node.written).outcome == "failed"
    assert open_items(scene) == []


def test_a_message_that_no_flow_dealt_with_is_work() -> None:
    scene = scene_of("records_and_breaks", speaks=((1.0, 30.0),))
    assert scene.run() == []
    [told] = open_items(scene)
    [message] = told["made"]
    assert message["message"].startswith("recordings/")
    assert message["length_s"] == pytest.approx(3.0)


def test_a_flow_that_fails_without_its_caller_is_work_too() -> None:
    scene = scene_of("breaks_when_alone", hang_up_after_s=3.0)
    assert scene.run() == []
    [told] = open_items(scene)
    assert told["why"] == "RuntimeError: a mistake without a caller"


def test_what_a_fallback_did_before_it_failed_is_another_item() -> None:
    scene = scene_of("falls_back")
    assert scene.run() == []
    items = {told["id"].partition("-")[2]: told for told in open_items(scene)}
    assert {name: [each["use"] for each in told["made"]] for name, told in items.items()} == {
        "failed": ["office.book"],
        "fallback-failed": ["office.send"],
    }
    asked = [each.idempotency_key for each in scene.node.office.asked]
    assert [each["idempotency_key"] for told in items.values() for each in told["made"]] == asked


def test_a_change_in_doubt_is_said_to_be_so() -> None:
    scene = scene_of("books_and_breaks", silent_s=60.0)
    assert scene.run() == []
    [told] = [each for each in open_items(scene) if each["about"] == "call_failed"]
    assert told["made"][0]["came_to"].startswith("pending: ")


class Poisoned(Exchange):
    """It dies whenever a call has changed something, and whenever a run has."""

    def mark_step(self, mark: str) -> str:
        outer = super().mark_step(mark)
        if not mark:
            self._die_if_changed()
        return outer

    def _die_if_changed(self) -> None:
        calls = [call for call in self.calls.values() if call.steps and call.failed is None and call.has_caller]
        runs: list[RunState] = [run for run in self.runs.resident.values() if run.steps and run.ended is None]
        if calls or runs:
            self.note_step((calls or runs)[0].mark)
            raise Died


def poisoned(seed: bytes) -> Exchange:
    sane = make(seed)
    exchange = Poisoned(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
    exchange.add_program(sane.programs[sane.current], current=True)
    return exchange


def test_a_call_that_is_set_aside_after_a_change_is_work() -> None:
    scene = Scene([(0.0, Plan(DIALLED["breaks_when_alone"]))], make=poisoned)
    scene.node.office = Gateway(scene.world, 0.0)
    scene.run()
    pass_time(scene)
    assert scene.node.log.deaths == DEATHS_OF_CALL_MAX
    [told] = open_items(scene)
    assert "processes died while they worked on this call" in told["why"]
    assert [(each["use"], each["came_to"]) for each in told["made"]] == [("office.book", UNDER_WAY)]
    assert (len(of(scene, UsePending)), resolved(scene)) == (1, ["done"])
    assert list(scene.node.office.done.values()) == [1]


# Runs -----------------------------------------------------------------------------------------------------------------


def test_a_run_that_raised_is_work_with_all_that_is_needed() -> None:
    scene = pass_time(scene_of("run_books_and_breaks"), 2 * 86_400.0)
    assert ended_run(scene).ending == "raised"
    [told] = open_items(scene)
    run = ended_run(scene).call
    assert (told["about"], told["id"], told["call"]) == ("run_failed", f"{run}-failed", run)
    assert (told["flow"], told["key"], told["variables"]) == ("run_books_and_breaks", "order-17", {"number": "100001"})
    assert [(each["use"], each["came_to"]) for each in told["made"]] == [("office.book", "done")]
    assert told["error"].endswith(" today\n")
    assert len(told["error"]) == WORK_ERROR_CHARS_MAX


def test_of_much_that_a_run_did_the_last_is_told() -> None:
    scene = pass_time(scene_of("run_books_much"))
    [told] = open_items(scene)
    assert len(told["made"]) == WORK_MADE_MAX
    assert told["made"][-1]["step"] == WORK_MADE_MAX + 1


def test_a_run_that_is_set_aside_is_work() -> None:
    scene = Scene([], make=poisoned)
    scene.node.office = Gateway(scene.world, 0.0)
    wanted = StartRun("run_books_and_breaks", RUN, "order-17", (("number", "100001"),))
    scene.world.after(0.1, lambda: scene.node.ask(wanted))
    pass_time(scene, 100.0)
    [told] = open_items(scene)
    assert told["about"] == "run_failed"
    assert f"{DEATHS_OF_CALL_MAX} processes died while they worked on this run" in told["why"]
    assert list(scene.node.office.done.values()) == [1]


@pytest.mark.parametrize("name", ["run_books", "run_charges", "run_sends"])
def test_a_change_of_a_run_goes_on_in_doubt_and_is_found_out(name: str) -> None:
    scene = pass_time(scene_of(name, silent_s=600.0))
    assert ended_run(scene).value == '"Pending"'
    assert (len(of(scene, UsePending)), resolved(scene)) == (1, ["done"])
    assert list(scene.node.office.done.values()) == [1]
    assert open_items(scene) == []
    assert max(fact.attempt for fact in scene.node.written if isinstance(fact, RunUseStarted)) == RUN_USE_ATTEMPTS_MAX


def test_past_its_limit_it_is_work() -> None:
    scene = pass_time(scene_of("run_books", silent_s=1e9), LIMIT_S + 600.0)
    [told] = open_items(scene)
    assert (told["about"], told["use"], told["arguments"]) == ("use", "office.book", {"number": "100001"})
    assert told["idempotency_key"] == scene.node.office.asked[0].idempotency_key
    assert told["first_sent_at"] < told["last_sent_at"]


def test_what_nobody_can_find_out_is_work_at_once() -> None:
    scene = pass_time(scene_of("run_prints", silent_s=60.0), 60.0)
    assert ended_run(scene).value == '"Unknown"'
    [told] = open_items(scene)
    assert (told["about"], told["use"], told["state"]) == ("use", "office.print", "open")


def test_resolve_tells_a_run_that_nothing_was_done_once_nothing_is_under_way() -> None:
    scene = pass_time(scene_of("run_charges", silent_s=4.0, does=False))
    assert ended_run(scene).value == '"Unavailable"'
    assert ended_run(scene).at_s - scene.node.office.asked[0].deadline_s >= SURE_S - ACTIONS["charge"].timeout_s
    assert open_items(scene) == []
    assert not scene.node.office.done


def test_a_change_that_is_under_way_when_its_run_is_broken_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours ends the run while it waits for the answer."""
    scene = scene_of("run_books", silent_s=600.0)
    pass_time(scene, 1.0)
    exchange = scene.node.exchange
    assert exchange is not None

    def broken(*_given: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("keepline.call.runs.steps.on_time", broken)
    pass_time(scene)
    assert ended_run(scene).ending == "broken"
    assert resolved(scene) == ["done"]
    [told] = open_items(scene)
    assert told["why"] == "the run broken: RuntimeError: a bug"


def test_closing_what_a_run_left_is_on_record() -> None:
    scene = pass_time(scene_of("run_books_and_breaks"), 2 * 86_400.0)
    item = f"{ended_run(scene).call}-failed"
    assert scene.node.active is not None
    scene.node.active.feed(fx.CloseWork(item, "Ana", "done", "told the customer"))
    assert scene.node.log.work == {item: ""}
    [closed] = of(scene, WorkClosed)
    assert (closed.by, closed.call) == ("Ana", ended_run(scene).call)
    assert open_items(scene) == []


@pytest.mark.parametrize("outage_s", [0.02, 1.3])
@pytest.mark.parametrize("name", ["run_books_and_breaks", "run_prints", "run_charges"])
def test_every_moment(name: str, outage_s: float) -> None:
    """Whenever the process dies: done once, and on the work list once."""
    undisturbed = pass_time(scene_of(name, silent_s=2.0), 2 * 86_400.0)
    for moment in range(undisturbed.node.moment):
        scene = scene_of(name, silent_s=2.0)
        scene.node.dies_at, scene.node.outage_s = frozenset((moment,)), outage_s
        pass_time(scene, 2 * 86_400.0)
        what = f"{name}, outage {outage_s} s, death at moment {moment}"
        assert scene.node.log.deaths == 1, what
        assert ended_run(scene), what
        assert all(count == 1 for count in scene.node.office.done.values()), what
        items = [told["id"] for told in open_items(scene)]
        assert len(items) == len(set(items)), what
        doubt = [fact.outcome for fact in of(scene, UseResolved)]
        ends = [fact.value for fact in scene.node.written if isinstance(fact, RunStepEnded) and fact.verb == "use"]
        if name == "run_books_and_breaks":
            assert [each.endswith("-failed") for each in items] == [True], what
        elif name == "run_prints":
            is_known = '{"reply":' in ends[0]
            assert len(items) == (not is_known), what
        else:
            assert items == [], what
            assert len(doubt) == len(of(scene, UsePending)), what
