"""The verbs of a run as steps: how each begins, or begins again in another process, what it hears of, how it ends.

`begin` gives the result, or None while the step goes on. It may be called again at any time while the step waits: by a
successor, or because something may have become of what is waited for.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

from keepline.call.effects import CapabilityAnswered
from keepline.call.effects_run import FactsRead
from keepline.call.facts import CallLost, Fact, LineHeard
from keepline.call.facts.run import RunEnded, RunStarted, RunStepEnded, RunWaiting
from keepline.call.inputs import PlaceCall
from keepline.call.outbound.ending import ANSWERED
from keepline.call.record import CallRecord, record_of
from keepline.call.runs import using
from keepline.call.runs.starting import started_by_step, version_for
from keepline.call.runs.state import RunState, fold
from keepline.call.steps.promise import promise_of, value_and_reason
from keepline.call.turn import Turn
from keepline.flow import (
    CallOut,
    Join,
    Log,
    Outcome,
    PromiseCallback,
    StartFlow,
    StepOutcome,
    StepRequest,
    StepResult,
    Use,
    Wait,
    WaitFor,
)
from keepline.flow.acts import NodeAct
from keepline.flow.calling_back import ON_LINE
from keepline.flow.capabilities import read_value, write_value
from keepline.flow.quiet import Note
from keepline.flow.steps import fingerprint
from keepline.model.limits_runs import RUN_STEPS_PER_TURN_MAX

if TYPE_CHECKING:
    from keepline.call.runs.runs import Runs

TIMED_OUT, LOST = "timed_out", "lost"


def result_of(
    run: RunState, value: str = "", reason: str = "", attempts: int = 1, outcome: StepOutcome = StepOutcome.DONE
) -> StepResult:
    """The result of the step that the run waits for."""
    assert run.waiting is not None
    request = run.waiting.request
    return StepResult(request.verb, fingerprint(request), outcome, value, reason, attempts)


def ended(turn: Turn, run: RunState, result: StepResult) -> RunStepEnded:
    """The fact of a result."""
    assert run.waiting is not None
    return RunStepEnded(
        run.id, turn.now_s, run.waiting.step, result.verb, result.fingerprint, result.outcome.value, result.value,
        run.began_at_s, result.reason, result.attempts,
    )  # fmt: skip


def begin(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    """Begin the step, or look again at what has become of it."""
    assert run.waiting is not None
    behaviour = RUN_VERBS.get(type(run.waiting.request))
    if behaviour is None:
        what = f"{run.waiting.request.verb} is a verb of calls: a run has no caller"
        return result_of(run, what, outcome=StepOutcome.FAILED)
    return behaviour(runs, turn, run)


def on_time(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    """The time of the step has come."""
    if run.waiting is None:
        return None
    request = run.waiting.request
    if isinstance(request, Use):
        return using.on_time(runs, turn, run, request)
    if isinstance(request, Wait):
        return result_of(run)
    return result_of(run, "null", TIMED_OUT)


def on_answered(runs: "Runs", turn: Turn, run: RunState, given: CapabilityAnswered) -> StepResult | None:
    """A capability has answered."""
    return using.on_answered(runs, turn, run, given)


def reads(run: RunState, id_: str) -> bool:
    """Whether the step of this run waits for the facts of this id."""
    request = run.waiting.request if run.waiting is not None else None
    return (isinstance(request, Join) and request.run == id_) or run.subject == f"call {id_}"


def on_facts(runs: "Runs", turn: Turn, run: RunState, given: FactsRead) -> None:
    """The facts are there of the run or the call that the step waits for."""
    assert run.waiting is not None
    if isinstance(run.waiting.request, Join):
        runs.end_step(turn, run, _joined(runs, turn, run, given))
    elif isinstance(run.waiting.request, CallOut):
        runs.end_step(turn, run, _called(runs, turn, run, given))


# Waiting --------------------------------------------------------------------------------------------------------------


def _wait(runs: "Runs", turn: Turn, run: RunState, subject: str, until_s: float | None, *, stays: bool = False) -> None:
    """Have on record what the step waits for, and see to it that it hears of it.

    What waits for something else than time says so each time: the index may have taken it for due.
    """
    if run.waits is None or subject:
        assert run.waiting is not None
        runs.record(turn, run, RunWaiting(run.id, turn.now_s, run.waiting.step, subject, until_s))
    if until_s is not None and until_s <= runs.horizon_s:
        runs.arm(run, until_s)
    runs.rest(turn, run)


def _until_s(turn: Turn, run: RunState, timeout_s: float | None) -> float | None:
    """When the step has waited long enough: as it is on record, or from now on."""
    if run.waits is not None:
        return run.waits.until_s
    return None if timeout_s is None else turn.now_s + timeout_s


def _begin_wait(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, Wait)
    until_s = _until_s(turn, run, run.waiting.request.seconds)
    assert until_s is not None
    if until_s <= turn.now_s and run.waits is not None:
        return result_of(run)
    _wait(runs, turn, run, "", until_s)
    return None


def _begin_wait_for(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, WaitFor)
    request = run.waiting.request
    told = runs.events.take(request.subject)
    if told is not None:
        return result_of(run, told.variables, told.call)
    if request.timeout_s == 0:  # it looks, and does not wait
        return result_of(run, "null", TIMED_OUT)
    until_s = _until_s(turn, run, request.timeout_s)
    if run.waits is not None and until_s is not None and until_s <= turn.now_s:
        return result_of(run, "null", TIMED_OUT)
    _wait(runs, turn, run, request.subject, until_s)
    return None


# Children -------------------------------------------------------------------------------------------------------------


def _begin_start(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, StartFlow)
    program = turn.program_of(run.started.operation)
    assert program is not None
    request, current = run.waiting.request, runs.exchange.programs[runs.exchange.current]
    version = version_for(request, program, current)
    started, mistake = started_by_step(request, run.id, run.waiting.step, turn.now_s, version)
    if started is None:
        return result_of(run, mistake, outcome=StepOutcome.FAILED)
    runs.start(turn, started, is_new=not started.key)
    return result_of(run, started.call)


def _begin_join(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, Join)
    request = run.waiting.request
    child = runs.resident.get(request.run)
    over = child.ended if child is not None else runs.ended.get(request.run)
    if over is not None and run.turn_steps < RUN_STEPS_PER_TURN_MAX:
        return _end_of(run, over)
    until_s = _until_s(turn, run, request.timeout_s)
    if run.waits is not None and until_s is not None and until_s <= turn.now_s:
        return result_of(run, "null", TIMED_OUT)
    if child is None or over is not None:
        # It may be over: until that is known, the run is at work, and not forgotten by a successor. One that is over is
        # read as well where the turn has had its steps.
        runs.read(turn, request.run)
        return None
    _wait(runs, turn, run, f"run {request.run}", until_s)
    return None


def _joined(runs: "Runs", turn: Turn, run: RunState, given: FactsRead) -> StepResult | None:
    if not given.facts or not isinstance(given.facts[0], RunStarted):
        return result_of(run, write_value({"error": f"there is no run {given.id}"}), "raised")
    last = given.facts[-1]
    over = last if isinstance(last, RunEnded) else fold(given.facts).ended
    if over is not None:
        return _end_of(run, over)
    if given.id in runs.resident:
        return _begin_join(runs, turn, run)
    request = run.waiting.request if run.waiting is not None else None
    assert isinstance(request, Join)
    _wait(runs, turn, run, f"run {given.id}", _until_s(turn, run, request.timeout_s))
    return None


def _end_of(run: RunState, over: RunEnded) -> StepResult:
    if over.ending == "returned":
        told = {"value": read_value(over.value), "outcome": over.outcome}
        return result_of(run, write_value(told), "returned")
    return result_of(run, write_value({"error": over.error or over.ending}), "raised")


# Calls ----------------------------------------------------------------------------------------------------------------


def _begin_call(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    """Place the call in the turn that says so: a successor finds both on record, or neither."""
    assert run.waiting is not None
    assert isinstance(run.waiting.request, CallOut)
    request, exchange = run.waiting.request, runs.exchange
    if run.waits is not None:
        call = run.waits.subject.partition(" ")[2]
        if not exchange.knows(call):
            runs.read(turn, call)
        return None
    if exchange.draining:
        return None  # by the next process
    if not exchange.tickets.begin_call(turn, run, request):
        return _not_called(run, "", ON_LINE, "they are on the line with us")
    call = _call_id(run, run.waiting.step, turn.now_s)
    place = PlaceCall(
        request.number, request.flow, call, request.from_number, request.variables, request.trunk,
        request.ring_timeout_s, parent=run.id, parent_step=run.waiting.step, avoid=request.avoid,
    )  # fmt: skip
    _wait(runs, turn, run, f"call {call}", None)
    turn.switchboard.place(turn, place)
    if not exchange.knows(call):  # refused at once
        runs.read(turn, call)
    return None


def _call_id(run: RunState, step: int, now_s: float) -> str:
    """16 hex digits, as every call has them: time, by which they sort, and what follows from the step."""
    salt = blake2b(f"{run.id}-{step}".encode(), digest_size=4).hexdigest()[:5]
    return f"{int(now_s * 1000) & 0xFFFFFFFFFFF:011x}{salt}"


def _called(runs: "Runs", turn: Turn, run: RunState, given: FactsRead) -> StepResult | None:
    if not given.facts:
        return _not_called(run, given.id, "failed", "nothing is on record of the call")
    record = record_of(given.facts)
    if record.state != "ended":
        return None
    answered, is_lost = record.answered_at is not None, _is_lost(record, given.facts)
    if answered and not record.error and not is_lost and record.outcome not in ("cancelled", "failed"):
        told = {"call": record.id, "outcome": record.outcome, "fields": record.outcome_fields}
        return result_of(run, write_value(told), "called")
    detail = record.error.strip().splitlines()[-1] if record.error.strip() else record.reason
    outcome = LOST if is_lost else record.outcome
    return _not_called(run, record.id, outcome, detail, answered=answered, ended_by=record.ended_by)


def _is_lost(record: CallRecord, facts: tuple[Fact, ...]) -> bool:
    """Its carrier died under it, before its flow had noted anything."""
    last = next((each for each in reversed(facts) if isinstance(each, CallLost | LineHeard)), None)
    return isinstance(last, CallLost) and record.outcome == ANSWERED


def _not_called(
    run: RunState, call: str, outcome: str, detail: str, *, answered: bool = False, ended_by: str = ""
) -> StepResult:
    told = {"call": call, "outcome": outcome, "detail": detail, "answered": answered, "ended_by": ended_by}
    return result_of(run, write_value(told), "not_called")


def _begin_promise(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, PromiseCallback)
    program = turn.program_of(run.started.operation)
    assert program is not None
    wanted = promise_of(run.waiting.request, run.id, run.waiting.step, "")
    found = turn.switchboard.tickets.promise(turn, program.operation, wanted)
    return result_of(run, *value_and_reason(found))


# The others -----------------------------------------------------------------------------------------------------------


def _begin_use(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, Use)
    return using.begin(runs, turn, run, run.waiting.request)


def _begin_note(_runs: "Runs", _turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, Note)
    return result_of(run, run.waiting.request.to_json())


def _begin_act(runs: "Runs", turn: Turn, run: RunState) -> StepResult | None:
    assert run.waiting is not None
    assert isinstance(run.waiting.request, NodeAct)
    request = run.waiting.request
    do = runs.acts.get(request.act)
    if do is None:
        return result_of(run, f"this node does nothing of the name {request.act}", outcome=StepOutcome.FAILED)
    return result_of(run, write_value(do(turn, run, read_value(request.arguments))))


RUN_VERBS: dict[type[StepRequest], Callable[["Runs", Turn, RunState], StepResult | None]] = {
    Use: _begin_use,
    Wait: _begin_wait,
    WaitFor: _begin_wait_for,
    StartFlow: _begin_start,
    Join: _begin_join,
    CallOut: _begin_call,
    PromiseCallback: _begin_promise,
    Log: _begin_note,
    Outcome: _begin_note,
    NodeAct: _begin_act,
}
"""What is absent is a verb of calls alone."""
