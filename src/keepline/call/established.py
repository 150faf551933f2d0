"""The middle of a call: its flow runs, prompts play, digits arrive.

A step's play number follows from the facts alone, so that a successor asks media for the very same play and
media, which knows what it has played, ignores the repetition.
"""

from dataclasses import replace

from keepline.call import interruption
from keepline.call.effects import (
    CapabilityAnswered,
    DeadAirBegan,
    DeadAirEnded,
    DigitsHeard,
    HearOpenly,
    IgnoreTones,
    InspectMedia,
    MediaSeen,
    OpenMedia,
    PromptPlayed,
    RecordingFinished,
    RedirectMedia,
    Report,
    SecretHeard,
)
from keepline.call.facts import CallReceived, DigitsPressed, FlowEnded, FlowFailed, StepEnded
from keepline.call.outbound.legs import LegNews
from keepline.call.phases import BROKEN
from keepline.call.quality import dead_air_s, media_way, note_line, report_dead_air
from keepline.call.state import CallState, Phase, Timer
from keepline.call.steps.ask import await_news as await_news
from keepline.call.steps.common import Reaction, Result, language_of, play_number_of, result_of, step_number
from keepline.call.steps.common import play_number as play_number
from keepline.call.steps.connect import abandon, is_leg_of
from keepline.call.steps.promise import is_promised
from keepline.call.steps.record_message import judge as judge_message
from keepline.call.steps.record_message import on_finished
from keepline.call.steps.secret import is_private
from keepline.call.steps.use import is_promise, on_answered
from keepline.call.steps.verbs import BEHAVIOURS
from keepline.call.turn import Turn
from keepline.call.unfinished import failed as left
from keepline.flow import Advance, Call, Connect, Finished, FlowEnding, FlowRun, HangUp, StepOutcome, Use, Waiting
from keepline.flow.engine import FlowFunction
from keepline.flow.greeting import greeted
from keepline.flow.recovery import recovery
from keepline.model.errors import LocalError
from keepline.model.limits import FLOW_STEPS_PER_S_MAX
from keepline.model.operation import SAMPLE_RATE_HZ

OPEN_NUMBER = 1
"""Command number of the opening of a call's media; plays come after it."""
FAILURES = (FlowEnding.RAISED, FlowEnding.CHANGED)
SET_ASIDE = "set_aside"
"""The ending of a flow whose call killed its process again."""


def start_flow(turn: Turn, call: CallState) -> None:
    """Run the flow from its beginning, or with its recorded steps to where it stood."""
    if not call.runs_flow:
        return
    if call.failed is not None:
        _recover(turn, call, call.failed)
        return
    program = turn.program_of(call.received.operation)
    function = program.functions.get(call.received.flow) if program else None
    if function is None:
        what = f"the flow {call.received.flow} of this call's operation is not to be had"
        _finish(turn, call, Finished(FlowEnding.CHANGED, what))
        return
    _run(turn, call, _greeted(call, function), language_of(program, call.received.to_number))


def _greeted(call: CallState, function: FlowFunction) -> FlowFunction:
    """The flow after what its caller is to hear first, where the call began with something."""
    received = call.received
    if not isinstance(received, CallReceived) or not received.greeting:
        return function
    return greeted(function, received.greeting, received.greeting_language)


def follow(turn: Turn, call: CallState, advance: Advance) -> None:
    """Carry out what the flow asks for, until it waits for something that takes time."""
    while True:
        if isinstance(advance, Finished):
            _finish(turn, call, advance)
            return
        call.waiting = advance
        result = _begin(turn, call, advance)
        if result is None:
            return
        advance = _end_step(turn, call, result)


def resume_media(turn: Turn, call: CallState) -> None:
    """Say again to media what this call needs: after a switch-over, or for a new media process."""
    if call.agreement.terms is None or call.phase in (Phase.LEAVING, Phase.CLOSING, Phase.ENDED):
        return
    open_media(turn, call)
    if call.waiting is not None:
        BEHAVIOURS[type(call.waiting.request)].resume_media(turn, call, call.waiting)
    turn.emit(InspectMedia(call.id, call.received.slot))


SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000


def open_media(turn: Turn, call: CallState) -> None:
    """Give the answered call its RTP; media ignores it where it has.

    Where media has lost the stream, with the whole node, it goes on as if it had been sent all the time: a receiver
    takes packets with numbers that it has had for late ones, and plays none of them.
    """
    received, terms = call.received, call.agreement.terms
    if terms is None:
        return
    since_s = turn.now_s - call.media_began_at_s
    packets = int(since_s * 1000 / terms.frame_ms)
    turn.emit(
        OpenMedia(
            call.id,
            received.slot,
            terms.remote_host,
            terms.remote_port,
            terms.payload_type,
            terms.dtmf_payload_type,
            received.ssrc,
            (received.rtp_seq + packets) & 0xFFFF,
            (received.rtp_ts + packets * terms.frame_ms * SAMPLES_PER_MS) & 0xFFFFFFFF,
            media_way(turn, call, terms.frame_ms, terms.rtcp_mux, terms.direction),
            dead_air_s(turn, call),
        )
    )
    if call.agreement.number:
        redirect_media(turn, call)
    if call.agreement.ignores_tones:
        turn.emit(IgnoreTones(call.id, received.slot))


def redirect_media(turn: Turn, call: CallState) -> None:
    """Let the call's RTP follow a session that has changed; media ignores it where it does."""
    received, terms = call.received, call.agreement.terms
    assert terms is not None
    turn.emit(
        RedirectMedia(
            call.id,
            received.slot,
            call.agreement.number,
            terms.remote_host,
            terms.remote_port,
            terms.payload_type,
            terms.dtmf_payload_type,
            media_way(turn, call, terms.frame_ms, terms.rtcp_mux, terms.direction),
        )
    )


def on_prompt_played(turn: Turn, call: CallState, played: PromptPlayed) -> None:
    """A prompt is over; late or repeated news of another play are ignored."""
    waiting = call.waiting
    if not call.has_caller or waiting is None or played.number != play_number_of(call, waiting):
        return
    _go_on(turn, call, BEHAVIOURS[type(waiting.request)].on_prompt_played(turn, call, waiting, played))


def on_digits(turn: Turn, call: CallState, heard: DigitsHeard) -> None:
    """Digits that are new go on record; a question that they answer is over."""
    fresh = heard.head - call.digits_head
    if fresh <= 0 or call.phase not in (Phase.ANSWERED, Phase.ESTABLISHED):
        return
    digits = heard.ring[-fresh:]
    if len(digits) < fresh:
        turn.emit(Report("digits_lost", call.id, f"{fresh - len(digits)} digits fell out of the ring"))
    # Those whose INFO came before the word of their tone; those that came while media was being told to keep keys
    # private; those that it has overwritten: they are counted, and no more.
    is_hidden = call.agreement.ignores_tones or is_private(call)
    digits = "" if is_hidden else digits.replace("\0", "")
    turn.record(call, DigitsPressed(call.id, turn.now_s, heard.head, digits))
    if not is_hidden:
        on_keys(turn, call)


def on_secret(turn: Turn, call: CallState, heard: SecretHeard) -> None:
    """News of keys that nobody sees."""
    waiting = call.waiting
    if call.has_caller and waiting is not None:
        _go_on(turn, call, BEHAVIOURS[type(waiting.request)].on_secret(turn, call, waiting, heard))


def on_keys(turn: Turn, call: CallState) -> None:
    """There are new digits in `call.digits`; a question that they answer is over."""
    waiting = call.waiting
    if call.has_caller and waiting is not None:
        _go_on(turn, call, BEHAVIOURS[type(waiting.request)].on_digits(turn, call, waiting))


def on_media_seen(turn: Turn, call: CallState, seen: MediaSeen) -> None:
    """What media did while nobody listened, through the same doors as live news."""
    interruption.on_media_seen(turn, call, seen)
    on_digits(turn, call, DigitsHeard(call.id, seen.head, seen.ring))
    if seen.secret is not None:
        on_secret(turn, call, seen.secret)
    on_prompt_played(turn, call, PromptPlayed(call.id, seen.finished, seen.reason))
    is_silent = seen.line_silent or (call.silent and not seen.heard)  # new memory knows nothing of a silence
    if note_line(turn, call, is_silent):
        _on_line_silent(turn, call)


def on_dead_air(turn: Turn, call: CallState, given: DeadAirBegan | DeadAirEnded) -> None:
    """The caller's line fell silent, or is heard again; a question without a time-out is over when it falls silent."""
    report_dead_air(turn, call, given)
    is_silent = isinstance(given, DeadAirBegan)
    if note_line(turn, call, is_silent, given.silent_s) and is_silent:
        _on_line_silent(turn, call)


def _on_line_silent(turn: Turn, call: CallState) -> None:
    waiting = call.waiting
    if call.silent and call.has_caller and waiting is not None:
        _go_on(turn, call, BEHAVIOURS[type(waiting.request)].on_line_silent(turn, call, waiting))


def on_recording_finished(turn: Turn, call: CallState, finished: RecordingFinished) -> None:
    """The file of a recording is whole; the step that waits for it goes on."""
    on_finished(turn, call, finished)
    waiting = call.waiting
    if call.has_caller and waiting is not None:
        _go_on(turn, call, judge_message(turn, call, waiting))


def on_step_timer(turn: Turn, call: CallState) -> None:
    """The time of a step is over."""
    waiting = call.waiting
    if call.has_caller and waiting is not None:
        _go_on(turn, call, BEHAVIOURS[type(waiting.request)].on_timer(turn, call, waiting))


def on_capability_answered(turn: Turn, call: CallState, given: CapabilityAnswered) -> None:
    """What the flow asked of a capability has an outcome; late and repeated ones are ignored."""
    waiting = call.waiting
    if waiting is not None and isinstance(waiting.request, Use):
        _go_on(turn, call, on_answered(turn, call, waiting, given))


def on_leg_news(turn: Turn, call: CallState, news: LegNews) -> None:
    """What became of a leg reaches the step that placed it, if that still waits."""
    waiting = call.waiting
    if waiting is not None and is_leg_of(call, waiting, news.step):
        _go_on(turn, call, BEHAVIOURS[type(waiting.request)].on_leg_news(turn, call, waiting, news))


def on_news(turn: Turn, call: CallState, react: Reaction) -> None:
    """Something became of what a step waits for; it may be over by that."""
    if call.waiting is not None:
        _go_on(turn, call, react(turn, call, call.waiting))


def break_flow(turn: Turn, call: CallState, error: str) -> None:
    """Let go of a flow that cannot go on through no fault of its own; on record, so that no successor tries it."""
    call.flow_run = call.waiting = None
    call.timers.pop(Timer.STEP, None)
    if call.answered is not None and call.flow_ended is None:
        left.leave_call(turn, call, error)
        left.leave_undone(turn, call, error)
        turn.record(call, FlowEnded(call.id, turn.now_s, BROKEN, error))


def hang_up_flow(turn: Turn, call: CallState) -> None:
    """The caller is gone: the flow hears of it at the very step where it waits."""
    call.timers.pop(Timer.STEP, None)
    if call.flow_run is None or call.flow_ended is not None or call.waiting is None:
        return
    _go_on(turn, call, result_of(call.waiting, StepOutcome.HUNG_UP))


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    """Start a step; the result, where it has one at once."""
    behaviour = BEHAVIOURS[type(waiting.request)]
    placed = call.leg_placed
    if placed is not None and placed.step == step_number(call, waiting) and not isinstance(waiting.request, Connect):
        abandon(turn, call)  # its code has changed
    if behaviour.needs_caller and not call.has_caller:
        return result_of(waiting, StepOutcome.HUNG_UP)
    if call.secrets.is_private and not is_private(call):
        turn.emit(HearOpenly(call.id, call.received.slot, play_number_of(call, waiting)))
    return behaviour.begin(turn, call, waiting)


def _go_on(turn: Turn, call: CallState, result: Result | None) -> None:
    if result is not None:
        follow(turn, call, _end_step(turn, call, result))


def _end_step(turn: Turn, call: CallState, result: Result) -> Advance:
    waiting, run, step = call.waiting, call.flow_run, result.step
    if waiting is None or run is None:
        raise LocalError(f"call {call.id}: a step ended that nobody waits for")
    call.timers.pop(Timer.STEP, None)
    used = call.digits_used + result.digits_used
    promised = is_promise(call, step) or is_promised(step)
    turn.record(
        call,
        StepEnded(
            call.id,
            turn.now_s,
            step_number(call, waiting),
            step.verb,
            step.fingerprint,
            step.outcome.value,
            step.value,
            used,
            call.step_began_at_s,
            step.reason,
            step.attempts,
            call.silent,
        ),
        promised=promised,
    )
    call.waiting = None
    if isinstance(waiting.request, HangUp) and not call.leave_why:
        call.leave_why = "flow"
    if call.steps_in_second > FLOW_STEPS_PER_S_MAX:
        run.drop()
        return Finished(FlowEnding.RAISED, f"the flow took more than {FLOW_STEPS_PER_S_MAX} steps in a second")
    return run.resume(step if step.line_silent is call.silent else replace(step, line_silent=call.silent))


def _run(turn: Turn, call: CallState, function: FlowFunction, language: str) -> None:
    facade = Call(call.id, call.received.from_number, call.received.to_number, language, call.variables)
    call.flow_run = FlowRun(function, facade)
    follow(turn, call, call.flow_run.start(call.steps))


def _recover(turn: Turn, call: CallState, failed: FlowFailed) -> None:
    """The apology, and the fallback of the flow that failed where it has one."""
    program = turn.program_of(call.received.operation)
    reference = program.operation.flows.get(failed.flow) if program else None
    fallback = program.functions.get(reference.fallback) if program and reference else None
    if failed.ending == SET_ASIDE:
        fallback = None  # it is the operation's code as well
    _run(turn, call, recovery(fallback), failed.language)


def language_at(turn: Turn, call: CallState) -> str:
    """The language of the call at this moment, as its flow left it."""
    run, received = call.flow_run, call.received
    return run.language if run else language_of(turn.program_of(received.operation), received.to_number)


def _finish(turn: Turn, call: CallState, finished: Finished) -> None:
    """The flow is over; one that failed in its caller's ear is followed by the apology, once."""
    ending, failed = finished.ending, call.failed
    if ending in FAILURES:
        left.leave_call(turn, call, finished.error)
    if failed is None and call.has_caller and ending in FAILURES:
        language = language_at(turn, call)
        call.waiting = None
        left.leave_undone(turn, call, finished.error)
        failed = FlowFailed(call.id, turn.now_s, call.received.flow, ending.value, finished.error, language)
        turn.record(call, failed)
        turn.emit(Report("flow_failed", call.id, finished.error))
        abandon(turn, call)
        _recover(turn, call, failed)
    elif failed is not None and ending is FlowEnding.RETURNED:
        _end_flow(turn, call, failed.ending, "")
    else:
        _end_flow(turn, call, ending.value, finished.error)


def _end_flow(turn: Turn, call: CallState, ending: str, error: str) -> None:
    call.waiting = None
    turn.record(call, FlowEnded(call.id, turn.now_s, ending, error))
    if error:
        turn.emit(Report("flow_failed", call.id, error))
