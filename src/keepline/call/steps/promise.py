"""The step that promises somebody a call: `promise_callback`. It needs no caller, and the ticket outlives the call."""

from keepline.call.callbacks.rights import WITHHELD, number_of
from keepline.call.callbacks.tickets import Promise, Promising
from keepline.call.state import CallState
from keepline.call.steps.common import Behaviour, Result, step_number
from keepline.call.turn import Turn
from keepline.flow import PromiseCallback, StepOutcome, StepResult, Waiting
from keepline.flow.capabilities import read_value, write_value
from keepline.flow.steps import fingerprint

PROMISED, NOT_PROMISED = "promised", "not_promised"


def promise_of(request: PromiseCallback, asker: str, step: int, number: str) -> Promise:
    """What a step promises, to `number` where it names none itself."""
    variables = tuple((str(name), str(value)) for name, value in read_value(request.variables).items())
    return Promise(
        asker, (str(step),), request.number or number, request.flow, request.after_s, request.within_s,
        request.unless_called, "promised", (*variables, ("promised_by", asker)), step=step,
    )  # fmt: skip


def value_and_reason(found: Promising) -> tuple[str, str]:
    """What goes on record of it."""
    if found.ticket:
        return write_value({"ticket": found.ticket, "known": found.known}), PROMISED
    return write_value({"reason": found.refusal, "detail": found.detail}), NOT_PROMISED


def is_promised(step: StepResult) -> bool:
    """Whether a step's result is a promise: what the caller hears of it must still be so tomorrow."""
    return step.verb == PromiseCallback.verb and step.reason == PROMISED


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result:
    """The ticket is on record in the turn of the step's end: a successor finds both, or neither."""
    request = waiting.request
    assert isinstance(request, PromiseCallback)
    program = turn.program_of(call.received.operation)
    assert program is not None
    wanted = promise_of(request, call.id, step_number(call, waiting), number_of(call, program.operation))
    if wanted.number:
        found = turn.switchboard.tickets.promise(turn, program.operation, wanted)
    else:
        found = Promising("", refusal=WITHHELD, detail="the caller's number is not known, or was withheld")
    value, reason = value_and_reason(found)
    return Result(StepResult(request.verb, fingerprint(request), StepOutcome.DONE, value, reason))


PROMISE = Behaviour(begin=_begin, needs_caller=False)
