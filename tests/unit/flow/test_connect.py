"""The verb `connect`: what can be asked, what comes back, and flows that tell the one from the other."""

import re
from pathlib import Path
from typing import Any

import pytest

from keepline.flow import Call, Connect, Connected, ConnectReason, HungUp, NotConnected, StepFailedError, flow
from keepline.model.limits import RING_TIMEOUT_S_MAX
from keepline.testing import FlowTester

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")
NUMBER = "+18005550111"


@pytest.mark.parametrize("number", [NUMBER, "1000", "reception"])
def test_who_can_be_called(number: str) -> None:
    made = CALLER.connect(number, timeout_s=5, from_="+18005550100", prompt="music").request
    assert made == Connect(number, 5, "+18005550100", "music")


@pytest.mark.parametrize("number", ["", "a b", "+", "sip:a@b", "+49 30 1", "1"])
def test_who_cannot(number: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        CALLER.connect(number)
    with pytest.raises(ValueError, match="from_"):
        CALLER.connect(NUMBER, from_=number)


@pytest.mark.parametrize("timeout_s", [0, -1, RING_TIMEOUT_S_MAX + 1, float("nan")])
def test_times_that_are_none(timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s must be above 0"):
        CALLER.connect(NUMBER, timeout_s=timeout_s)


def test_the_results_are_true_and_false() -> None:
    assert Connected(1.0, "callee")
    assert Connected(1.0, "callee").ok
    assert Connected(1.0, "callee").transfers == 0
    assert not NotConnected(ConnectReason.BUSY, 486)
    assert not NotConnected(ConnectReason.BUSY).ok


@flow
async def person(call: Call) -> None:
    try:
        result = await call.connect(NUMBER, timeout_s=10)
    except HungUp:
        await call.outcome("left")
        raise
    if isinstance(result, Connected):
        await call.outcome("talked", seconds=round(result.duration_s), by=result.ended_by)
        await call.say("Thank you for talking to us.")
    else:
        await call.outcome("not_connected", reason=result.reason, status=result.status)
        await call.say("Nobody is free.")


@flow
async def twice(call: Call) -> None:
    for number in ("1001", "1002"):
        result = await call.connect(number, timeout_s=5, from_="+18005550100")
        await call.log("tried", number=number, reason=getattr(result, "reason", "talked"))
    await call.say("That was all.")


@flow
async def silent(call: Call) -> None:
    try:
        await call.connect(NUMBER, prompt="nowhere")
    except StepFailedError:
        await call.say("There is no such prompt.")


def test_they_talk_and_the_caller_comes_back() -> None:
    with FlowTester(person) as tester:
        callee = tester.callee(NUMBER, rings_s=3.0)
        call = tester.call()
        callee.answers()
        call.waits(20)
        assert callee.is_talking
        callee.hangs_up()
        call.hears("Thank you for talking")
        call.ends()
        assert (call.outcome, call.outcome_fields) == ("talked", {"seconds": 20, "by": "callee"})
        assert call.steps[0].result == "connected"
        assert callee.calls == 1


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [(486, "busy", 486), (603, "refused", 603), (404, "refused", 404), (500, "failed", 500), (480, "no_answer", 480)],
)
def test_nobody_talks(status: int, reason: str, told: int) -> None:
    with FlowTester(person) as tester:
        tester.callee(NUMBER, status=status)
        call = tester.call()
        call.hears("Nobody is free")
        call.ends()
        assert call.outcome_fields == {"reason": reason, "status": told}


def test_it_rings_for_its_time() -> None:
    with FlowTester(person) as tester:
        callee = tester.callee(NUMBER, status=None)
        call = tester.call()
        call.waits(9)
        assert not call.ended
        assert call.heard == ["tones"]
        call.hears("Nobody is free")
        call.ends()
        assert call.outcome_fields["reason"] == "no_answer"
        assert not callee.is_talking


def test_without_a_slot_there_is_no_path() -> None:
    with FlowTester(person) as tester:
        assert tester._node.exchange is not None
        while len(tester._node.exchange.slots.free) > 1:
            tester._node.exchange.slots.free.pop()
        call = tester.call()
        call.hears("Nobody is free")
        assert call.outcome_fields == {"reason": "no_path", "status": 0}


def test_a_caller_who_hangs_up_takes_the_callee_along() -> None:
    with FlowTester(person) as tester:
        callee = tester.callee(NUMBER)
        call = tester.call()
        callee.answers()
        call.hangs_up()
        tester.waits(1)
        assert not callee.is_talking
        assert call.outcome == "left"


def test_a_crash_in_the_conversation_is_not_noticed() -> None:
    with FlowTester(person) as tester:
        callee = tester.callee(NUMBER)
        call = tester.call()
        callee.answers()
        tester.crash()
        call.waits(10)
        assert callee.is_talking
        tester.crash()
        callee.hangs_up()
        call.hears("Thank you")
        call.ends()
        assert callee.calls == 1


def test_one_after_the_other_and_who_is_calling() -> None:
    with FlowTester(twice) as tester:
        first, second = tester.callee("1001", status=486), tester.callee("1002", hangs_up_after_s=3.0)
        call = tester.call()
        call.hears("That was all")
        call.ends()
        assert [step.result for step in call.steps if step.name == "connect"] == ["busy", "connected"]
        assert (first.callers, second.callers) == (["+18005550100"], ["+18005550100"])


def test_a_prompt_that_is_not_there_fails_the_step() -> None:
    with FlowTester(silent) as tester:
        call = tester.call()
        call.hears("There is no such prompt")
        call.ends()


def test_the_page_about_it_runs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "howto" / "connect-callers-to-people.md").read_text(encoding="utf-8")
    bodies = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(bodies) == 3
    for body in bodies:
        exec(compile(body, "connect-callers-to-people.md", "exec"), {})


def test_the_pages_flow_asks_one_after_the_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "howto" / "connect-callers-to-people.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], names)
    with FlowTester(names["reception"]) as tester:
        tester.callee("+18005550111", status=486)
        second = tester.callee("+18005550112", hangs_up_after_s=5)
        call = tester.call()
        call.ends()
        assert (second.calls, call.outcome) == (1, "talked")
