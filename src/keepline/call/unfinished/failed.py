"""What a flow that failed leaves for people: a run in any case, a call where it had done what others count on.

Nobody looks at a run, so one that did not return is somebody's work. A caller has heard the apology; what stays is what
the call had changed before, or recorded: its caller may not know of it, and what should have followed has not. It says
what that was, as far as the facts say so, and refuses to judge what must be done about it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from keepline.call.facts import CallPlaced, UseStarted
from keepline.call.facts.run import RunUseStarted
from keepline.call.facts.work import WorkOpened
from keepline.call.runs.state import RunState
from keepline.call.state import CallState
from keepline.call.turn import Program, Turn
from keepline.call.unfinished.book import CALL_FAILED, RUN_FAILED
from keepline.call.unfinished.doubt import asker_of, key_of, settle
from keepline.flow import Promised, Reply, StepOutcome, StepResult, Unknown, Use
from keepline.flow.capabilities import outcome_words, read_outcome, write_value
from keepline.flow.recording import RecordingReason, RecordMessage, read_recorded, recording_path
from keepline.model.capability import CapabilityAction
from keepline.model.limits_runs import WORK_ERROR_CHARS_MAX, WORK_MADE_MAX

Made = dict[str, Any]
"""One thing that was done before a flow failed: `step`, and of a use `use`, `idempotency_key`, `came_to` and `answer`,
of a message `message`, its file below the data directory, and `length_s`."""
UNDER_WAY = "asked for, and no answer yet"
_NO_MESSAGE = (RecordingReason.TOO_SHORT, RecordingReason.FAILED)
_MAY_BE_DONE = (Reply, Unknown, Promised)


def leave_call(turn: Turn, call: CallState, error: str) -> None:
    """A call's flow fails here, before the fact of it: leave what it had done to a person, if that is anything."""
    program, begun = turn.program_of(call.received.operation), call.received
    made = list(_made(call.id, call.steps, call.steps_before, lambda name: _changes(program, name)))
    if call.use is not None and call.use.changes:
        made.append(_under_way(call.id, call.use))
    if not made:
        return
    part = "failed" if call.failed is None else "fallback-failed"
    turn.leave(
        WorkOpened(
            call.id, turn.now_s, f"{call.id}-{part}", CALL_FAILED, _last_line(error), begun.flow, begun.from_number,
            begun.to_number, operation=begun.operation,
            parent=begun.parent if isinstance(begun, CallPlaced) else "",
            variables=write_value(call.variables), error=_short(error), made=_written(made),
        )
    )  # fmt: skip


def leave_undone(turn: Turn, call: CallState, error: str) -> None:
    """Nothing of the call waits any more for a change that is under way: it goes on in doubt."""
    use, program = call.use, turn.program_of(call.received.operation)
    if use is not None and use.changes:
        settle(turn, asker_of(call), use, Unknown(_last_line(error)), _action(program, use.capability, use.action))
        call.use = None


def leave_run(turn: Turn, run: RunState, ending: str, error: str) -> None:
    """A run ends otherwise than by returning."""
    started = run.started
    program = turn.program_of(started.operation)
    made = list(_made(run.id, run.steps, 0, lambda name: _changes(program, name)))
    if run.use is not None:
        made.append(_under_way(run.id, run.use))
    why = f"the run {ending.replace('_', ' ')}: {_last_line(error)}"
    turn.leave(
        WorkOpened(
            run.id, turn.now_s, f"{run.id}-failed", RUN_FAILED, why, started.flow, "", "",
            operation=started.operation, key=started.key, parent=started.parent, variables=started.variables,
            error=_short(error), made=_written(made),
        )
    )  # fmt: skip


def _made(id_: str, steps: Iterable[StepResult], first: int, changes: Callable[[str], bool]) -> Iterator[Made]:
    for step, result in enumerate(steps, first):
        if result.outcome is StepOutcome.FAILED:
            continue
        if result.verb == RecordMessage.verb and result.reason not in _NO_MESSAGE:
            key, length_s = read_recorded(result.value)
            yield {"step": step, "message": recording_path(key), "length_s": length_s}
        elif result.verb == Use.verb and result.outcome is StepOutcome.DONE and changes(result.reason):
            outcome = read_outcome(result.value)
            if isinstance(outcome, _MAY_BE_DONE):
                yield {
                    "step": step,
                    "use": result.reason,
                    "idempotency_key": key_of(id_, step),
                    "came_to": outcome_words(result.value),
                    "answer": outcome.fields if isinstance(outcome, Reply) else {},
                }


def _under_way(id_: str, use: UseStarted | RunUseStarted) -> Made:
    """What becomes of it is on record later, or is an item of its own."""
    name, key = f"{use.capability}.{use.action}", key_of(id_, use.step)
    return {"step": use.step, "use": name, "idempotency_key": key, "came_to": UNDER_WAY, "answer": {}}


def _changes(program: Program | None, name: str) -> bool:
    """Whether a use changes something; where nobody knows any more, it may."""
    capability, _, action = name.partition(".")
    told = _action(program, capability, action)
    return told is None or told.changes


def _action(program: Program | None, capability: str, action: str) -> CapabilityAction | None:
    found = program.operation.capabilities.get(capability) if program is not None else None
    return found.action(action) if found is not None else None


def _written(made: list[Made]) -> str:
    """The last ones; what a flow does by the hundred is in its timeline."""
    return write_value(made[-WORK_MADE_MAX:])


def _last_line(error: str) -> str:
    lines = error.strip().splitlines()
    return _short(lines[-1]) if lines else "without a word"


def _short(error: str) -> str:
    return error[-WORK_ERROR_CHARS_MAX:]
