"""Changes that are under way when their caller is gone: they are let finish, and what became of them is recorded.

The call stays open for them, without media, until there is an outcome; no longer than its deadlines.
"""

from keepline.call import established, teardown
from keepline.call.effects import CapabilityAnswered
from keepline.call.state import CallState, Timer
from keepline.call.steps.use import SILENT_S, answered_outcome, end_alone, is_alone, resume, silent_outcome
from keepline.call.turn import Turn
from keepline.flow.capabilities import UseOutcome


def on_answered(turn: Turn, call: CallState, given: CapabilityAnswered) -> None:
    """An answer, for the step that waits for it or for the record alone."""
    if is_alone(call):
        _end(turn, call, answered_outcome(turn, call, given, Timer.USE))
    else:
        established.on_capability_answered(turn, call, given)


def on_timer(turn: Turn, call: CallState) -> None:
    """Nobody answered in time."""
    if is_alone(call):
        _end(turn, call, silent_outcome(turn, call, Timer.USE))


def keep_watch(turn: Turn, call: CallState) -> None:
    """Have time pass for a change that has just been left alone; cheap where there is none."""
    if call.use is not None and is_alone(call) and Timer.USE not in call.timers:
        turn.set_timer(call, Timer.USE, max(turn.now_s, call.use.deadline_s + SILENT_S))


def restore(turn: Turn, call: CallState) -> None:
    """Go on with a change that a process before left alone."""
    if call.use is not None and is_alone(call):
        _end(turn, call, resume(turn, call, call.use, Timer.USE))


def _end(turn: Turn, call: CallState, outcome: UseOutcome | None) -> None:
    use = call.use
    if outcome is None or use is None:
        return
    end_alone(turn, call, use, outcome)
    teardown.end_if_over(turn, call)
