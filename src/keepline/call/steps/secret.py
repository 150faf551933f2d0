"""The step that asks for what nobody may see: `ask_secret_digits`; and the same within a `use` whose secret was lost.

Media holds the keys, counts them and says when the entry is over and what it is worth; the times are kept here. What is
lost with media is asked for again, from the beginning of the question, and no attempt is counted for it: the one step
of a flow that its caller may notice twice.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keepline.call.effects import InspectMedia, PlayPrompt, PromptPlayed
from keepline.call.effects_secret import CollectSecret, EndSecretEntry, ForgetSecrets
from keepline.call.facts import PromptEnded, QuestionContinued, SecretKeyed
from keepline.call.inputs import SecretHeard
from keepline.call.state import PREFACE, CallState, Timer
from keepline.call.state import QUESTION as ASKED
from keepline.call.steps.ask import await_news
from keepline.call.steps.common import Behaviour, Result, play_number, play_number_of, prompt_of, result_of, step_number
from keepline.call.steps.ledger import QUIET_VERBS
from keepline.call.turn import Turn
from keepline.flow import Reason, StepOutcome, StepResult, Use, Waiting
from keepline.flow.secrets import LOST, AskSecretDigits, written_answer
from keepline.flow.steps import fingerprint
from keepline.model.limits import MEDIA_CLOSE_S_MAX, SECRET_REPEATS_MAX, SECRETS_PER_CALL_MAX

AGAIN = "again"
"""The part of a question that repeats it since what was keyed is lost."""
SETTLE_S = 1.5
"""For a caller who is still keying the rest of it to notice: such keys are dropped, and interrupt nothing."""
ALL_DIGITS = 0xFFFFFFFF
"""Seen by the flow: none of the ordinary ones interrupts the words of this question."""
NEWS_AGAIN_S = 1.0
"""Media that does not say what came of an entry is asked again."""
TOO_MANY = f"a call has at most {SECRETS_PER_CALL_MAX} secrets at one time, and no use was done with any of them"


@dataclass(frozen=True, slots=True)
class Given:
    """How a question ended."""

    reason: Reason
    count: int = 0
    problem: str = ""
    """Why it could not be asked."""


def asked_of(call: CallState, waiting: Waiting) -> tuple[AskSecretDigits, int] | None:
    """The question that a step asks now, and its handle; None where it asks none of this kind."""
    request, again = waiting.request, call.secrets.again
    if isinstance(request, AskSecretDigits):
        return request, step_number(call, waiting)
    if isinstance(request, Use) and again:
        return dict(request.secrets)[again[0]], again[0]
    return None


def is_private(call: CallState) -> bool:
    """Whether keys are nobody's to see now, and on no record."""
    waiting = call.waiting
    if waiting is None:
        return call.secrets.is_private
    return asked_of(call, waiting) is not None or (call.secrets.is_private and waiting.request.verb in QUIET_VERBS)


def entry_number(call: CallState, waiting: Waiting) -> int:
    """Of the entry that is being keyed; it follows from facts alone."""
    return play_number(step_number(call, waiting)) + call.secrets.entry_repeats


# What is said ---------------------------------------------------------------------------------------------------------


def ask(turn: Turn, call: CallState, waiting: Waiting) -> Given | None:
    """Begin or go on with the question of a step; silently, where media has yet to say that it is lost."""
    question, _ = _asked(call, waiting)
    has_words = bool(question.text or question.prompt) or call.part == PREFACE
    if not has_words or (call.part != PREFACE and call.secrets.keyed):
        call.prompt_over_at_s = call.prompt_over_at_s or call.asked_at_s
    _collect(turn, call, waiting)
    _arm_timer(turn, call, question)
    return _speak(turn, call, waiting) if call.prompt_over_at_s is None and not call.secrets.is_torn else None


def _asked(call: CallState, waiting: Waiting) -> tuple[AskSecretDigits, int]:
    found = asked_of(call, waiting)
    assert found is not None
    return found


def _collect(turn: Turn, call: CallState, waiting: Waiting) -> None:
    """Have keys collected; after a loss not at once."""
    if call.secrets.is_torn:
        _tear(turn, call, waiting)
        return
    if not _is_settled(turn, call):
        return
    question, handle = _asked(call, waiting)
    ends = (question.count, question.min_count, question.terminator, question.check)
    turn.emit(CollectSecret(call.id, call.received.slot, entry_number(call, waiting), handle, *ends))


def _tear(turn: Turn, call: CallState, waiting: Waiting) -> None:
    """Keys are private in new memory too; media says of the entry that it is lost."""
    turn.emit(EndSecretEntry(call.id, call.received.slot, entry_number(call, waiting)))


def _is_settled(turn: Turn, call: CallState) -> bool:
    return call.part != AGAIN or turn.now_s >= call.asked_at_s + SETTLE_S


def _speak(turn: Turn, call: CallState, waiting: Waiting) -> Given | None:
    question, _ = _asked(call, waiting)
    words = (question.on_invalid, "") if call.part == PREFACE else (question.text, question.prompt)
    prompt = prompt_of(turn.program_of(call.received.operation), *words, question.language)
    if prompt is None:
        return Given(Reason.NO_INPUT, problem=f"the operation has no prompt named {question.prompt!r}")
    number = play_number_of(call, waiting)
    turn.emit(PlayPrompt(call.id, call.received.slot, number, prompt, False, True, ALL_DIGITS))
    return None


def say_again(turn: Turn, call: CallState, waiting: Waiting) -> Given | None:
    """Media is a new process: it may have lost what there was of the entry, and says so."""
    _collect(turn, call, waiting)
    return _speak(turn, call, waiting) if call.prompt_over_at_s is None and not call.secrets.is_torn else None


def on_played(turn: Turn, call: CallState, waiting: Waiting, played: PromptPlayed) -> Given | None:
    """The words are over."""
    if call.prompt_over_at_s is not None:
        return None
    if call.part == PREFACE:
        return _begin_part(turn, call, waiting, ASKED, call.attempt, "")
    turn.record(call, PromptEnded(call.id, turn.now_s, played.number, played.reason))
    _arm_timer(turn, call, _asked(call, waiting)[0])
    if played.reason == "digit" and not call.secrets.keyed:
        # The word of the digit that stopped it went to a process that died: the slot knows.
        turn.emit(InspectMedia(call.id, call.received.slot))
        await_news(turn, call)
    return None


# What is keyed --------------------------------------------------------------------------------------------------------


def on_heard(turn: Turn, call: CallState, waiting: Waiting, heard: SecretHeard) -> Given | None:
    """News of an entry; of another one than that of this question they are old."""
    if heard.number != entry_number(call, waiting):
        return None
    if heard.count > call.secrets.keyed:
        turn.record(call, SecretKeyed(call.id, turn.now_s, heard.number, heard.count, heard.info_cseq))
        if call.part != PREFACE and call.prompt_over_at_s is None:
            call.prompt_over_at_s = turn.now_s
    if heard.state == LOST:
        return _on_lost(turn, call, waiting)
    if heard.state != "open":
        return _go_on(turn, call, waiting, Given(Reason(heard.state), heard.count))
    _arm_timer(turn, call, _asked(call, waiting)[0])
    return None


def on_time(turn: Turn, call: CallState, waiting: Waiting) -> Given | None:
    """The time for the next key is over: media says what there is, as soon as it can."""
    question, _ = _asked(call, waiting)
    _collect(turn, call, waiting)
    due_s = _due_s(call, question)
    if call.secrets.is_torn or due_s is None or turn.now_s < due_s:
        _arm_timer(turn, call, question)
        return None
    if turn.now_s >= due_s + MEDIA_CLOSE_S_MAX:
        return _go_on(turn, call, waiting, Given(Reason.NO_INPUT))
    turn.emit(EndSecretEntry(call.id, call.received.slot, entry_number(call, waiting)))
    turn.set_timer(call, Timer.STEP, turn.now_s + NEWS_AGAIN_S)
    return None


def _due_s(call: CallState, question: AskSecretDigits) -> float | None:
    if call.secrets.keyed:
        return max(call.secrets.keyed_at_s, call.asked_at_s) + question.between_s
    if question.timeout_s is None or call.prompt_over_at_s is None:
        return None
    return call.prompt_over_at_s + question.timeout_s


def _arm_timer(turn: Turn, call: CallState, question: AskSecretDigits) -> None:
    due_s = _due_s(call, question) if _is_settled(turn, call) else call.asked_at_s + SETTLE_S
    if call.secrets.is_torn:
        due_s = turn.now_s + NEWS_AGAIN_S
    if due_s is not None:
        turn.set_timer(call, Timer.STEP, due_s)


def _on_lost(turn: Turn, call: CallState, waiting: Waiting) -> Given | None:
    if call.secrets.lost < SECRET_REPEATS_MAX:
        return _begin_part(turn, call, waiting, AGAIN, call.attempt, LOST)
    return _go_on(turn, call, waiting, Given(Reason.NO_INPUT))


def _go_on(turn: Turn, call: CallState, waiting: Waiting, given: Given) -> Given | None:
    question, _ = _asked(call, waiting)
    if given.reason is Reason.ANSWERED or call.attempt > question.retries:
        return given
    is_told = bool(question.on_invalid) and given.reason in (Reason.INVALID, Reason.TOO_SHORT)
    return _begin_part(turn, call, waiting, PREFACE if is_told else ASKED, call.attempt + 1, given.reason)


def _begin_part(turn: Turn, call: CallState, waiting: Waiting, part: str, attempt: int, why: str) -> Given | None:
    step, used = step_number(call, waiting), digits_used(call)
    call.timers.pop(Timer.STEP, None)
    turn.record(call, QuestionContinued(call.id, turn.now_s, step, attempt, part, str(why), "", used))
    return ask(turn, call, waiting)


def digits_used(call: CallState) -> int:
    """Ordinary digits that were keyed before are no part of a secret, and of nothing that follows it."""
    return call.digits_used + len(call.digits)


def restore(turn: Turn, call: CallState) -> None:
    """After a switch-over: the word that a secret is done with may have been lost, or media's memory with its node."""
    waiting = call.waiting
    if call.secrets.is_torn and waiting is not None and is_private(call) and asked_of(call, waiting) is None:
        _tear(turn, call, waiting)
    if call.secrets.forgotten:
        turn.emit(ForgetSecrets(call.id, call.received.slot, tuple(sorted(call.secrets.forgotten))))


# As a step ------------------------------------------------------------------------------------------------------------


def _result(call: CallState, waiting: Waiting, given: Given | None) -> Result | None:
    request = waiting.request
    if given is None:
        return None
    if given.problem:
        return result_of(waiting, StepOutcome.FAILED, given.problem)
    is_answer = given.reason is Reason.ANSWERED
    value = written_answer(step_number(call, waiting), given.count) if is_answer else ""
    step = StepResult(request.verb, fingerprint(request), StepOutcome.DONE, value, given.reason.value, call.attempt)
    return Result(step, len(call.digits))


def _begin(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    if len(call.secrets.held) >= SECRETS_PER_CALL_MAX:
        return result_of(waiting, StepOutcome.FAILED, TOO_MANY)
    return _result(call, waiting, ask(turn, call, waiting))


def _step(react: Callable[..., Given | None]) -> Callable[..., Result | None]:
    def reaction(turn: Turn, call: CallState, waiting: Waiting, *news: object) -> Result | None:
        return _result(call, waiting, react(turn, call, waiting, *news))

    return reaction


SECRET = Behaviour(
    begin=_begin,
    on_prompt_played=_step(on_played),
    on_secret=_step(on_heard),
    on_timer=_step(on_time),
    resume_media=_step(say_again),
)
