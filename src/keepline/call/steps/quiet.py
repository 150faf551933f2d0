"""The steps that a caller does not hear: `wait`, `log`, `outcome`."""

from keepline.call.state import CallState, Timer
from keepline.call.steps.common import Behaviour, Result, result_of
from keepline.call.turn import Turn
from keepline.flow import Wait, Waiting
from keepline.flow.quiet import Note


def _wait(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = waiting.request
    assert isinstance(request, Wait)
    due_s = call.asked_at_s + request.seconds
    if due_s <= turn.now_s:
        return result_of(waiting)
    turn.set_timer(call, Timer.STEP, due_s)
    return None


def _on_waited(_turn: Turn, _call: CallState, waiting: Waiting) -> Result:
    return result_of(waiting)


def _note(_turn: Turn, _call: CallState, waiting: Waiting) -> Result:
    request = waiting.request
    assert isinstance(request, Note)
    return result_of(waiting, value=request.to_json())


WAIT = Behaviour(begin=_wait, on_timer=_on_waited)
NOTE = Behaviour(begin=_note, needs_caller=False)
