"""The limits of runs, each reached; and what a run may not do."""

from dataclasses import replace
from itertools import pairwise

import pytest

from keepline.call.effects_run import StartRun, TellEvent
from keepline.call.exchange import Exchange
from keepline.call.facts.run import EventForgotten, EventTold, RunEnded, RunStarted, RunUseStarted
from keepline.call.runs import ended as ended_module
from keepline.call.runs import runs as runs_module
from keepline.call.runs.events import KeptEvents
from keepline.call.turn import Program
from keepline.flow import Call, Run, Unknown, flow
from keepline.flow.engine import FlowFunction
from keepline.flow.questions import Reason
from keepline.flow.secrets import Secret
from keepline.model import limits_runs as limits
from keepline.model.limits_runs import (
    EVENT_KEY_CHARS_MAX,
    EVENTS_KEPT_MAX,
    RUN_RESULT_CHARS_MAX,
    RUN_STEPS_PER_TURN_MAX,
    RUN_USE_ATTEMPTS_MAX,
    RUN_VARIABLES_CHARS_MAX,
    RUN_WAIT_S_MAX,
    RUNS_ENDED_KEPT_MAX,
    RUNS_PER_READ,
    RUNS_RESIDENT_MAX,
)
from keepline.model.operation import FlowReference
from keepline.sim import runs as sim_runs
from keepline.sim.node import SimNode
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import Scene
from tests.sim.test_uses import OFFICE

RUN = "r" + "0" * 15


@flow
async def circles(run: Run) -> None:
    """Log for ever."""
    while True:
        await run.log("again")


@flow
async def boasts(_run: Run) -> str:
    """Return more than can be recorded."""
    return "x" * RUN_RESULT_CHARS_MAX


@flow
async def insists(run: Run) -> str:
    """Ask for what never answers."""
    booked = await run.use("office.book")
    return "unknown" if isinstance(booked, Unknown) else "known"


@flow
async def naps(run: Run) -> None:
    """Wait as long as it was told to."""
    await run.wait(float(run.variables["seconds"]))


@flow
async def speaks(run: Run) -> None:
    """Use a verb of calls."""
    await Call("", "", "").say("Nobody hears this.")
    await run.wait(1.0)


@flow
async def joins(run: Run) -> int:
    """Start a crowd in two turns, and join it in one."""
    half = int(run.variables["half"])
    started = [await run.start("naps", seconds=1) for _ in range(half)]
    await run.wait(5.0)
    started += [await run.start("naps", seconds=1) for _ in range(half)]
    await run.wait(5.0)
    return sum([bool(await run.join(each)) for each in started])


FLOWS: dict[str, FlowFunction] = {
    each.__name__: each  # type: ignore[attr-defined]
    for each in (circles, boasts, insists, joins, naps, speaks)
}


def make(seed: bytes) -> Exchange:
    """An exchange whose operation has these flows."""
    exchange = Exchange(IDENTITY, seed, [40_000, 40_002])
    flows = {name: FlowReference("flows", name) for name in FLOWS}
    changed = replace(operation(), flows=flows, numbers={}, capabilities={"office": OFFICE})
    exchange.add_program(Program(changed, FLOWS), current=True)
    return exchange


def node_with(*wanted: StartRun | TellEvent) -> tuple[Scene, SimNode]:
    """A node that is asked for all this."""
    scene = Scene([], make=make)
    for each in wanted:
        scene.node.ask(each)
    scene.world.run(scene.world.now_s + 1.0)
    return scene, scene.node


def ended(node: SimNode) -> list[RunEnded]:
    return [fact for fact in node.written if isinstance(fact, RunEnded)]


def test_steps_that_take_no_time() -> None:
    _, node = node_with(StartRun("circles", RUN))
    [over] = ended(node)
    assert over.ending == "raised"
    assert f"more than {RUN_STEPS_PER_TURN_MAX} steps" in over.error


@pytest.mark.parametrize(("kept", "half"), [(RUNS_ENDED_KEPT_MAX, RUN_STEPS_PER_TURN_MAX - 1), (3, 20), (0, 20)])
def test_a_crowd_is_joined_from_memory_as_from_the_journal(
    kept: int, half: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory of ends has a limit, and so has what one turn may join; beyond both the journal tells."""
    monkeypatch.setattr(ended_module, "RUNS_ENDED_KEPT_MAX", kept)
    scene, node = node_with(StartRun("joins", RUN, "", (("half", str(half)),)))
    assert node.exchange is not None
    scene.world.run(scene.world.now_s + 60.0)
    assert len(node.exchange.runs.ended) <= kept
    over = next(each for each in ended(node) if each.call == RUN)
    assert over.error == ""
    assert over.value == str(2 * half)


def test_a_result_that_is_too_long() -> None:
    _, node = node_with(StartRun("boasts", RUN))
    [over] = ended(node)
    assert over.ending == "raised"
    assert str(RUN_RESULT_CHARS_MAX) in over.error


def test_a_verb_of_calls_fails() -> None:
    _, node = node_with(StartRun("speaks", RUN))
    [over] = ended(node)
    assert "say is a verb of calls" in over.error


def test_a_change_whose_answers_are_lost_is_asked_for_so_often_and_done_once() -> None:
    scene, node = node_with()
    node.office.loses_answers = RUN_USE_ATTEMPTS_MAX
    node.ask(StartRun("insists", RUN))
    scene.world.run(scene.world.now_s + 1_000.0)
    asked = [fact.at_s for fact in node.written if isinstance(fact, RunUseStarted)]
    assert len(asked) == RUN_USE_ATTEMPTS_MAX
    pauses = [later - before for before, later in pairwise(asked)]
    assert pauses[-1] > 30.0
    assert list(node.office.done.values()) == [1]
    assert ended(node)[0].value == '"unknown"'


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        (StartRun("naps", "r1"), "is not a run's id"),
        (StartRun("nowhere", RUN), "for runs it has boasts, circles"),
        (StartRun("naps", RUN, "a b"), "a key has up to"),
        (StartRun("naps", RUN, "k" * (EVENT_KEY_CHARS_MAX + 1)), f"up to {EVENT_KEY_CHARS_MAX}"),
        (StartRun("naps", RUN, "", (("a", "x" * RUN_VARIABLES_CHARS_MAX),)), f"more than {RUN_VARIABLES_CHARS_MAX}"),
        (StartRun("naps", RUN, "", (("a b", "x"),)), "is not a variable's name"),
        (TellEvent("paid", "17", "e1"), "is not an event's id"),
        (TellEvent("a b", "17", "e" + "0" * 15), "is no name of an event"),
        (TellEvent("paid", "", "e" + "0" * 15), "is no key of an event"),
        (TellEvent("paid", "17", "e" + "0" * 15, (("1", "x"),)), "is not a variable's name"),
    ],
)
def test_what_is_asked_for_by_mistake_is_told_and_leaves_nothing(wanted: StartRun | TellEvent, wrong: str) -> None:
    _, node = node_with(wanted)
    assert wrong in node.runs.answered[wanted.id].mistake
    assert node.written == []


def test_verbs_refuse_what_cannot_be() -> None:
    run = Run(RUN, "naps")
    for seconds in (-1.0, RUN_WAIT_S_MAX + 1.0, float("nan")):
        with pytest.raises(ValueError, match=f"0 to {RUN_WAIT_S_MAX}"):
            run.wait(seconds)
    with pytest.raises(ValueError, match=f"at most {RUN_WAIT_S_MAX}"):
        run.wait_for("paid", "17", timeout_s=RUN_WAIT_S_MAX + 1.0)
    with pytest.raises(ValueError, match="a secret ends with its call"):
        run.start("naps", card=Secret(1, 16, Reason.ANSWERED))


def test_events_that_nobody_waits_for_give_way_to_newer_ones() -> None:
    kept = KeptEvents()
    for index in range(EVENTS_KEPT_MAX):
        assert kept.keep(EventTold(f"e{index:015x}", 1.0, "paid", str(index), "{}")) == []
    last = EventTold(f"e{EVENTS_KEPT_MAX:015x}", 1.0, "paid", "x", "{}")
    [oldest] = kept.keep(last)
    assert oldest.key == "0"
    assert kept.forget(oldest, 2.0) == EventForgotten(oldest.call, 2.0, "paid", "0")
    assert len(kept) == EVENTS_KEPT_MAX


def test_more_runs_than_memory_takes_are_all_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """With smaller limits, so that it takes no time: both hold, and every run comes to its end."""
    assert RUNS_PER_READ <= RUNS_RESIDENT_MAX == limits.RUNS_RESIDENT_MAX
    monkeypatch.setattr(runs_module, "RUNS_RESIDENT_MAX", 4)
    monkeypatch.setattr(sim_runs, "RUNS_PER_READ", 3)
    wanted = [StartRun("naps", f"r{index:015x}", "", (("seconds", "20"),)) for index in range(20)]
    scene, node = node_with(*wanted)
    assert node.exchange is not None
    most = len(node.exchange.runs.resident)
    node.die()
    for _ in range(200):
        scene.world.run(scene.world.now_s + 1.0)
        if node.exchange is not None:
            most = max(most, len(node.exchange.runs.resident))
    assert most <= 4
    assert len({fact.call for fact in node.written if isinstance(fact, RunStarted)}) == 20
    assert len(ended(node)) == 20
