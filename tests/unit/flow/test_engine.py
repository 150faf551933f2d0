"""The flow engine replays to the first step that is not on record, and finds out code that has changed."""

import pytest

from keepline.flow import Call, Finished, FlowEnding, FlowRun, HungUp, StepFailedError, StepOutcome, Waiting
from keepline.flow.engine import fingerprint
from tests.unit.flow.authors import CALLER, call_says, menu, result_of, run_through

# Replay -------------------------------------------------------------------------------------------------------------


def test_a_flow_waits_at_its_first_verb() -> None:
    advance = FlowRun(menu, CALLER).start()
    assert isinstance(advance, Waiting)
    assert (advance.step, advance.request.verb) == (0, "say")


def test_a_replay_goes_to_the_first_step_that_is_not_on_record() -> None:
    record = run_through(menu, "", "7")
    for count in range(3):
        run = FlowRun(menu, CALLER)
        advance = run.start(record[:count])
        assert isinstance(advance, Waiting)
        assert advance.step == count
        run.drop()
    assert isinstance(advance, Waiting)
    assert advance.request == call_says("You pressed 7.")


def test_a_replay_of_everything_is_the_end() -> None:
    assert FlowRun(menu, CALLER).start(run_through(menu, "", "7", "", "")) == Finished(FlowEnding.RETURNED)


def test_a_replay_goes_on_like_the_run_that_was_never_interrupted() -> None:
    record = run_through(menu, "", "7", "", "")
    run = FlowRun(menu, CALLER)
    advance = run.start(record[:2])
    for each in record[2:]:
        advance = run.resume(each)
    assert advance == run.finished == Finished(FlowEnding.RETURNED)


@pytest.mark.parametrize("outcome", [StepOutcome.HUNG_UP, StepOutcome.FAILED])
def test_outcomes_are_replayed_too(outcome: StepOutcome) -> None:
    seen: list[BaseException] = []

    async def remember(call: Call) -> None:
        try:
            await call.say("one")
        except (HungUp, StepFailedError) as error:
            seen.append(error)
        await call.hangup()

    first = FlowRun(remember, CALLER)
    record = [result_of(first.start(), "no such prompt", outcome)]
    live = first.resume(record[0])
    assert FlowRun(remember, CALLER).start(record) == live
    assert isinstance(seen[0], HungUp if outcome is StepOutcome.HUNG_UP else StepFailedError)
    assert [type(error) for error in seen] == [type(seen[0])] * 2


def test_the_answer_of_a_question_is_its_value_and_of_the_others_none() -> None:
    seen: list[object] = []

    async def listen(call: Call) -> None:
        seen.append(await call.say("one"))
        seen.append(await call.ask_digits())
        seen.append(await call.hangup())

    run_through(listen, "ignored", "42", "ignored")
    assert seen == [None, "42", None]


# Changed code -------------------------------------------------------------------------------------------------------


def test_another_text_at_a_recorded_step_is_a_change() -> None:
    async def reworded(call: Call) -> None:
        await call.say("Good morning.")

    ended = FlowRun(reworded, CALLER).start(run_through(menu, "", "7"))
    assert isinstance(ended, Finished)
    assert ended.ending is FlowEnding.CHANGED
    assert "step 0 was say" in ended.error
    assert "Good morning." in ended.error


def test_another_verb_at_a_recorded_step_is_a_change() -> None:
    async def reordered(call: Call) -> None:
        await call.say("Welcome.")
        await call.hangup()

    ended = FlowRun(reordered, CALLER).start(run_through(menu, "", "7"))
    assert isinstance(ended, Finished)
    assert ended.ending is FlowEnding.CHANGED
    assert "step 1 was ask_digits" in ended.error


def test_a_flow_that_is_over_before_its_record_is_a_change() -> None:
    async def shortened(call: Call) -> None:
        await call.say("Welcome.")

    ended = FlowRun(shortened, CALLER).start(run_through(menu, "", "7"))
    assert isinstance(ended, Finished)
    assert ended.ending is FlowEnding.CHANGED
    assert "over after 1 steps" in ended.error


def test_every_parameter_of_a_verb_is_in_its_fingerprint() -> None:
    requests = [
        CALLER.say("a").request,
        CALLER.say("b").request,
        CALLER.say(prompt="a").request,
        CALLER.say("a", language="de").request,
        CALLER.say("a", repeat=True).request,
        CALLER.ask_digits("a").request,
        CALLER.ask_digits("a", count=2).request,
        CALLER.ask_digits("a", timeout_s=6).request,
        CALLER.ask_digits("a", timeout_s=None).request,
        CALLER.ask_digits("a", between_s=4).request,
        CALLER.ask_digits("a", terminator="*").request,
        CALLER.hangup().request,
    ]
    prints = [fingerprint(request) for request in requests]
    assert len(set(prints)) == len(prints)
    assert all(len(each) == 12 for each in prints)
