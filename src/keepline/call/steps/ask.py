"""The steps that wait for keys: `ask_digits`, `ask_choice`, `ask_yes_no`.

The words of a question are over when media says so or when a digit is there; from then on the time for the answer
runs. An entry that is no answer has it asked again, and one that is to be confirmed is read back: each part begins
with a fact, so that a successor goes on at the same part of the same attempt, until the very same moment.
"""

from keepline.call.effects import InspectMedia, PromptPlayed
from keepline.call.facts import PromptEnded, QuestionContinued
from keepline.call.state import CONFIRM, PREFACE, CallState, Timer
from keepline.call.state import QUESTION as ASKED
from keepline.call.steps.common import Behaviour, Result, no_prompt, play, prompt_of, step_number
from keepline.call.turn import Turn
from keepline.flow import Reason, StepOutcome, StepResult, Waiting
from keepline.flow.questions import Question, Verdict
from keepline.flow.spoken import confirmation
from keepline.flow.steps import fingerprint
from keepline.model.operation import Prompt

MEDIA_NEWS_S = 0.25
"""A time for an answer that is over before media was asked what it has heard is extended by this much."""
CONFIRM_YES = "1"


def await_news(turn: Turn, call: CallState) -> None:
    """Media was asked what it has heard: what it says comes before the end of the time for an answer."""
    due_s = call.timers.get(Timer.STEP)
    if due_s is not None and due_s < turn.now_s + MEDIA_NEWS_S:
        turn.set_timer(call, Timer.STEP, turn.now_s + MEDIA_NEWS_S)


def _question(waiting: Waiting) -> Question:
    request = waiting.request
    assert isinstance(request, Question)
    return request


# What is said ---------------------------------------------------------------------------------------------------------


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = _question(waiting)
    has_words = bool(request.text or request.prompt) or call.part != ASKED
    if call.digits or not has_words:
        if call.prompt_over_at_s is None:
            call.prompt_over_at_s = call.asked_at_s
        verdict = _judge(call, request, is_over=False)
        if verdict is not None:
            return _go_on(turn, call, waiting, verdict)
    if call.prompt_over_at_s is None:
        return _ask(turn, call, waiting)
    _arm_timer(turn, call, request)
    return None


def _ask(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    prompt = _prompt(turn, call, _question(waiting))
    if prompt is None:
        return no_prompt(waiting, _question(waiting).prompt)
    play(turn, call, waiting, prompt, barge_in=True)
    return None


def _prompt(turn: Turn, call: CallState, request: Question) -> Prompt | None:
    program = turn.program_of(call.received.operation)
    if call.part == PREFACE:
        return prompt_of(program, request.on_invalid, "", request.language)
    if call.part == CONFIRM:
        language = request.language or (program.operation.language if program else "")
        return prompt_of(program, confirmation(call.entry, language), "", language)
    return prompt_of(program, request.text, request.prompt, request.language)


def _resume_media(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    return _ask(turn, call, waiting) if call.prompt_over_at_s is None else None


def _on_prompt_played(turn: Turn, call: CallState, waiting: Waiting, played: PromptPlayed) -> Result | None:
    if call.prompt_over_at_s is not None:
        return None
    if call.part == PREFACE:
        return _begin_part(turn, call, waiting, ASKED, call.attempt, "")
    turn.record(call, PromptEnded(call.id, turn.now_s, played.number, played.reason))
    if played.reason != "digit" or call.digits:
        return _await_answer(turn, call, waiting)
    # A digit stopped it and the word of it went to a process that died: the slot knows.
    turn.emit(InspectMedia(call.id, call.received.slot))
    _arm_timer(turn, call, _question(waiting))
    await_news(turn, call)
    return None


# What is keyed --------------------------------------------------------------------------------------------------------


def _on_digits(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    if call.prompt_over_at_s is None:
        call.prompt_over_at_s = turn.now_s
    return _await_answer(turn, call, waiting)


def _on_timer(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    verdict = _judge(call, _question(waiting), is_over=True)
    assert verdict is not None
    return _go_on(turn, call, waiting, verdict)


def _on_line_silent(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    """A question that would wait for ever ends; another one when its time is over."""
    request = _question(waiting)
    if request.timeout_s is not None or call.digits or call.prompt_over_at_s is None or call.part != ASKED:
        return None
    return _go_on(turn, call, waiting, Verdict(Reason.DEAD_AIR, "", 0))


def _await_answer(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = _question(waiting)
    verdict = _judge(call, request, is_over=False)
    if verdict is not None:
        return _go_on(turn, call, waiting, verdict)
    _arm_timer(turn, call, request)
    if call.timers.get(Timer.STEP, turn.now_s + 1) <= turn.now_s:
        return _on_timer(turn, call, waiting)
    return None


def _arm_timer(turn: Turn, call: CallState, request: Question) -> None:
    if call.digits:
        # Of digits keyed before it was asked for them, the time runs from the question.
        turn.set_timer(call, Timer.STEP, max(call.digits_at_s, call.asked_at_s) + request.between_s)
    elif request.timeout_s is not None and call.prompt_over_at_s is not None:
        turn.set_timer(call, Timer.STEP, call.prompt_over_at_s + request.timeout_s)


def _judge(call: CallState, request: Question, *, is_over: bool) -> Verdict | None:
    if call.part != CONFIRM:
        return request.judge(call.digits, is_over=is_over)
    if call.digits[:1] == CONFIRM_YES:
        return Verdict(Reason.ANSWERED, call.entry, 1)
    return Verdict(Reason.NOT_CONFIRMED, call.entry, len(call.digits[:1])) if call.digits or is_over else None


def _go_on(turn: Turn, call: CallState, waiting: Waiting, verdict: Verdict) -> Result | None:
    """What follows an entry: its confirmation, the question again, or the end of the step."""
    request = _question(waiting)
    if verdict.reason is Reason.NO_INPUT and call.silent:
        verdict = Verdict(Reason.DEAD_AIR, "", verdict.used)  # nobody is asked again who cannot be heard
    elif verdict.reason is Reason.ANSWERED:
        if request.confirms and call.part != CONFIRM:
            return _begin_part(turn, call, waiting, CONFIRM, call.attempt, verdict.reason, verdict)
    elif call.attempt <= request.retries:
        is_told = bool(request.on_invalid) and verdict.reason in (Reason.INVALID, Reason.TOO_SHORT)
        part = PREFACE if is_told else ASKED
        wrong = Verdict(verdict.reason, "", verdict.used)
        return _begin_part(turn, call, waiting, part, call.attempt + 1, verdict.reason, wrong)
    step = StepResult(
        request.verb, fingerprint(request), StepOutcome.DONE, verdict.value, verdict.reason.value, call.attempt
    )
    return Result(step, verdict.used)


def _begin_part(
    turn: Turn, call: CallState, waiting: Waiting, part: str, attempt: int, why: str, entry: Verdict | None = None
) -> Result | None:
    value, used = (entry.value, entry.used) if entry is not None else ("", 0)
    step, used = step_number(call, waiting), call.digits_used + used
    call.timers.pop(Timer.STEP, None)
    turn.record(call, QuestionContinued(call.id, turn.now_s, step, attempt, part, str(why), value, used))
    return _begin(turn, call, waiting)


QUESTION = Behaviour(
    begin=_begin,
    on_prompt_played=_on_prompt_played,
    on_digits=_on_digits,
    on_timer=_on_timer,
    on_line_silent=_on_line_silent,
    resume_media=_resume_media,
)
