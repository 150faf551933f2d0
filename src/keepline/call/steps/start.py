"""The step of a call that starts a run: `start`. It needs no caller, and the run outlives the call."""

from keepline.call.runs.starting import started_by_step
from keepline.call.state import CallState
from keepline.call.steps.common import Behaviour, Result, result_of, step_number
from keepline.call.turn import Turn
from keepline.flow import StartFlow, StepOutcome, Waiting


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result:
    """Its start is on record in the turn of the step's end: a successor finds both, or neither."""
    request = waiting.request
    assert isinstance(request, StartFlow)
    program = turn.program_of(call.received.operation)
    assert program is not None
    started, mistake = started_by_step(request, call.id, step_number(call, waiting), turn.now_s, program)
    if started is None:
        return result_of(waiting, StepOutcome.FAILED, mistake)
    turn.switchboard.start(turn, started)
    return result_of(waiting, value=started.call)


START = Behaviour(begin=_begin, needs_caller=False)
