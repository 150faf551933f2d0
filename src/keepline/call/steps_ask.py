"""The steps that wait for keys: `ask_digits`.

A question's prompt is over when media says so or when a digit is there; from then on the time for the answer runs.
Both are facts or follow from facts, so that a successor waits until the very same moment.
"""

from keepline.call.effects import InspectMedia, PromptPlayed
from keepline.call.facts import PromptEnded
from keepline.call.state import CallState, Timer
from keepline.call.steps import Handlers, Result, no_prompt, play, prompt_of
from keepline.call.turn import Turn
from keepline.flow import AskDigits, StepOutcome, StepResult, Waiting
from keepline.flow.engine import fingerprint

MEDIA_NEWS_S = 0.25
"""A time for an answer that is over before media was asked what it has heard is extended by this much."""


def await_news(turn: Turn, call: CallState) -> None:
    """Media was asked what it has heard: what it says comes before the end of the time for an answer."""
    due_s = call.timers.get(Timer.STEP)
    if due_s is not None and due_s < turn.now_s + MEDIA_NEWS_S:
        turn.set_timer(call, Timer.STEP, turn.now_s + MEDIA_NEWS_S)


def _question(waiting: Waiting) -> AskDigits:
    request = waiting.request
    assert isinstance(request, AskDigits)
    return request


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = _question(waiting)
    has_prompt = bool(request.text or request.prompt)
    if call.digits or not has_prompt:
        if call.prompt_over_at_s is None:
            call.prompt_over_at_s = call.step_began_at_s
        if _is_answered(call, request):
            return _answer(turn, call, waiting)
    if call.prompt_over_at_s is None:
        return _ask(turn, call, waiting)
    _arm_timer(turn, call, request)
    return None


def _ask(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = _question(waiting)
    prompt = prompt_of(turn.program_of(call.received.operation), request.text, request.prompt, request.language)
    if prompt is None:
        return no_prompt(waiting, request.prompt)
    play(turn, call, waiting, prompt, barge_in=True)
    return None


def _resume_media(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    return _ask(turn, call, waiting) if call.prompt_over_at_s is None else None


def _on_prompt_played(turn: Turn, call: CallState, waiting: Waiting, played: PromptPlayed) -> Result | None:
    if call.prompt_over_at_s is not None:
        return None
    turn.record(call, PromptEnded(call.id, turn.now_s, played.number, played.reason))
    if played.reason != "digit" or call.digits:
        return _await_answer(turn, call, waiting)
    # A digit stopped it and the word of it went to a process that died: the slot knows.
    turn.emit(InspectMedia(call.id, call.received.slot))
    _arm_timer(turn, call, _question(waiting))
    await_news(turn, call)
    return None


def _on_digits(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    if call.prompt_over_at_s is None:
        call.prompt_over_at_s = turn.now_s
    return _await_answer(turn, call, waiting)


def _await_answer(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = _question(waiting)
    if _is_answered(call, request):
        return _answer(turn, call, waiting)
    _arm_timer(turn, call, request)
    if call.timers.get(Timer.STEP, turn.now_s + 1) <= turn.now_s:
        call.timers.pop(Timer.STEP)
        return _answer(turn, call, waiting)
    return None


def _arm_timer(turn: Turn, call: CallState, request: AskDigits) -> None:
    if call.digits:
        # Of digits keyed before it was asked for them, the time runs from the question.
        turn.set_timer(call, Timer.STEP, max(call.digits_at_s, call.step_began_at_s) + request.between_s)
    elif request.timeout_s is not None and call.prompt_over_at_s is not None:
        turn.set_timer(call, Timer.STEP, call.prompt_over_at_s + request.timeout_s)


def _is_answered(call: CallState, request: AskDigits) -> bool:
    keyed = call.digits
    return len(keyed) >= request.count or (bool(request.terminator) and request.terminator in keyed)


def _answer(_turn: Turn, call: CallState, waiting: Waiting) -> Result:
    """The digits of a question that is over; it uses up what it takes, terminator included."""
    request = _question(waiting)
    entry = call.digits[: request.count]
    end = call.digits.find(request.terminator, 0, request.count + 1) if request.terminator else -1
    digits, used = (entry, len(entry)) if end < 0 else (entry[:end], end + 1)
    return Result(StepResult(request.verb, fingerprint(request), StepOutcome.DONE, digits), used)


ASK_DIGITS = Handlers(
    begin=_begin,
    on_prompt_played=_on_prompt_played,
    on_digits=_on_digits,
    on_timer=_answer,
    resume_media=_resume_media,
)
