"""The step that records what a caller says: `record_message`.

Words that a key cuts short, a tone, and the recording: each begins with a fact, so that a successor goes on at the
same part, with the same key and number. Media ends a recording by itself (silence, the limit) or is told to (a key),
and says so again to whoever asks. What is recorded outlives its caller: the call stays open until its file is whole.
"""

from hashlib import blake2b

from keepline.call.effects import PromptPlayed, RecordingFinished, RecordMedia, Report, StopRecording
from keepline.call.facts import MessageRecorded, MessageStarted, PromptEnded, QuestionContinued
from keepline.call.state import BEEP, MESSAGE, PREFACE, QUESTION, CallState, Timer
from keepline.call.steps.common import Behaviour, Result, no_prompt, play, prompt_of, result_of, step_number
from keepline.call.turn import Turn
from keepline.flow import StepOutcome, StepResult, Waiting
from keepline.flow.recording import RecordingReason, RecordMessage, write_recorded
from keepline.flow.steps import fingerprint
from keepline.model.operation import BEEP_TONE

ASK_AGAIN_S = 5.0
"""Media is asked again what became of a recording, should the word of its end have been lost."""
FILE_S_MAX = 5.0
"""How long a call that is over waits for the file of its recording."""
_KEY_BYTES = 16


def _request(waiting: Waiting) -> RecordMessage:
    request = waiting.request
    assert isinstance(request, RecordMessage)
    return request


def interrupts(call: CallState, waiting: Waiting) -> bool:
    """Whether a key cuts short what is said now."""
    return isinstance(waiting.request, RecordMessage) and call.part == QUESTION


# Words and tone -------------------------------------------------------------------------------------------------------


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = _request(waiting)
    if call.part == MESSAGE:
        if call.message is None:
            return _judge(turn, call, waiting)
        return _record(turn, call, waiting)
    if call.part == BEEP:
        play(turn, call, waiting, BEEP_TONE)
        return None
    text, name = (request.on_invalid, "") if call.part == PREFACE else (request.text, request.prompt)
    if not text and not name:
        return _after_words(turn, call, waiting)
    prompt = prompt_of(turn.program_of(call.received.operation), text, name, request.language)
    if prompt is None:
        return no_prompt(waiting, name)
    play(turn, call, waiting, prompt, barge_in=call.part == QUESTION)
    return None


def _on_prompt_played(turn: Turn, call: CallState, waiting: Waiting, played: PromptPlayed) -> Result | None:
    if call.part == PREFACE:
        return _begin_part(turn, call, waiting, QUESTION)
    if call.part == QUESTION:
        if played.reason == "failed":
            return result_of(waiting, StepOutcome.FAILED, f"the prompt could not be played: {waiting.request}")
        turn.record(call, PromptEnded(call.id, turn.now_s, played.number, played.reason))
        return _after_words(turn, call, waiting)
    return _start(turn, call, waiting) if call.part == BEEP else None


def _after_words(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    if _request(waiting).beep:
        return _begin_part(turn, call, waiting, BEEP)
    return _start(turn, call, waiting)


def _begin_part(turn: Turn, call: CallState, waiting: Waiting, part: str, *, again: str = "") -> Result | None:
    """Another part of the same attempt, or of the next one where the last came to `again`."""
    attempt, used = call.attempt + bool(again), call.digits_used + (len(call.digits) if again else 0)
    step = step_number(call, waiting)
    call.timers.pop(Timer.STEP, None)
    turn.record(call, QuestionContinued(call.id, turn.now_s, step, attempt, part, again, "", used))
    return _begin(turn, call, waiting)


# The recording --------------------------------------------------------------------------------------------------------


def _start(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    step = step_number(call, waiting)
    name = f"{call.id}-{step}-{call.attempt}"
    key = blake2b(name.encode(), digest_size=_KEY_BYTES).hexdigest()
    turn.record(call, MessageStarted(call.id, turn.now_s, step, call.messages + 1, key))
    return _record(turn, call, waiting)


def _record(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    """Have media record, and stop where a key says so; for what is over, it says so again."""
    request, message = _request(waiting), call.message
    assert message is not None
    slot = call.received.slot
    silence_s = request.silence_s or 0.0
    turn.emit(RecordMedia(call.id, slot, message.number, message.key, request.length_s_max, silence_s=silence_s))
    turn.set_timer(call, Timer.STEP, turn.now_s + ASK_AGAIN_S)
    return _on_digits(turn, call, waiting)


def _on_digits(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    keyed = call.digits[call.message_digits :]
    if call.part == MESSAGE and call.message is not None and set(keyed) & set(_request(waiting).terminator):
        turn.emit(StopRecording(call.id, call.received.slot, call.message.number, call.message.key))
    return None


def _resume_media(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    is_spoken = call.part in (QUESTION, PREFACE, BEEP)
    if is_spoken or call.message is not None:
        return _begin(turn, call, waiting)
    return None


def _on_timer(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    return _record(turn, call, waiting) if call.message is not None else None


def on_finished(turn: Turn, call: CallState, finished: RecordingFinished) -> None:
    """A recording is whole on disk: on record it goes, whoever waits for it."""
    message = call.message
    if message is None or finished.number != message.number:
        return
    if finished.why == "failed":
        what = f"recording {message.key}: the disk took {finished.length_s:.1f} s of it"
        turn.emit(Report("recording_failed", call.id, what))
    waiting = call.waiting
    if waiting is not None and isinstance(waiting.request, RecordMessage) and call.has_caller:
        reason = _request(waiting).reason_of(finished.why, finished.heard_s)
    else:
        reason = RecordingReason.FAILED if finished.why == "failed" else RecordingReason.HUNG_UP
    _recorded(turn, call, reason, finished.length_s)


def _recorded(turn: Turn, call: CallState, reason: RecordingReason, length_s: float) -> None:
    message = call.message
    assert message is not None
    call.timers.pop(Timer.RECORDING, None)
    turn.record(
        call, MessageRecorded(call.id, turn.now_s, message.step, message.number, message.key, length_s, reason.value)
    )


def judge(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    """What a message is worth that is on record."""
    is_mine = isinstance(waiting.request, RecordMessage) and call.part == MESSAGE and call.message is None
    return _judge(turn, call, waiting) if is_mine else None


def _judge(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request, recorded = _request(waiting), call.recorded
    assert recorded is not None
    if recorded.reason == RecordingReason.TOO_SHORT and call.attempt <= request.retries:
        part = PREFACE if request.on_invalid else QUESTION
        return _begin_part(turn, call, waiting, part, again=recorded.reason)
    value = write_recorded(recorded.key, recorded.length_s)
    step = StepResult(request.verb, fingerprint(request), StepOutcome.DONE, value, recorded.reason, call.attempt)
    return Result(step, len(call.digits))


# Without its caller ---------------------------------------------------------------------------------------------------


def is_awaited(turn: Turn, call: CallState) -> bool:
    """Whether a call that is over has a recording whose file is not whole yet; media is asked for it then."""
    message = call.message
    if message is None:
        return False
    if call.received.slot < 0:
        _recorded(turn, call, RecordingReason.FAILED, 0.0)
        return False
    if Timer.RECORDING not in call.timers:
        turn.emit(StopRecording(call.id, call.received.slot, message.number, message.key))
        turn.set_timer(call, Timer.RECORDING, turn.now_s + FILE_S_MAX)
    return True


def on_file_limit(turn: Turn, call: CallState) -> None:
    """Media does not say what became of a recording: the file is what it is, how long nobody knows."""
    if call.message is not None:
        turn.emit(Report("recording_failed", call.id, f"recording {call.message.key}: media does not say how it ended"))
        _recorded(turn, call, RecordingReason.FAILED, 0.0)


RECORD_MESSAGE = Behaviour(
    begin=_begin,
    on_prompt_played=_on_prompt_played,
    on_digits=_on_digits,
    on_timer=_on_timer,
    resume_media=_resume_media,
)
