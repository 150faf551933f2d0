"""Flows, and runs of them, that the tests of the engine share."""

from collections.abc import Callable, Coroutine
from typing import Any

from keepline.flow import Advance, Call, Finished, FlowRun, StepOutcome, StepResult, Waiting
from keepline.flow.engine import fingerprint

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")
Author = Callable[[Call], Coroutine[Any, Any, None]]


def result_of(waiting: Advance, value: str = "", outcome: StepOutcome = StepOutcome.DONE) -> StepResult:
    assert isinstance(waiting, Waiting)
    return StepResult(waiting.request.verb, fingerprint(waiting.request), outcome, value)


def run_through(author: Author, *values: str) -> list[StepResult]:
    """Run a flow with these answers and give back its record."""
    run = FlowRun(author, CALLER)
    advance = run.start()
    record = []
    for value in values:
        record.append(result_of(advance, value))
        advance = run.resume(record[-1])
    run.drop()
    return record


def ending_of(author: Author, *outcomes: StepOutcome) -> Finished:
    """Run a flow to its end, its steps ending so; all later ones are done."""
    run = FlowRun(author, CALLER)
    advance = run.start()
    rest = list(outcomes)
    while isinstance(advance, Waiting):
        advance = run.resume(result_of(advance, outcome=rest.pop(0) if rest else StepOutcome.DONE))
    return advance


async def menu(call: Call) -> None:
    await call.say("Welcome.")
    digit = await call.ask_digits("Press a key.")
    await call.say(f"You pressed {digit}.")
    await call.hangup()


def call_says(text: str) -> object:
    return CALLER.say(text).request
