"""Whatever a flow does, it ends: what may not be awaited, hang-up, errors and limits."""

import asyncio
import gc
from typing import Any

import pytest

from keepline.flow import (
    Call,
    Finished,
    FlowEnding,
    FlowMisuseError,
    FlowRun,
    HungUp,
    StepOutcome,
    StepResult,
    Waiting,
    flow,
)
from keepline.model.errors import LocalError
from keepline.model.limits import (
    FLOW_CLOSINGS_MAX,
    FLOW_STEPS_AFTER_HANGUP_MAX,
    FLOW_STEPS_MAX,
    FLOW_TRACEBACK_CHARS_MAX,
)
from tests.unit.flow.authors import CALLER, Author, call_says, ending_of, menu, result_of, run_through

# What may not be awaited --------------------------------------------------------------------------------------------


class Foreign:
    """An awaitable of somebody else's."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __await__(self) -> Any:
        yield self.thing


async def sleeps(_call: Call) -> None:
    await asyncio.sleep(0)


async def waits_for_a_future(_call: Call) -> None:
    loop = asyncio.new_event_loop()
    try:
        await loop.create_future()
    finally:
        loop.close()


async def waits_for_a_stranger(_call: Call) -> None:
    await Foreign("something")


@pytest.mark.parametrize(
    ("author", "gave"), [(sleeps, "NoneType"), (waits_for_a_future, "Future"), (waits_for_a_stranger, "str")]
)
def test_awaiting_anything_but_a_verb_is_an_error_that_says_so(author: Author, gave: str) -> None:
    ended = FlowRun(author, CALLER).start()
    assert isinstance(ended, Finished)
    assert ended.ending is FlowEnding.RAISED
    assert "may await only the verbs of its call" in ended.error
    assert f"something that gave {gave}" in ended.error
    assert author.__name__ in ended.error, "the traceback names the flow's own line"


def test_a_misuse_that_is_swallowed_is_still_the_end() -> None:
    async def stubborn(call: Call) -> None:
        try:
            await asyncio.sleep(0)
        except FlowMisuseError:
            await call.say("as if nothing had happened")

    async def silent(_call: Call) -> None:
        try:
            await asyncio.sleep(0)
        except FlowMisuseError:
            return

    for author in (stubborn, silent):
        ended = FlowRun(author, CALLER).start()
        assert isinstance(ended, Finished)
        assert ended.ending is FlowEnding.RAISED
        assert "may await only the verbs of its call" in ended.error


def test_only_an_async_function_is_a_flow() -> None:
    with pytest.raises(TypeError, match="must be an `async def`"):

        @flow
        def plain(_call: Call) -> None: ...

    assert flow(menu).__keepline_flow__ is True  # type: ignore[attr-defined]


def test_a_flow_that_takes_no_call_ends_with_an_error() -> None:
    async def careless() -> None: ...

    ended = FlowRun(careless, CALLER).start()  # type: ignore[arg-type]
    assert isinstance(ended, Finished)
    assert ended.ending is FlowEnding.RAISED
    assert "careless() takes 0 positional arguments" in ended.error


# Hang-up ------------------------------------------------------------------------------------------------------------


def test_hang_up_is_not_swallowed_by_except_exception() -> None:
    async def careful(call: Call) -> None:
        try:
            await call.say("one")
        except Exception:
            await call.say("never said")

    assert ending_of(careful, StepOutcome.HUNG_UP) == Finished(FlowEnding.HUNG_UP)


def test_a_flow_may_catch_hang_up_by_name_and_go_on() -> None:
    async def thorough(call: Call) -> None:
        try:
            await call.say("one")
        except HungUp:
            await call.hangup()

    assert ending_of(thorough, StepOutcome.HUNG_UP) == Finished(FlowEnding.RETURNED)


def test_verbs_in_a_finally_are_steps_while_the_flow_is_driven() -> None:
    async def tidy(call: Call) -> None:
        try:
            await call.say("one")
        finally:
            await call.say("goodbye")

    run = FlowRun(tidy, CALLER)
    advance = run.resume(result_of(run.start(), outcome=StepOutcome.HUNG_UP))
    assert isinstance(advance, Waiting)
    assert (advance.step, advance.request) == (1, call_says("goodbye"))
    assert run.resume(result_of(advance, outcome=StepOutcome.HUNG_UP)) == Finished(FlowEnding.HUNG_UP)


def test_a_dropped_flow_asks_for_nothing_in_its_finally() -> None:
    seen: list[str] = []

    async def tidy(call: Call) -> None:
        try:
            await call.say("one")
        finally:
            seen.append("finally")
            await call.say("goodbye")
            seen.append("never")

    run = FlowRun(tidy, CALLER)
    run.start()
    run.drop()
    assert seen == ["finally"]
    with pytest.raises(LocalError):
        run.resume(StepResult("say", "", StepOutcome.DONE))
    del run
    gc.collect()  # a coroutine that was not closed would warn here, and a warning is an error


def test_a_flow_that_catches_hang_up_in_a_loop_ends() -> None:
    async def deaf(call: Call) -> None:
        while True:
            try:
                await call.say("Are you there?")
            except HungUp:
                continue

    run = FlowRun(deaf, CALLER)
    advance = run.start()
    steps = 0
    while isinstance(advance, Waiting):
        advance = run.resume(result_of(advance, outcome=StepOutcome.HUNG_UP))
        steps += 1
    assert steps == FLOW_STEPS_AFTER_HANGUP_MAX + 1
    assert advance.ending is FlowEnding.RAISED
    assert f"more than {FLOW_STEPS_AFTER_HANGUP_MAX} steps after the call was over" in advance.error


def test_a_flow_that_hangs_up_in_a_loop_ends() -> None:
    async def thorough(call: Call) -> None:
        while True:
            await call.hangup()

    ended = ending_of(thorough)
    assert ended.ending is FlowEnding.RAISED
    assert "after the call was over" in ended.error


def test_the_limit_after_hang_up_is_the_same_in_a_replay() -> None:
    async def deaf(call: Call) -> None:
        while True:
            try:
                await call.say("Are you there?")
            except HungUp:
                continue

    run = FlowRun(deaf, CALLER)
    advance = run.start()
    record = []
    while isinstance(advance, Waiting):
        record.append(result_of(advance, outcome=StepOutcome.HUNG_UP))
        advance = run.resume(record[-1])
    assert FlowRun(deaf, CALLER).start(record) == advance


def test_a_flow_that_cannot_be_closed_is_left_alone_after_some_attempts() -> None:
    attempts = 0

    async def clinging(call: Call) -> None:
        nonlocal attempts
        while attempts <= FLOW_CLOSINGS_MAX:
            try:
                await call.say("one")
            except BaseException:
                attempts += 1

    run = FlowRun(clinging, CALLER)
    run.start()
    run.drop()
    assert attempts == FLOW_CLOSINGS_MAX


# Errors and limits --------------------------------------------------------------------------------------------------


async def raises(call: Call) -> None:
    await call.say("one")
    raise ValueError("a mistake of the author's")


async def exits(call: Call) -> None:
    await call.say("one")
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("author", "told"), [(raises, "ValueError: a mistake of the author's"), (exits, "SystemExit: 3")]
)
def test_whatever_a_flow_raises_ends_it_with_its_traceback(author: Author, told: str) -> None:
    ended = ending_of(author)
    assert ended.ending is FlowEnding.RAISED
    assert told in ended.error
    assert f"in {author.__name__}" in ended.error


def test_a_person_may_still_interrupt_the_process() -> None:
    async def interrupted(_call: Call) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FlowRun(interrupted, CALLER).start()


def test_a_traceback_is_kept_up_to_its_limit_and_the_end_is_what_counts() -> None:
    async def verbose(_call: Call) -> None:
        raise ValueError("x" * 2 * FLOW_TRACEBACK_CHARS_MAX + " at last")

    ended = FlowRun(verbose, CALLER).start()
    assert isinstance(ended, Finished)
    assert len(ended.error) == FLOW_TRACEBACK_CHARS_MAX
    assert ended.error.rstrip().endswith("at last")


def test_a_traceback_can_be_written_down() -> None:
    async def garbled(_call: Call) -> None:
        raise ValueError("half a character: \ud83d")

    ended = FlowRun(garbled, CALLER).start()
    assert isinstance(ended, Finished)
    assert ended.error.encode().decode() == ended.error
    assert "half a character: ?" in ended.error


def test_a_flow_has_a_limited_number_of_steps() -> None:
    async def endless(call: Call) -> None:
        while True:
            await call.ask_digits(timeout_s=0)

    run = FlowRun(endless, CALLER)
    advance = run.start()
    done = result_of(advance)
    for _ in range(FLOW_STEPS_MAX - 1):
        advance = run.resume(done)
    assert isinstance(advance, Waiting)
    assert advance.step == FLOW_STEPS_MAX - 1
    advance = run.resume(done)
    assert isinstance(advance, Finished)
    assert advance.ending is FlowEnding.RAISED
    assert f"more than {FLOW_STEPS_MAX} steps" in advance.error


def test_a_flow_that_is_over_cannot_be_resumed_nor_begun_again() -> None:
    run = FlowRun(menu, CALLER)
    with pytest.raises(LocalError):
        run.resume(StepResult("say", "", StepOutcome.DONE))
    run.start(run_through(menu, "", "7", "", ""))
    with pytest.raises(LocalError):
        run.resume(StepResult("say", "", StepOutcome.DONE))
    with pytest.raises(LocalError):
        run.start()
