"""The step `use` of a run: as that of a call, but for time. Nobody waits on the line, so it is asked again with pauses.

A question leaves nothing on record but its answer: a successor asks it again. That a change is asked for is synced
first; where its answer is lost it is repeated only where the other side does it once for one key, else the action that
tells is asked. What is in doubt after all attempts goes on without the flow (`unfinished`): nothing is guessed. Where a
path has certainly done nothing the next one that makes the change is asked.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keepline.call.effects import CallCapability, CapabilityAnswered, Report
from keepline.call.facts.run import RunUseStarted
from keepline.call.runs.state import RunState
from keepline.call.turn import Turn
from keepline.call.unfinished.doubt import Asker, key_of, settle
from keepline.call.unfinished.resolving import told_of
from keepline.flow import StepOutcome, StepResult, Unavailable, Unknown, Use
from keepline.flow.capabilities import (
    NO_RECORD,
    UseOutcome,
    is_reply,
    outcome_words,
    read_outcome,
    unanswered,
    write_outcome,
)
from keepline.flow.steps import fingerprint
from keepline.model.capability import PROMISING, Capability, CapabilityAction
from keepline.model.limits_runs import RUN_USE_ATTEMPTS_MAX

if TYPE_CHECKING:
    from keepline.call.runs.runs import Runs


@dataclass(frozen=True, slots=True)
class RunWay:
    """By which path a change is asked for."""

    path: str = ""
    """Empty for the only one."""
    path_attempt: int = 1
    """The first attempt at it."""
    why: str = ""
    """The path before was left."""


SILENT_S = 0.5
"""Beyond its deadline, until a use that nobody answers is given up."""
PAUSE_S_MIN = 1.0
"""Before what may have been done is asked for again; doubles each time."""


def begin(runs: "Runs", turn: Turn, run: RunState, request: Use) -> StepResult | None:
    """Ask, or go on with a change that a process before has asked for; the result where it is known at once."""
    action = _action(turn, run, request.action, request.capability)
    if action is None:
        return _result(turn, run, request, Unavailable(f"the operation has no {request.capability}.{request.action}"))
    if not action.changes:
        _emit(runs, turn, run, request, request.action, action, 1)
        return None
    if run.use is None:
        paths = _paths(turn, run, request)
        _ask(runs, turn, run, request, request.action, 1, RunWay(paths[0]) if len(paths) > 1 else RunWay())
        return None
    return _resolve(runs, turn, run, request, "the process that asked died", pause=False)


def on_answered(runs: "Runs", turn: Turn, run: RunState, given: CapabilityAnswered) -> StepResult | None:
    """An answer; None where it is late, or something is asked in turn."""
    assert run.waiting is not None
    assert isinstance(run.waiting.request, Use)
    if (given.step, given.attempt) != (run.waiting.step, run.asking):
        return None
    return _judge(runs, turn, run, run.waiting.request, given.outcome)


def on_time(runs: "Runs", turn: Turn, run: RunState, request: Use) -> StepResult | None:
    """Nobody answered in time, or a pause is over."""
    if run.asking:
        changes = run.use is not None
        return _judge(runs, turn, run, request, unanswered("no answer within its time", changes=changes))
    return _resolve(runs, turn, run, request, "its answer was lost", pause=False)


def _judge(runs: "Runs", turn: Turn, run: RunState, request: Use, outcome: UseOutcome) -> StepResult | None:
    use = run.use
    if use is None:
        return _result(turn, run, request, outcome)
    if use.asks != use.action:
        action = _action(turn, run, use.action, use.capability, use.path)
        certain = told_of(action, use.asks, outcome, turn.now_s, use.sent_at_s or use.at_s) if action else None
        if certain is not None:
            return _or_onward(runs, turn, run, request, certain)
        return _resolve(runs, turn, run, request, f"the lookup is {outcome_words(write_outcome(outcome))}", pause=True)
    is_open = isinstance(outcome, Unknown) or (isinstance(outcome, Unavailable) and use.attempt > use.path_attempt)
    if is_open:
        return _resolve(runs, turn, run, request, outcome_words(write_outcome(outcome)), pause=True)
    return _or_onward(runs, turn, run, request, outcome)


def _or_onward(runs: "Runs", turn: Turn, run: RunState, request: Use, outcome: UseOutcome) -> StepResult | None:
    """An outcome at one path; None where it certainly did nothing, and the next one is asked."""
    use = run.use
    assert use is not None
    paths = _paths(turn, run, request)
    later = paths[paths.index(use.path) + 1 :] if use.path in paths else []
    is_undone = isinstance(outcome, Unavailable) and not outcome.reason.startswith(NO_RECORD)
    if not is_undone or not later or use.attempt >= RUN_USE_ATTEMPTS_MAX:
        return _result(turn, run, request, outcome)
    attempt = use.attempt + 1
    way = RunWay(later[0], attempt, f"{use.path}: {outcome_words(write_outcome(outcome))}")
    _ask(runs, turn, run, request, request.action, attempt, way)
    return None


def _resolve(runs: "Runs", turn: Turn, run: RunState, request: Use, why: str, *, pause: bool) -> StepResult | None:
    """What becomes of a change that may have been done; None while somebody is asked, or will be after a pause."""
    use = run.use
    assert use is not None
    action = _action(turn, run, request.action, request.capability, use.path)
    asks = "" if action is None else request.action if action.idempotent else action.resolve or action.lookup
    if not asks or use.attempt >= RUN_USE_ATTEMPTS_MAX:
        return _result(turn, run, request, Unknown(why.removeprefix("unknown: ")))
    if pause and use.attempt > use.path_attempt:
        run.asking = 0
        runs.arm(run, turn.now_s + PAUSE_S_MIN * 2 ** (use.attempt - use.path_attempt - 1))
        return None
    _ask(runs, turn, run, request, asks, use.attempt + 1, RunWay(use.path, use.path_attempt, use.why))
    return None


def _ask(runs: "Runs", turn: Turn, run: RunState, request: Use, asks: str, attempt: int, way: RunWay) -> None:
    """Ask for a change, or what became of it, which is on record first."""
    action = _action(turn, run, asks, request.capability, way.path)
    assert action is not None
    assert run.waiting is not None
    deadline_s = turn.now_s + action.timeout_s
    names = (request.capability, request.action, asks, request.arguments)
    before = run.use
    times_s = (before.first_at_s or before.at_s if before else turn.now_s,
               before.sent_at_s if before and asks != request.action else turn.now_s)  # fmt: skip
    runs.record(turn, run, RunUseStarted(run.id, turn.now_s, run.waiting.step, *names, attempt, deadline_s, *times_s,
                                           way.path, way.path_attempt, way.why))  # fmt: skip
    _emit(runs, turn, run, request, asks, action, attempt, way)


def _emit(
    runs: "Runs",
    turn: Turn,
    run: RunState,
    request: Use,
    asks: str,
    action: CapabilityAction,
    attempt: int,
    way: RunWay | None = None,
) -> None:
    assert run.waiting is not None
    step, deadline_s = run.waiting.step, turn.now_s + action.timeout_s
    run.asking = attempt
    names = (request.capability, asks, request.arguments)
    key, changes = key_of(run.id, step), action.changes
    path = way.path if way is not None else ""
    others = _paths(turn, run, request) if way is not None and path else []
    may_skip = bool(others) and path != others[-1] and way is not None and attempt == way.path_attempt
    version = run.started.operation
    turn.emit(
        CallCapability(run.id, step, *names, key, deadline_s, changes, attempt, version, path=path, may_skip=may_skip)
    )
    runs.arm(run, deadline_s + SILENT_S)


def _action(turn: Turn, run: RunState, action: str, capability: str, path: str = "") -> CapabilityAction | None:
    found = _capability(turn, run, capability)
    return found.action(action, path) if found is not None else None


def _capability(turn: Turn, run: RunState, name: str) -> Capability | None:
    program = turn.program_of(run.started.operation)
    return program.operation.capabilities.get(name) if program is not None else None


def _paths(turn: Turn, run: RunState, request: Use) -> list[str]:
    """Those that may make a change, in their order; not those that only promise it: a run has time to ask again."""
    found = _capability(turn, run, request.capability)
    paths = found.change_paths(request.action) if found is not None else ()
    return [path.name for path in paths if not isinstance(path.connector, PROMISING)]


def _result(turn: Turn, run: RunState, request: Use, outcome: UseOutcome) -> StepResult:
    value = _settled(turn, run, run.use, outcome)
    name = f"{request.capability}.{request.action}"
    if not is_reply(value) and isinstance(read_outcome(value), Unavailable | Unknown):
        turn.emit(Report("use_failed", run.id, f"{name}: {outcome_words(value)}"))
    attempts = run.use.attempt if run.use is not None else 1
    return StepResult(request.verb, fingerprint(request), StepOutcome.DONE, value, name, attempts)


def leave_undone(turn: Turn, run: RunState, why: str) -> None:
    """A change that may have been made outlives a run that ends in the midst of it."""
    if run.use is not None:
        _settled(turn, run, run.use, Unknown(why.strip().rpartition("\n")[2]))


def _settled(turn: Turn, run: RunState, use: RunUseStarted | None, outcome: UseOutcome) -> str:
    """An outcome for the journal; a doubt that is left goes on without the flow."""
    value = write_outcome(outcome, changes=use is not None)
    if use is None or is_reply(value):
        return value
    found = read_outcome(value)
    if not isinstance(found, Unknown):
        return value
    asker = Asker(run.id, run.started.flow, run.started.operation)
    action = _action(turn, run, use.action, use.capability, use.path)
    return write_outcome(settle(turn, asker, use, found, action, use.path), changes=True)
