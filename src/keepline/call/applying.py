"""What each kind of fact does to the state of a call. See `state`, which says when a fact may come.

Only facts and the call are looked at: live and replayed ones do the same.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keepline.call.carriers.folding import fold
from keepline.call.facts import (
    BidFact,
    ByeReceived,
    ByeSent,
    CallAcknowledged,
    CallAnswered,
    CallEnded,
    CallLost,
    CallProgressed,
    CallRetried,
    DigitSignalled,
    DigitsPressed,
    FlowEnded,
    FlowFailed,
    LegJoined,
    LegPlaced,
    LineFellSilent,
    LineHeard,
    MessageRecorded,
    MessageStarted,
    PlacedFact,
    PromptEnded,
    QuestionContinued,
    RefreshFact,
    ReinviteAcknowledged,
    ReinviteAnswered,
    RequestProven,
    SecretKept,
    SecretKeyed,
    SecretLost,
    StepEnded,
    TransferFact,
    UseEnded,
    UseStarted,
)
from keepline.call.facts.interrupted import INTERRUPTED_TYPES, CallInterrupted, InterruptedFact
from keepline.call.facts.leg import LEG_TYPES
from keepline.call.facts.placed import PLACED_TYPES
from keepline.call.facts.refer import REFER_TYPES, LegReferred, ReferFact, ReferralEnded
from keepline.call.facts.refresh import REFRESH_TYPES
from keepline.call.facts.transfer import TRANSFER_TYPES, after
from keepline.call.phases import BROKEN
from keepline.call.written import request_of
from keepline.flow import StepOutcome, StepResult
from keepline.flow.steps import OUTCOMES
from keepline.model.limits import CALL_DIGITS_MAX

if TYPE_CHECKING:
    from keepline.call.state import CallState

QUESTION, PREFACE, CONFIRM = "question", "preface", "confirm"
"""Parts of a question: its own words; what is said before they are said again; its answer, read back."""
BEEP, MESSAGE = "beep", "message"
"""And of a message that is recorded: the tone before it, and the recording."""


def _pressed(call: "CallState", fact: DigitsPressed) -> None:
    _add_digits(call, fact.at_s, fact.digits)
    call.digits_head = fact.head
    call.agreement.hear_tones(fact)


def _signalled(call: "CallState", fact: DigitSignalled) -> None:
    _add_digits(call, fact.at_s, fact.digit)
    call.agreement.take_info(fact)


def _line(call: "CallState", fact: LineFellSilent | LineHeard | CallLost) -> None:
    if isinstance(fact, CallLost):
        call.lost = fact
        return
    call.silent, call.lost = isinstance(fact, LineFellSilent), None
    if isinstance(fact, LineFellSilent):
        call.silent_at_s = fact.at_s - fact.silent_s


def _prompt(call: "CallState", fact: PromptEnded) -> None:
    call.prompt_over_at_s = fact.at_s


def _refresh(call: "CallState", fact: RefreshFact) -> None:
    call.agreement.refresh(fact)


def _question(call: "CallState", fact: QuestionContinued) -> None:
    call.repeats += 1
    call.secrets.go_on(fact, call.attempt, call.repeats)
    _begin_part(call, fact.at_s, fact.digits_used, fact.attempt, fact.part, fact.entry)


def _message(call: "CallState", fact: MessageStarted) -> None:
    call.message, call.part = fact, MESSAGE
    call.messages, call.message_digits = fact.number, len(call.digits)


def _recorded(call: "CallState", fact: MessageRecorded) -> None:
    call.message, call.recorded = None, fact


def _use(call: "CallState", fact: UseStarted) -> None:
    call.use = fact
    call.repeats += fact.attempt == 1


def _outcome(call: "CallState", fact: UseEnded) -> None:
    if call.use is not None:
        call.secrets.end_use(call.use, fact.outcome)
    call.use = None


def _transfer(call: "CallState", fact: TransferFact) -> None:
    call.transfer = after(call.transfer, fact)


def _referral(call: "CallState", fact: ReferFact) -> None:
    call.handing = call.handing.after(fact)
    call.repeats += isinstance(fact, LegReferred | ReferralEnded)  # what media is told from here on is news


def _leg(call: "CallState", fact: LegPlaced | LegJoined) -> None:
    if isinstance(fact, LegPlaced):
        call.leg_placed = fact
    else:
        call.joined = fact


def _flow_ended(call: "CallState", fact: FlowEnded) -> None:
    call.flow_ended, call.use = fact, None if fact.ending == BROKEN else call.use


def _bye_sent(call: "CallState", fact: ByeSent) -> None:
    call.bye_sent = fact


def _bye_received(call: "CallState", fact: ByeReceived) -> None:
    call.bye_received = fact


def _ended(call: "CallState", fact: CallEnded) -> None:
    call.ended = fact


def _proven(call: "CallState", fact: RequestProven) -> None:
    """What is sent again stands in the place of what was challenged."""
    before = call.proven.get(fact.method, ())
    call.proven[fact.method] = (*(before if before and before[-1].cseq == fact.challenged else ()), fact)
    if fact.method == "INVITE":
        call.agreement.prove(fact)
    elif fact.method == "REFER" and call.transfer is not None:
        asked = replace(call.transfer.asked, refer=fact.request, cseq=fact.cseq)
        call.transfer = replace(call.transfer, asked=asked)
    elif fact.method == "BYE" and call.bye_sent is not None:
        call.bye_sent = replace(call.bye_sent, bye=fact.request)
    elif fact.method == "NOTIFY":
        call.handing = call.handing.proven(fact.request, fact.cseq)


def _interruption(call: "CallState", fact: InterruptedFact) -> None:
    call.interruption = call.interruption.after(fact)
    if isinstance(fact, CallInterrupted):  # media counts anew, and who was being asked has the whole time again
        call.digits_head, call.digits_at_s = 0, fact.at_s
        call.secrets.is_torn = call.secrets.is_torn or fact.lost_keys
        call.prompt_over_at_s = call.prompt_over_at_s and fact.at_s


def _answer(call: "CallState", fact: CallAnswered) -> None:
    call.answered = fact
    if call.placing is None:
        call.agreement.begin(fact)
    else:
        call.remote_tag = fact.remote_tag
        call.agreement.begin_placed(fact, call.placing)
    call.step_began_at_s = call.asked_at_s = fact.at_s


def _placed(call: "CallState", fact: PlacedFact) -> None:
    assert call.placing is not None
    if isinstance(fact, BidFact):
        fold(call, fact)
        return
    call.placing.apply(fact)
    if isinstance(fact, CallProgressed):
        call.remote_tag = fact.remote_tag
        if fact.terms is not None:
            call.agreement.settle(fact.terms)
    elif isinstance(fact, CallRetried):
        call.invite = request_of(fact.invite)
        call.remote_tag = ""


def _add_digits(call: "CallState", at_s: float, digits: str) -> None:
    call.digits = (call.digits + digits)[:CALL_DIGITS_MAX]
    call.digits_at_s = at_s if digits else call.digits_at_s


def _agreement(call: "CallState", fact: CallAcknowledged | ReinviteAnswered | ReinviteAcknowledged) -> None:
    if isinstance(fact, CallAcknowledged) and fact.terms is not None:  # the flow begins with the session
        call.step_began_at_s = call.asked_at_s = fact.at_s
    before = call.agreement.number
    call.agreement.apply(fact)
    if call.agreement.number != before:
        call.silent = False  # media listens anew


def _step(call: "CallState", fact: StepEnded) -> None:
    outcome = OUTCOMES[fact.outcome]
    call.secrets.end_step(fact, call.use, call.repeats)
    if call.use is not None and call.use.step == fact.step:
        is_left_alone = call.use.changes and outcome is StepOutcome.HUNG_UP
        call.use = call.use if is_left_alone else None
    said = (fact.value, fact.reason, fact.attempts, fact.line_silent)
    call.steps.append(StepResult(fact.verb, fact.fingerprint, outcome, *said))
    _begin_part(call, fact.at_s, fact.digits_used, 1, QUESTION, "")
    call.step_began_at_s = fact.at_s
    if fact.at_s >= call.second_began_at_s + 1.0:
        call.second_began_at_s, call.steps_in_second = fact.at_s, 0
    call.steps_in_second += 1


def _secret(call: "CallState", fact: SecretKeyed | SecretLost | SecretKept) -> None:
    if isinstance(fact, SecretKeyed):
        call.secrets.count(fact)
        call.agreement.info_cseq = max(call.agreement.info_cseq, fact.info_cseq)
        return
    if isinstance(fact, SecretLost):
        call.use = None  # nothing was asked for
        call.secrets.again = fact.handles
        call.secrets.lost += 1
        call.repeats += 1
    else:
        call.secrets.again = tuple(each for each in call.secrets.again if each != fact.handle)
        call.repeats += 2  # the next question's play, or the two numbers of the use
    _begin_part(call, fact.at_s, fact.digits_used, 1, QUESTION, "")
    call.secrets.begin_entry(call.repeats)


def _failure(call: "CallState", fact: FlowFailed) -> None:
    call.failed, call.use = fact, None
    call.steps_before += len(call.steps)
    call.steps = []
    call.steps_in_second = 0
    call.repeats += 1  # what the failed flow may have been saying is another play than what comes now
    call.secrets.begin_entry(call.repeats)
    _begin_part(call, fact.at_s, call.digits_used, 1, QUESTION, "")
    call.step_began_at_s = fact.at_s


def _begin_part(call: "CallState", at_s: float, digits_used: int, attempt: int, part: str, entry: str) -> None:
    """What follows finds only the digits that nothing before it has used up."""
    call.digits = call.digits[digits_used - call.digits_used :]
    call.digits_used = digits_used
    call.prompt_over_at_s = None
    call.attempt, call.part, call.entry = attempt, part, entry
    call.asked_at_s = at_s


FOLDS: dict[type, Callable[["CallState", Any], None]] = {
    StepEnded: _step,
    CallAnswered: _answer,
    DigitsPressed: _pressed,
    DigitSignalled: _signalled,
    PromptEnded: _prompt,
    QuestionContinued: _question,
    MessageStarted: _message,
    MessageRecorded: _recorded,
    FlowFailed: _failure,
    UseStarted: _use,
    UseEnded: _outcome,
    RequestProven: _proven,
    **dict.fromkeys((CallAcknowledged, ReinviteAnswered, ReinviteAcknowledged), _agreement),
    **dict.fromkeys((LineFellSilent, LineHeard, CallLost), _line),
    **dict.fromkeys((SecretKeyed, SecretLost, SecretKept), _secret),
    FlowEnded: _flow_ended,
    ByeSent: _bye_sent,
    ByeReceived: _bye_received,
    CallEnded: _ended,
    **dict.fromkeys(PLACED_TYPES, _placed),
    **dict.fromkeys(REFRESH_TYPES, _refresh),
    **dict.fromkeys(TRANSFER_TYPES, _transfer),
    **dict.fromkeys(REFER_TYPES, _referral),
    **dict.fromkeys(LEG_TYPES, _leg),
    **dict.fromkeys(INTERRUPTED_TYPES, _interruption),
}
"""What each kind of fact does to a call; another kind only moves it to the next phase."""
