"""`FlowTester` runs flows as a phone would, tells what was said instead, and survives crashes; its how-to page runs."""

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from keepline.flow import Call, Pending, Refused, Reply, Unavailable, Unknown, flow
from keepline.testing import FlowTester
from tests.sim.operation import program

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "test-a-flow.md"
WITHIN_S = 120.0


@flow
async def shop(call: Call) -> None:
    what = await call.ask_choice({"1": "orders", "2": "sales"}, "Welcome. Orders: 1. Sales: 2.", retries=1)
    await call.wait(3600)
    await call.say(f"You chose {what or 'nothing'}, {call.from_number}.")
    await call.outcome("chosen" if what else "lost", what=str(what or ""))


@flow
async def mistaken(call: Call) -> None:
    await call.say("Good morning.")
    raise ValueError("no such order")


def test_a_caller_is_led_through() -> None:
    with FlowTester(shop) as tester:
        call = tester.call(from_="+15550123")
        assert call.hears("Orders") == "Welcome. Orders: 1. Sales: 2."
        call.presses("2")
        call.hears("You chose sales, +15550123.", within_s=3700)
        call.ends()
        assert (call.outcome, call.outcome_fields) == ("chosen", {"what": "sales"})
        assert [step.result for step in call.steps][:2] == ["sales", "done"]
        assert call.heard == ["Welcome. Orders: 1. Sales: 2.", "You chose sales, +15550123."]


def test_a_crash_at_any_moment_changes_nothing() -> None:
    for moment in range(12):
        with FlowTester(shop) as tester:
            call = tester.call()
            call.waits(moment / 2)
            tester.crash()
            call.waits(8 - moment / 2)
            assert call.heard == ["Welcome. Orders: 1. Sales: 2."] * 2
            call.presses("1")
            tester.crash()
            call.hears("You chose orders", within_s=3700)
            call.ends()
            assert call.outcome == "chosen"


def test_what_was_said_instead_is_told() -> None:
    with FlowTester(shop) as tester:
        call = tester.call()
        with pytest.raises(AssertionError, match=r"(?s)not hear 'Goodbye': 9 s are over.*0\.0. s  Welcome\. Orders"):
            call.hears("Goodbye", within_s=9)
        call.hangs_up()
        with pytest.raises(AssertionError, match=r"the call is over \(hung up, BYE\)"):
            call.hears("Goodbye")
        with pytest.raises(AssertionError, match="cannot press 1: the call is over"):
            call.presses("1")


def test_a_flow_that_fails_is_told_with_its_traceback() -> None:
    with FlowTester(mistaken) as tester:
        call = tester.call()
        call.hears("Good morning.")
        call.hears("something went wrong")
        with pytest.raises(AssertionError, match="ValueError: no such order"):
            call.hears("Your order")
        call.ends()
        assert call.outcome == "failed"


def test_a_call_that_goes_on_is_told() -> None:
    with FlowTester(program()) as tester:
        call = tester.call("3000")
        with pytest.raises(AssertionError, match=r"has not ended within 30 s; the caller heard: La la la\."):
            call.ends(within_s=30)
        assert call.hears("music") == "La la la."
    assert call.ended


def test_a_number_that_is_not_there_is_refused() -> None:
    with FlowTester(shop) as tester:
        call = tester.call("4000")
        assert (call.ended, call.outcome, call.heard) == (True, "refused", [])
        with pytest.raises(AssertionError, match="the operation has no number '4000'"):
            call.hears("Welcome")


def test_several_callers_at_once() -> None:
    with FlowTester(program()) as tester:
        first, second = tester.call("7000"), tester.call("7000")
        first.hears("Orders: 1")
        second.presses("2")
        second.hears("Its number?")
        first.presses("8")
        first.hears("no choice")
        assert first.record.id != second.record.id


def test_the_how_to_page_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(yaml|python)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    for name, (_, body) in zip(("keepline.yaml", "flows.py", "test_flows.py", "test_runs.py"), blocks, strict=True):
        (tmp_path / name).write_text(body, encoding="utf-8")
    run_tests(tmp_path, 5)


def test_the_page_of_back_offices_runs(tmp_path: Path) -> None:
    page = PAGE.with_name("test-back-offices.md").read_text(encoding="utf-8")
    [body] = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_orders.py").write_text(body, encoding="utf-8")
    run_tests(tmp_path, 3)


def run_tests(directory: Path, count: int) -> None:
    """As the reader of a page would."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(directory)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{count} passed" in done.stdout


@flow
async def voicemail(call: Call) -> None:
    message = await call.record_message("Leave a message.", silence_s=3, retries=1, on_invalid="That was short.")
    await call.outcome("message" if message else "none", length_s=message.length_s, path=message.path)
    await call.hangup()


def test_a_message_is_left() -> None:
    with FlowTester(voicemail) as tester:
        call = tester.call()
        call.hears("Leave a message")
        call.hears("beep")
        call.waits(0.5)
        call.speaks(7)
        call.ends()
        assert call.outcome == "message"
        (message,) = call.messages
        assert (message.reason, message.path) == ("silence", call.outcome_fields["path"])
        assert message.length_s == pytest.approx(10.2, abs=0.1)
        assert call.steps[0].result == "silence"


def test_a_short_message_is_asked_for_again_and_a_key_ends_it() -> None:
    with FlowTester(voicemail) as tester:
        call = tester.call()
        call.hears("beep")
        call.hears("That was short.")
        call.hears("beep")
        call.waits(0.5)
        call.speaks(2)
        tester.crash()
        call.presses("5#")
        call.ends()
        assert [message.reason for message in call.messages] == ["too_short", "terminator"]


def test_who_hangs_up_leaves_what_was_said() -> None:
    with FlowTester(voicemail) as tester:
        call = tester.call()
        call.hears("beep")
        call.speaks(4)
        call.hangs_up()
        assert (call.outcome, call.steps[-1].result) == ("answered", "hung_up")
        (message,) = call.messages
        assert message.reason == "hung_up"
        assert message.length_s == pytest.approx(3.7, abs=0.1)


@flow
async def patient(call: Call) -> None:
    first = await call.ask_choice({"1": "one"}, "Press 1.", retries=2)
    await call.log("first", reason=getattr(first, "reason", "answered"), silent=call.is_silent)
    while not call.is_silent:
        await call.wait(5)
    await call.outcome("gone")
    await call.hangup()


def test_a_flow_sees_that_the_line_is_dead() -> None:
    with FlowTester(patient) as tester:
        call = tester.call()
        call.hears("Press 1.")
        call.falls_silent()
        call.ends()
        assert (call.outcome, call.steps[0].result) == ("gone", "dead_air")
        assert call.heard == ["Press 1."], "nobody is asked again who cannot be heard"
        assert '"silent": true' in call.steps[1].result


def test_a_line_that_is_heard_again_is_not_dead() -> None:
    with FlowTester(patient) as tester:
        call = tester.call()
        call.falls_silent()
        call.waits(1)
        call.is_heard_again()
        tester.crash()
        call.hears("Press 1.")
        call.presses("1")
        call.waits(30)
        assert not call.ended
        call.falls_silent()
        tester.crash()
        call.ends()
        assert call.outcome == "gone"


@flow
async def order(call: Call) -> None:
    found = await call.use("orders.status", number="4711")
    match found:
        case Reply():
            await call.say("It is {state}.", state=found.state)
        case Refused(code=code):
            await call.say("Refused: {code}.", code=code)
        case Unavailable():
            await call.say("We cannot say.")
    paid = await call.use("payments.charge", amount=Decimal("12.50"))
    await call.outcome("paid" if paid.ok else "unknown" if isinstance(paid, Unknown) else "unpaid")
    await call.hangup()


def test_a_test_says_what_a_back_office_answers() -> None:
    with FlowTester(order) as tester:
        tester.answers("orders.status", {"state": "on its way"}, Refused(404, "unknown"), Unavailable("away"))
        tester.answers("payments.charge", lambda amount: Reply({"receipt": str(amount)}), changes=True)
        heard = []
        for _ in range(4):
            call = tester.call()
            call.ends()
            heard += call.heard
            assert call.outcome == "paid"
        assert heard == ["It is on its way.", "Refused: unknown.", "We cannot say.", "We cannot say."]
        assert tester.asked("orders.status") == [{"number": "4711"}] * 4
        assert tester.asked("payments.charge")[0] == {"amount": Decimal("12.50")}


def test_a_change_of_which_nobody_knows() -> None:
    with FlowTester(order) as tester:
        tester.answers("orders.status", Reply({"state": "lost"}))
        tester.answers("payments.charge", Unknown("no answer"), changes=True)
        call = tester.call()
        tester.crash()
        call.ends()
        assert call.outcome == "unknown"
        assert len(tester.asked("payments.charge")) == 1


def test_a_change_in_doubt_is_found_out_later() -> None:
    with FlowTester(order) as tester:
        tester.answers("orders.status", Reply({"state": "new"}))
        tester.answers("payments.charge", Pending("silent"), Unknown("silent still"), {"receipt": "1"}, changes=True)
        call = tester.call()
        call.ends()
        assert call.outcome == "unknown"
        assert [(item.state.value, item.why) for item in tester.work] == [("pending", "silent")]
        tester.crash()
        tester.waits(7.0)
        assert [(item.state.value, item.why) for item in tester.work] == [("pending", "unknown: silent still")]
        tester.waits(60.0)
        assert tester.work == []
        assert (call.steps[-1].name, call.steps[-1].result) == ("use payments.charge", "resolved: done")


def test_what_nobody_answers_for_is_told() -> None:
    with FlowTester(order) as tester:
        tester.answers("orders.status")
        tester.answers("payments.charge", Unavailable("away"))
        call = tester.call()
        call.hears("We cannot say.")
        call.ends()
        assert call.steps[0].result.endswith("tester.answers('orders.status', …)")
        with pytest.raises(TypeError, match="answers a Reply or its fields"):
            tester.answers("orders.status", 7)  # type: ignore[arg-type]
    with FlowTester(program()) as tester, pytest.raises(LookupError, match=r"has no orders\.status, only"):
        tester.answers("orders.status", {})
