"""The step that asks something of a capability: `use`.

That it was asked is a fact before it is asked; of what changes something, a synced one. So a process that takes over
knows what may have been done. A question is asked again. A change is repeated only where the other side does it once
for one key, else the action that tells what became of it is asked. What is in doubt when the flow has waited long
enough goes on without it (`unfinished`): nothing is guessed.
"""

from keepline.call.effects import (
    CallCapability,
    CapabilityAnswered,
    ForgetSecrets,
    PlayPrompt,
    PromptPlayed,
    Report,
    SecretHeard,
    StopPrompt,
)
from keepline.call.facts import SecretKept, SecretLost, UseEnded, UseStarted
from keepline.call.state import CallState, Timer
from keepline.call.steps import change_paths, routes
from keepline.call.steps import secret as steps_secret
from keepline.call.steps.change_paths import Onward, action_of, capability_of
from keepline.call.steps.common import Behaviour, Result, no_prompt, play_number_of, result_of, step_number
from keepline.call.steps.ledger import done_with
from keepline.call.steps.patience import has_time, until_s, way_on
from keepline.call.turn import Turn
from keepline.call.unfinished.doubt import asker_of, key_of, settle
from keepline.call.unfinished.resolving import told_of
from keepline.flow import Reason, StepOutcome, StepResult, Waiting
from keepline.flow.capabilities import (
    Pending,
    Promised,
    Reply,
    SecretsGone,
    Unavailable,
    Unknown,
    Use,
    UseOutcome,
    handles_in,
    outcome_words,
    read_outcome,
    unanswered,
    without_secrets,
    write_outcome,
)
from keepline.flow.steps import fingerprint
from keepline.model.limits import SECRET_REPEATS_MAX
from keepline.model.limits_capabilities import USE_RESUMED_MAX

SILENT_S = 0.5
"""Beyond its deadline, until a use that nobody answers is given up."""
DIED = "the process that asked died"
FORGOTTEN = "its secret is forgotten: a use had it and has its outcome; ask for it anew"


def is_alone(call: CallState) -> bool:
    """A change is under way that no step waits for any more: its caller is gone."""
    use, waiting = call.use, call.waiting
    return use is not None and use.changes and (waiting is None or step_number(call, waiting) != use.step)


def answered_outcome(turn: Turn, call: CallState, given: CapabilityAnswered, timer: Timer) -> UseOutcome | None:
    """What an answer means for the use that runs; None where it is late, or something is asked in turn."""
    use = call.use
    if use is None or (given.step, given.attempt) != (use.step, use.attempt):
        return None
    routes.note(turn, call, use, given.route)
    if change_paths.is_promise_asked(capability_of(turn, call, use.capability), use):
        return change_paths.promised(use, given.outcome)
    return _or_onward(turn, call, use, _answered(turn, call, use, given.outcome, timer), timer)


def _answered(turn: Turn, call: CallState, use: UseStarted, outcome: UseOutcome, timer: Timer) -> UseOutcome | None:
    """The same at the path that was asked."""
    is_repeated = use.attempt > use.path_attempt
    if isinstance(outcome, SecretsGone) and use.changes and is_repeated:
        return _unrepeatable(turn, call, use, timer)
    if use.changes and isinstance(outcome, Pending):
        return outcome  # the other side says that it takes longer
    if use.asks != use.action:
        return _looked_up(turn, call, use, outcome)
    # Of a repetition that could not be sent nothing follows for what was sent before.
    is_open = isinstance(outcome, Unknown) or (isinstance(outcome, Unavailable) and is_repeated)
    if use.changes and is_open:
        return resolved(turn, call, use, _words(outcome).partition(": ")[2], timer)
    return outcome


def silent_outcome(turn: Turn, call: CallState, timer: Timer) -> UseOutcome | None:
    """The same where nobody answered in time."""
    if (use := call.use) is None:
        return None
    outcome = unanswered("no answer within its time", changes=use.changes)
    return answered_outcome(turn, call, CapabilityAnswered(call.id, use.step, outcome, use.attempt), timer)


def resume(turn: Turn, call: CallState, use: UseStarted, timer: Timer) -> UseOutcome | None:
    """Go on with a use that a process before began; None while it is asked again."""
    if change_paths.is_promise_asked(capability_of(turn, call, use.capability), use):
        return Promised(use.why)
    if use.changes and use.asks == use.action:
        return _or_onward(turn, call, use, resolved(turn, call, use, DIED, timer, is_resumed=True), timer)
    if use.attempt >= USE_RESUMED_MAX:
        return unanswered(f"{DIED}, {use.attempt} times", changes=use.changes)
    return ask(turn, call, use, use.asks, timer, is_resumed=True)


def _or_onward(
    turn: Turn, call: CallState, use: UseStarted, outcome: UseOutcome | None, timer: Timer
) -> UseOutcome | None:
    """An outcome at one path; where another may be asked then, None, or what came of that."""
    if outcome is None or not use.changes or not use.path or isinstance(outcome, Reply):
        return outcome
    capability = capability_of(turn, call, use.capability)
    following = change_paths.onward(capability, use, outcome) if capability is not None else None
    if following is None:
        return outcome
    names = (use.capability, use.action, use.action)
    return _start(turn, call, use.step, names, use.arguments, timer, following)


def resolved(
    turn: Turn, call: CallState, use: UseStarted, why: str, timer: Timer, *, is_resumed: bool = False
) -> UseOutcome | None:
    """What becomes of a change that may have been done; None while somebody is asked."""
    action = action_of(turn, call, use.capability, use.action, use.path)
    if action is not None and (asks := way_on(turn.now_s, use, action, is_resumed=is_resumed)):
        return ask(turn, call, use, asks, timer, is_resumed=is_resumed)
    return Unknown(why)


def _looked_up(turn: Turn, call: CallState, use: UseStarted, outcome: UseOutcome) -> UseOutcome:
    action = action_of(turn, call, use.capability, use.action, use.path)
    sent_at_s = use.sent_at_s or use.first_at_s or use.at_s
    certain = told_of(action, use.asks, outcome, turn.now_s, sent_at_s) if action is not None else None
    return certain if certain is not None else Unknown(f"the lookup is {_words(outcome)}")


def _settled(turn: Turn, call: CallState, use: UseStarted | None, outcome: UseOutcome) -> str:
    """An outcome for the journal; a doubt that is left goes on without the flow."""
    changes = use is not None and use.changes
    value = write_outcome(outcome, changes=changes)
    found = read_outcome(value)
    if use is None or not changes or not isinstance(found, Unknown | Promised):
        return value
    if isinstance(found, Promised):
        capability = capability_of(turn, call, use.capability)
        assert capability is not None
        return write_outcome(change_paths.keep(turn, asker_of(call), capability, use, found))
    path = use.doubted or use.path
    action = action_of(turn, call, use.capability, use.action, path)
    return write_outcome(settle(turn, asker_of(call), use, found, action, path), changes=True)


def _unrepeatable(turn: Turn, call: CallState, use: UseStarted, timer: Timer) -> UseOutcome | None:
    """A change that may have been done, and whose secret is lost: the caller's next entry might be another one."""
    action = action_of(turn, call, use.capability, use.action, use.path)
    if action is not None and (action.resolve or action.lookup) and has_time(turn.now_s, use, action):
        return ask(turn, call, use, action.resolve or action.lookup, timer)
    return Unknown("its secret was lost before it could be asked again")


def ask(
    turn: Turn, call: CallState, before: UseStarted, asks: str, timer: Timer, *, is_resumed: bool = False
) -> UseOutcome | None:
    """Ask once more."""
    names = (before.capability, before.action, asks)
    return _start(turn, call, before.step, names, before.arguments, timer, is_resumed=is_resumed)


def _start(
    turn: Turn,
    call: CallState,
    step: int,
    names: tuple[str, str, str],
    arguments: str,
    timer: Timer,
    onward: Onward | None = None,
    *,
    is_resumed: bool = False,
) -> UseOutcome | None:
    capability, action, asks = names
    before = call.use if call.use is not None and call.use.step == step else None
    attempt = before.attempt + 1 if before is not None else 1
    path, path_attempt, doubted, why = "", 1, "", ""
    if onward is not None:
        before, path, path_attempt, doubted, why = None, onward.path, attempt, onward.doubted, onward.why
    elif before is not None:
        path, path_attempt, doubted, why = before.path, before.path_attempt, before.doubted, before.why
    asked, meant = action_of(turn, call, capability, asks, path), action_of(turn, call, capability, action, path)
    if asked is None or meant is None:
        return Unavailable(f"the operation has no {capability}.{asks}")
    first_at_s = before.first_at_s or before.at_s if before is not None else turn.now_s
    sent_at_s = before.sent_at_s if before is not None and asks != action else turn.now_s
    deadline_s = turn.now_s + asked.timeout_s
    if before is not None and meant.changes and not is_resumed:
        deadline_s = min(deadline_s, until_s(before, meant))
    fact = UseStarted(
        call.id, turn.now_s, step, capability, action, asks, arguments, meant.changes, attempt, deadline_s,
        first_at_s, sent_at_s, path, path_attempt, doubted, why,
    )  # fmt: skip
    turn.record(call, fact, synced=asked.changes)
    told = arguments if asks == action else without_secrets(arguments)  # a lookup goes by the key
    may_skip = bool(path) and attempt == path_attempt
    turn.emit(
        CallCapability(
            call.id, step, capability, asks, told, key_of(call.id, step), deadline_s, asked.changes, attempt,
            call.received.operation, call.received.slot, path, may_skip, may_hedge=not meant.changes,
        )
    )  # fmt: skip
    turn.set_timer(call, timer, deadline_s + SILENT_S)
    return None


def end_alone(turn: Turn, call: CallState, use: UseStarted, outcome: UseOutcome) -> None:
    """Record what became of a change that no step waits for."""
    value = _settled(turn, call, use, outcome)
    call.timers.pop(Timer.USE, None)
    _forget(turn, call, use.arguments, value)
    turn.record(call, UseEnded(call.id, turn.now_s, use.step, f"{use.capability}.{use.action}", value))
    report(turn, call, f"{use.capability}.{use.action}", value)


def _words(outcome: UseOutcome) -> str:
    return outcome_words(write_outcome(outcome))


# As a step ------------------------------------------------------------------------------------------------------------


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = waiting.request
    assert isinstance(request, Use)
    program = turn.program_of(call.received.operation)
    if action_of(turn, call, request.capability, request.action) is None:
        what = f"the operation has no {request.capability}.{request.action}"
        return result_of(waiting, StepOutcome.FAILED, what)
    if request.prompt and (program is None or request.prompt not in program.operation.prompts):
        return no_prompt(waiting, request.prompt)
    if call.secrets.again:
        return _go_on_asking(turn, call, waiting, steps_secret.ask(turn, call, waiting))
    use, step = call.use, step_number(call, waiting)
    if use is not None and use.step == step:
        outcome = resume(turn, call, use, Timer.STEP)
    else:
        if use is not None and use.changes:
            end_alone(turn, call, use, Unknown("the flow that asked failed, and its fallback asks for something else"))
        outcome = _first(turn, call, waiting)
    if outcome is not None:
        return _result(turn, call, waiting, outcome)
    return _play(turn, call, waiting)


def _first(turn: Turn, call: CallState, waiting: Waiting) -> UseOutcome | None:
    request = waiting.request
    assert isinstance(request, Use)
    if set(handles_in(request.arguments)) - call.secrets.held:
        return Unavailable(FORGOTTEN)
    names = (request.capability, request.action, request.action)
    capability = capability_of(turn, call, request.capability)
    action = capability.action(request.action) if capability is not None else None
    first = None
    if capability is not None and action is not None and action.changes and len(capability.paths) > 1:
        first = change_paths.first_path(turn, capability, request.action, request.arguments)
    return _start(turn, call, step_number(call, waiting), names, request.arguments, Timer.STEP, first)


def _play(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = waiting.request
    assert isinstance(request, Use)
    program = turn.program_of(call.received.operation)
    prompt = program.operation.prompts.get(request.prompt) if program is not None else None
    if prompt is not None:
        # A use has two numbers, as a question that is asked twice has: one to play, and one to stop.
        number = play_number_of(call, waiting) - 1
        turn.emit(PlayPrompt(call.id, call.received.slot, number, prompt, True, False, call.digits_head))
    return None


def on_answered(turn: Turn, call: CallState, waiting: Waiting, given: CapabilityAnswered) -> Result | None:
    """An answer for the step that waits; None where the step goes on."""
    outcome = answered_outcome(turn, call, given, Timer.STEP)
    if isinstance(outcome, SecretsGone):
        return _ask_again(turn, call, waiting, outcome)
    return None if outcome is None else _result(turn, call, waiting, outcome)


def _on_timer(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    if call.secrets.again:
        return _go_on_asking(turn, call, waiting, steps_secret.on_time(turn, call, waiting))
    outcome = silent_outcome(turn, call, Timer.STEP)
    return None if outcome is None else _result(turn, call, waiting, outcome)


def _result(turn: Turn, call: CallState, waiting: Waiting, outcome: UseOutcome) -> Result:
    request = waiting.request
    assert isinstance(request, Use)
    value = _settled(turn, call, call.use, outcome)
    report(turn, call, f"{request.capability}.{request.action}", value)
    if request.prompt and call.use is not None:
        turn.emit(StopPrompt(call.id, call.received.slot, play_number_of(call, waiting)))
    name = f"{request.capability}.{request.action}"
    attempts = call.use.attempt if call.use is not None else 0
    _forget(turn, call, request.arguments, value)
    return Result(StepResult(request.verb, fingerprint(request), StepOutcome.DONE, value, name, attempts))


def is_promise(call: CallState, step: StepResult) -> bool:
    """Whether a step's result is the answer to a change: what the caller hears of it must still be so tomorrow."""
    if step.verb != Use.verb or step.outcome is not StepOutcome.DONE or call.use is None or not call.use.changes:
        return False
    return isinstance(read_outcome(step.value), Reply | Promised)


def _forget(turn: Turn, call: CallState, arguments: str, value: str) -> None:
    """Once the outcome is certain, nobody needs the secrets any more."""
    done = done_with(arguments, value)
    if done:
        turn.emit(ForgetSecrets(call.id, call.received.slot, tuple(sorted(done))))


# Secrets that were lost -----------------------------------------------------------------------------------------------


def _ask_again(turn: Turn, call: CallState, waiting: Waiting, gone: SecretsGone) -> Result | None:
    """Nothing was asked: the caller is, for what the use needs."""
    request = waiting.request
    assert isinstance(request, Use)
    is_known = set(gone.handles) <= dict(request.secrets).keys()
    if not is_known or not call.has_caller or call.secrets.lost >= SECRET_REPEATS_MAX:
        return _result(turn, call, waiting, Unavailable(gone.reason))
    if request.prompt:
        turn.emit(StopPrompt(call.id, call.received.slot, play_number_of(call, waiting)))
    call.timers.pop(Timer.STEP, None)
    used = steps_secret.digits_used(call)
    turn.record(call, SecretLost(call.id, turn.now_s, step_number(call, waiting), gone.handles, used))
    return _go_on_asking(turn, call, waiting, steps_secret.ask(turn, call, waiting))


def _go_on_asking(turn: Turn, call: CallState, waiting: Waiting, given: steps_secret.Given | None) -> Result | None:
    """A question of the step has come so far: the next one, or the use itself, once nothing is missing."""
    if given is None:
        return None
    if given.reason is not Reason.ANSWERED:
        why = given.problem or f"{given.reason}"
        return _result(turn, call, waiting, Unavailable(f"its secret was lost, and not given again: {why}"))
    step, used = step_number(call, waiting), steps_secret.digits_used(call)
    call.timers.pop(Timer.STEP, None)
    turn.record(call, SecretKept(call.id, turn.now_s, step, call.secrets.again[0], given.count, used))
    if call.secrets.again:
        return _go_on_asking(turn, call, waiting, steps_secret.ask(turn, call, waiting))
    outcome = _first(turn, call, waiting)
    return _play(turn, call, waiting) if outcome is None else _result(turn, call, waiting, outcome)


def _on_played(turn: Turn, call: CallState, waiting: Waiting, played: PromptPlayed) -> Result | None:
    if not call.secrets.again:
        return None
    return _go_on_asking(turn, call, waiting, steps_secret.on_played(turn, call, waiting, played))


def _on_secret(turn: Turn, call: CallState, waiting: Waiting, heard: SecretHeard) -> Result | None:
    if not call.secrets.again:
        return None
    return _go_on_asking(turn, call, waiting, steps_secret.on_heard(turn, call, waiting, heard))


def _resume_media(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    if not call.secrets.again:
        return _play(turn, call, waiting)
    return _go_on_asking(turn, call, waiting, steps_secret.say_again(turn, call, waiting))


def report(turn: Turn, call: CallState, name: str, value: str) -> None:
    """Say to the operator what did not work; a refusal is an answer like any other."""
    words = outcome_words(value)
    if words.startswith(("unavailable", "unknown", "pending")):
        turn.emit(Report("use_failed", call.id, f"{name}: {words}"))


USE = Behaviour(
    begin=_begin, on_prompt_played=_on_played, on_secret=_on_secret, on_timer=_on_timer, resume_media=_resume_media
)
