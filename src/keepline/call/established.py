"""The middle of a call: its flow runs, prompts play, digits arrive.

A step's play number follows from the step's number alone, so that a successor asks media for the very same play and
media, which knows what it has played, ignores the repetition.
"""

from dataclasses import dataclass

from keepline.call.effects import DigitsHeard, InspectMedia, MediaSeen, OpenMedia, PlayPrompt, PromptPlayed, Report
from keepline.call.facts import DigitsPressed, FlowEnded, PromptEnded, StepEnded
from keepline.call.state import CallState, Phase, Timer
from keepline.call.turn import Program, Turn
from keepline.flow import Advance, AskDigits, Call, Finished, FlowRun, HangUp, Say, StepOutcome, StepResult, Waiting
from keepline.flow.engine import fingerprint
from keepline.model.errors import LocalError
from keepline.model.operation import Prompt

OPEN_NUMBER = 1
"""Command number of the opening of a call's media; plays come after it."""
PLAY_NUMBER_FIRST = 2
MEDIA_NEWS_S = 0.25
"""A time for an answer that is over before media was asked what it has heard is extended by this much."""
BROKEN = "broken"
"""The ending of a flow whose call met a bug of ours."""


def play_number(step: int) -> int:
    """Command number of the prompt of a step."""
    return PLAY_NUMBER_FIRST + step


@dataclass(frozen=True, slots=True)
class _Result:
    """How a step ended, and how many of the call's digits it used up."""

    step: StepResult
    digits_used: int = 0


def start_flow(turn: Turn, call: CallState) -> None:
    """Run the flow from its beginning, or with its recorded steps to where it stood."""
    program = turn.program_of(call.received.operation)
    function = program.functions.get(call.received.flow) if program else None
    if function is None:
        _end_flow(turn, call, "changed", f"the flow {call.received.flow} of this call's operation is not to be had")
        return
    facade = Call(call.id, call.received.from_number, call.received.to_number)
    call.flow_run = FlowRun(function, facade)
    follow(turn, call, call.flow_run.start(call.steps))


def follow(turn: Turn, call: CallState, advance: Advance) -> None:
    """Carry out what the flow asks for, until it waits for something that takes time."""
    while True:
        if isinstance(advance, Finished):
            _end_flow(turn, call, advance.ending.value, advance.error)
            return
        call.waiting = advance
        result = _begin(turn, call, advance)
        if result is None:
            return
        advance = _end_step(turn, call, result)


def resume_media(turn: Turn, call: CallState) -> None:
    """Say again to media what this call needs: after a switch-over, or for a new media process."""
    answered = call.answered
    if answered is None or call.phase not in (Phase.ANSWERED, Phase.ESTABLISHED):
        return
    open_media(turn, call)
    waiting = call.waiting
    if waiting is not None and isinstance(waiting.request, Say | AskDigits) and call.prompt_over_at_s is None:
        _play(turn, call, waiting)
    turn.emit(InspectMedia(call.id, call.received.slot))


def open_media(turn: Turn, call: CallState) -> None:
    """Give the answered call its RTP; media ignores it where it has."""
    received, answered = call.received, call.answered
    if answered is None:
        return
    turn.emit(
        OpenMedia(
            call.id,
            received.slot,
            answered.remote_host,
            answered.remote_port,
            answered.payload_type,
            answered.dtmf_payload_type,
            received.ssrc,
            received.rtp_seq,
            received.rtp_ts,
        )
    )


def on_prompt_played(turn: Turn, call: CallState, played: PromptPlayed) -> None:
    """A prompt is over; late or repeated news of another play are ignored."""
    waiting = call.waiting
    if not call.has_caller or waiting is None or played.number != play_number(waiting.step):
        return
    request = waiting.request
    if isinstance(request, Say):
        if played.reason == "failed":
            _resume(turn, call, _result(waiting, StepOutcome.FAILED, f"the prompt could not be played: {request}"))
        else:
            _resume(turn, call, _result(waiting, StepOutcome.DONE))
    elif isinstance(request, AskDigits) and call.prompt_over_at_s is None:
        turn.record(call, PromptEnded(call.id, turn.now_s, played.number, played.reason))
        if played.reason == "digit" and not call.digits:
            # A digit stopped it and the word of it went to a process that died: the slot knows.
            turn.emit(InspectMedia(call.id, call.received.slot))
            _arm_answer_timer(turn, call, request)
            await_news(turn, call)
        else:
            _await_answer(turn, call, waiting, request)


def on_digits(turn: Turn, call: CallState, heard: DigitsHeard) -> None:
    """Digits that are new go on record; a question that they answer is over."""
    fresh = heard.head - call.digits_head
    if fresh <= 0 or call.phase not in (Phase.ANSWERED, Phase.ESTABLISHED):
        return
    digits = heard.ring[-fresh:]
    if len(digits) < fresh:
        turn.emit(Report("digits_lost", call.id, f"{fresh - len(digits)} digits fell out of the ring"))
    turn.record(call, DigitsPressed(call.id, turn.now_s, heard.head, digits))
    waiting = call.waiting
    if call.has_caller and waiting is not None and isinstance(waiting.request, AskDigits):
        if call.prompt_over_at_s is None:
            call.prompt_over_at_s = turn.now_s
        _await_answer(turn, call, waiting, waiting.request)


def on_media_seen(turn: Turn, call: CallState, seen: MediaSeen) -> None:
    """What media did while nobody listened, through the same doors as live news."""
    on_digits(turn, call, DigitsHeard(call.id, seen.head, seen.ring))
    on_prompt_played(turn, call, PromptPlayed(call.id, seen.finished, seen.reason))


def on_step_timer(turn: Turn, call: CallState) -> None:
    """The time for an answer is over: what was keyed is the answer."""
    waiting = call.waiting
    if call.has_caller and waiting is not None and isinstance(waiting.request, AskDigits):
        _resume(turn, call, _answer(call, waiting, waiting.request))


def await_news(turn: Turn, call: CallState) -> None:
    """Media was asked what it has heard: what it says comes before the end of the time for an answer."""
    due_s = call.timers.get(Timer.STEP)
    if due_s is not None and due_s < turn.now_s + MEDIA_NEWS_S:
        turn.set_timer(call, Timer.STEP, turn.now_s + MEDIA_NEWS_S)


def break_flow(turn: Turn, call: CallState, error: str) -> None:
    """Let go of a flow that cannot go on through no fault of its own; on record, so that no successor tries it."""
    call.flow_run = call.waiting = None
    call.timers.pop(Timer.STEP, None)
    if call.answered is not None and call.flow_ended is None:
        turn.record(call, FlowEnded(call.id, turn.now_s, BROKEN, error))


def hang_up_flow(turn: Turn, call: CallState) -> None:
    """The caller is gone: the flow hears of it at the very step where it waits."""
    call.timers.pop(Timer.STEP, None)
    if call.flow_run is None or call.flow_ended is not None or call.waiting is None:
        return
    _resume(turn, call, _result(call.waiting, StepOutcome.HUNG_UP))


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> _Result | None:
    """Start a step; the result, where it has one at once."""
    request = waiting.request
    if isinstance(request, HangUp):
        return _result(waiting, StepOutcome.DONE)
    if not call.has_caller:
        return _result(waiting, StepOutcome.HUNG_UP)
    if isinstance(request, AskDigits):
        return _begin_question(turn, call, waiting, request)
    return _play(turn, call, waiting)


def _begin_question(turn: Turn, call: CallState, waiting: Waiting, request: AskDigits) -> _Result | None:
    has_prompt = bool(request.text or request.prompt)
    if call.digits or not has_prompt:
        if call.prompt_over_at_s is None:
            call.prompt_over_at_s = call.step_began_at_s
        if _is_answered(call, request):
            return _answer(call, waiting, request)
    if call.prompt_over_at_s is None:
        return _play(turn, call, waiting)
    _arm_answer_timer(turn, call, request)
    return None


def _play(turn: Turn, call: CallState, waiting: Waiting) -> _Result | None:
    request = waiting.request
    if isinstance(request, HangUp):
        return None
    prompt = _prompt_of(turn.program_of(call.received.operation), request)
    if prompt is None:
        return _result(waiting, StepOutcome.FAILED, f"the operation has no prompt named {request.prompt!r}")
    turn.emit(
        PlayPrompt(
            call.id,
            call.received.slot,
            play_number(waiting.step),
            prompt,
            repeat=isinstance(request, Say) and request.repeat,
            barge_in=isinstance(request, AskDigits),
            digits_seen=call.digits_head,
        )
    )
    return None


def _prompt_of(program: Program | None, request: Say | AskDigits) -> Prompt | None:
    if program is None:
        return None
    if request.prompt:
        return program.operation.prompts.get(request.prompt)
    return Prompt(text=request.text, language=request.language or program.operation.language)


def _await_answer(turn: Turn, call: CallState, waiting: Waiting, request: AskDigits) -> None:
    if _is_answered(call, request):
        _resume(turn, call, _answer(call, waiting, request))
    else:
        _arm_answer_timer(turn, call, request)
        if call.timers.get(Timer.STEP, turn.now_s + 1) <= turn.now_s:
            on_step_timer(turn, call)


def _arm_answer_timer(turn: Turn, call: CallState, request: AskDigits) -> None:
    if call.digits:
        # Of digits keyed before it was asked for them, the time runs from the question.
        turn.set_timer(call, Timer.STEP, max(call.digits_at_s, call.step_began_at_s) + request.between_s)
    elif request.timeout_s is not None and call.prompt_over_at_s is not None:
        turn.set_timer(call, Timer.STEP, call.prompt_over_at_s + request.timeout_s)


def _is_answered(call: CallState, request: AskDigits) -> bool:
    keyed = call.digits
    return len(keyed) >= request.count or (bool(request.terminator) and request.terminator in keyed)


def _answer(call: CallState, waiting: Waiting, request: AskDigits) -> _Result:
    """The digits of a question that is over; it uses up what it takes, terminator included."""
    entry = call.digits[: request.count]
    end = call.digits.find(request.terminator, 0, request.count + 1) if request.terminator else -1
    digits, used = (entry, len(entry)) if end < 0 else (entry[:end], end + 1)
    return _Result(StepResult(request.verb, fingerprint(request), StepOutcome.DONE, digits), used)


def _result(waiting: Waiting, outcome: StepOutcome, value: str = "") -> _Result:
    return _Result(StepResult(waiting.request.verb, fingerprint(waiting.request), outcome, value))


def _resume(turn: Turn, call: CallState, result: _Result) -> None:
    follow(turn, call, _end_step(turn, call, result))


def _end_step(turn: Turn, call: CallState, result: _Result) -> Advance:
    waiting, run, step = call.waiting, call.flow_run, result.step
    if waiting is None or run is None:
        raise LocalError(f"call {call.id}: a step ended that nobody waits for")
    call.timers.pop(Timer.STEP, None)
    used = call.digits_used + result.digits_used
    turn.record(
        call,
        StepEnded(
            call.id,
            turn.now_s,
            waiting.step,
            step.verb,
            step.fingerprint,
            step.outcome.value,
            step.value,
            used,
            call.step_began_at_s,
        ),
    )
    call.waiting = None
    if isinstance(waiting.request, HangUp) and not call.leave_why:
        call.leave_why = "flow"
    return run.resume(step)


def _end_flow(turn: Turn, call: CallState, ending: str, error: str) -> None:
    call.waiting = None
    turn.record(call, FlowEnded(call.id, turn.now_s, ending, error))
    if error:
        turn.emit(Report("flow_failed", call.id, error))
