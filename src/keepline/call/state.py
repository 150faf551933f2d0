"""The state of one call: a fold over its facts, and nothing that the facts do not say.

`TRANSITIONS` is the whole life of a call. Live and replayed facts go through the same `apply`, so a process that
takes over stands where the dead one stood.
"""

import json
from dataclasses import replace

from keepline.call.agreement import Agreement
from keepline.call.carriers.folding import fold
from keepline.call.effects import MediaStopped
from keepline.call.facts import (
    BidFact,
    ByeReceived,
    ByeSent,
    CallAcknowledged,
    CallAnswered,
    CallBegun,
    CallEnded,
    CallPlaced,
    CallProgressed,
    CallReceived,
    CallRetried,
    DigitSignalled,
    DigitsPressed,
    Fact,
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
from keepline.call.facts.interrupted import CallInterrupted, InterruptedFact, Interruption
from keepline.call.facts.refer import Handing, LegReferred, ReferFact, ReferralEnded
from keepline.call.facts.transfer import Transferring, after
from keepline.call.outbound.state import Placing
from keepline.call.phases import BROKEN, ENDINGS, TRANSITIONS, Phase, Timer
from keepline.call.steps.ledger import Ledger
from keepline.call.written import request_of as request_of
from keepline.call.written import response_of as response_of
from keepline.flow import FlowRun, StepOutcome, StepResult, Waiting
from keepline.model.errors import LocalError
from keepline.model.ids import mark_of
from keepline.model.limits import CALL_DIGITS_MAX
from keepline.sip.dialog import Dialog
from keepline.sip.message import Request
from keepline.sip.peers import Address, peer_at

__all__ = ["CONFIRM", "PREFACE", "QUESTION", "TRANSITIONS", "CallState", "Phase", "Timer", "request_of", "response_of"]

QUESTION, PREFACE, CONFIRM = "question", "preface", "confirm"
"""Parts of a question: its own words; what is said before they are said again; its answer, read back."""
BEEP, MESSAGE = "beep", "message"
"""And of a message that is recorded: the tone before it, and the recording."""

# Kinds that are told apart for every fact: a union that is written where it is asked for is made each time.
AGREEING = (CallAcknowledged, ReinviteAnswered, ReinviteAcknowledged)
LINE_NEWS = (LineFellSilent, LineHeard)
SECRET_NEWS = (SecretKeyed, SecretLost, SecretKept)


class CallState:
    """One live call. Only `apply` changes what facts speak of; the rest is this process's own working state."""

    __slots__ = (
        "adopted", "agreement", "answer_interval_s", "answered", "asked_at_s", "attempt", "bids", "bye_over",
        "bye_received", "bye_sent", "bye_status", "dialog", "digits", "digits_at_s", "digits_head", "digits_used",
        "ended", "entry", "failed", "flow_ended", "flow_run", "handing", "id", "interruption", "invite", "joined",
        "leave_why", "leg_placed", "mark", "media_stopped", "message", "message_digits", "messages", "part", "phase",
        "placing", "prompt_over_at_s", "proven", "received", "recorded", "remote_tag", "repeats", "second_began_at_s",
        "secrets", "silent", "step_began_at_s", "steps", "steps_before", "steps_in_second", "timers", "transfer", "use",
        "waiting",
    )  # fmt: skip

    def __init__(self, received: CallBegun, invite: Request) -> None:
        self.received = received
        """How it began, by an INVITE of either side."""
        self.mark = mark_of(received.sip_call_id)
        """Who dies while it works on this call leaves this behind."""
        self.id, self.invite = received.call, invite  # of a call that we place, the one in work
        self.placing = Placing(received) if isinstance(received, CallPlaced) else None
        self.bids: tuple[Placing, ...] = ()  # by their numbers, where several carriers were asked
        self.remote_tag = received.remote_tag
        self.phase = Phase.RINGING if self.placing is None else Phase.PLACING
        self.answered: CallAnswered | None = None
        self.agreement = Agreement()
        self.bye_received: ByeReceived | None = None
        self.bye_sent: ByeSent | None = None
        self.flow_ended: FlowEnded | None = None
        self.ended: CallEnded | None = None
        self.failed: FlowFailed | None = None
        """Its flow failed: what runs now is the apology and the fallback."""
        self.steps: list[StepResult] = []
        """Of what runs now."""
        self.steps_before = 0
        """Of the flow that failed."""
        self.step_began_at_s = self.second_began_at_s = 0.0
        self.steps_in_second = 0
        self.digits = ""
        """Keyed, and not yet part of an answer."""
        self.digits_head = 0  # digits that media has counted
        self.digits_used = 0
        """Digits that answers have used up."""
        self.digits_at_s = 0.0
        self.silent = False
        """Nothing comes by the caller's line."""
        self.prompt_over_at_s: float | None = None
        self.attempt = 1
        """How often the question is being asked."""
        self.part = QUESTION
        self.entry = ""
        """What is read back."""
        self.asked_at_s = 0.0
        """When this part of the step began."""
        self.repeats = 0
        """Plays beyond the first of each step; a use has a number more, to stop its own."""
        self.message: MessageStarted | None = None
        """What is being recorded, or has been and is not on record yet."""
        self.messages = 0
        self.message_digits = 0
        """Of `digits`, those keyed before it began."""
        self.recorded: MessageRecorded | None = None
        """What was recorded last."""
        self.secrets = Ledger()
        self.use: UseStarted | None = None
        """What was asked last, and has no outcome yet."""
        self.leg_placed: LegPlaced | None = None
        self.joined: LegJoined | None = None
        """The last conversation with somebody else."""
        self.transfer: Transferring | None = None
        """The last one that was asked for."""
        self.proven: dict[str, tuple[RequestProven, ...]] = {}  # challenges to the last one, by method
        self.handing, self.interruption = Handing(), Interruption()
        self._begin_work()

    def _begin_work(self) -> None:
        """The working state of this process, rebuilt by waking."""
        self.adopted = False
        """It began in a process that died."""
        self.flow_run: FlowRun | None = None
        self.waiting: Waiting | None = None
        self.dialog: Dialog | None = None
        self.leave_why = ""
        self.media_stopped: MediaStopped | None = None
        self.bye_over = False
        self.bye_status = 0
        """Our BYE was answered, or nobody answers it."""
        self.answer_interval_s = 0.0
        self.timers: dict[Timer, float] = {}

    @property
    def answer_at_s(self) -> float:
        """When a call that came to us is answered, if the caller is still there."""
        return self.received.answer_at_s if isinstance(self.received, CallReceived) else self.received.at_s

    @property
    def carrier(self) -> str:
        """The trunk that it came by, or that leads."""
        return self.placing.carrier if self.placing is not None else self.received.carrier

    @property
    def peer(self) -> Address:
        """Where its INVITE came from, or went."""
        if self.placing is not None:
            return self.placing.peer
        return peer_at(self.received.peer_host, self.received.peer_port, self.received.transport)

    @property
    def media_began_at_s(self) -> float:
        """When its first packet was due."""
        early_at_s = self.placing.early_at_s if self.placing is not None else None
        if early_at_s is not None:
            return early_at_s
        return self.answered.at_s if self.answered is not None else self.received.at_s

    @property
    def variables(self) -> dict[str, str]:
        """What whoever placed the call gave its flow."""
        return json.loads(self.received.variables) if isinstance(self.received, CallPlaced) else {}

    @property
    def runs_flow(self) -> bool:
        """Somebody is to be talked to by a flow of this call's own."""
        if self.placing is None:
            return True
        return bool(self.received.flow) and self.answered is not None and self.placing.cancelled is None

    @property
    def has_caller(self) -> bool:
        """Somebody is there to hear us."""
        return self.phase in (Phase.ANSWERED, Phase.ESTABLISHED) and not self.leave_why

    def apply(self, fact: Fact) -> None:
        """Fold one fact into the state; raises `LocalError` where it cannot follow."""
        following = TRANSITIONS.get((self.phase, type(fact)))
        if following is None:
            raise LocalError(f"call {self.id}: {fact.kind} cannot follow in phase {self.phase.value}")
        self.phase = following
        if isinstance(fact, ENDINGS):
            self._apply_rest(fact)
        elif isinstance(fact, StepEnded):
            self._apply_step(fact)
        elif isinstance(fact, CallAnswered):
            self._apply_answer(fact)
        elif isinstance(fact, DigitsPressed):
            self._apply_digits(fact.at_s, fact.digits)
            self.digits_head = fact.head
            self.agreement.hear_tones(fact)
        elif isinstance(fact, DigitSignalled):
            self._apply_digits(fact.at_s, fact.digit)
            self.agreement.take_info(fact)
        elif isinstance(fact, AGREEING):
            self._apply_agreement(fact)
        elif isinstance(fact, LINE_NEWS):
            self.silent = isinstance(fact, LineFellSilent)
        elif isinstance(fact, PromptEnded):
            self.prompt_over_at_s = fact.at_s
        elif isinstance(fact, RefreshFact):
            self.agreement.refresh(fact)
        elif isinstance(fact, PlacedFact):
            self._apply_placed(fact)
        elif isinstance(fact, QuestionContinued):
            self.repeats += 1
            self.secrets.go_on(fact, self.attempt, self.repeats)
            self._begin_part(fact.at_s, fact.digits_used, fact.attempt, fact.part, fact.entry)
        elif isinstance(fact, MessageStarted):
            self.message, self.part = fact, MESSAGE
            self.messages, self.message_digits = fact.number, len(self.digits)
        elif isinstance(fact, MessageRecorded):
            self.message, self.recorded = None, fact
        elif isinstance(fact, SECRET_NEWS):
            self._apply_secret(fact)
        elif isinstance(fact, FlowFailed):
            self._apply_failure(fact)
        elif isinstance(fact, UseStarted):
            self.use = fact
            self.repeats += fact.attempt == 1
        elif isinstance(fact, UseEnded):
            if self.use is not None:
                self.secrets.end_use(self.use, fact.outcome)
            self.use = None
        elif isinstance(fact, TransferFact):
            self.transfer = after(self.transfer, fact)
        elif isinstance(fact, RequestProven):
            self._apply_proven(fact)
        elif isinstance(fact, ReferFact):
            self.handing = self.handing.after(fact)
            self.repeats += isinstance(fact, LegReferred | ReferralEnded)  # what media is told from here on is news
        else:
            self._apply_rest(fact)

    def _apply_rest(self, fact: Fact) -> None:
        if isinstance(fact, InterruptedFact):
            self._apply_interruption(fact)
        elif isinstance(fact, LegPlaced):
            self.leg_placed = fact
        elif isinstance(fact, LegJoined):
            self.joined = fact
        elif isinstance(fact, FlowEnded):
            self.flow_ended, self.use = fact, None if fact.ending == BROKEN else self.use
        elif isinstance(fact, ByeSent):
            self.bye_sent = fact
        elif isinstance(fact, ByeReceived):
            self.bye_received = fact
        elif isinstance(fact, CallEnded):
            self.ended = fact

    def _apply_proven(self, fact: RequestProven) -> None:
        """What is sent again stands in the place of what was challenged."""
        before = self.proven.get(fact.method, ())
        self.proven[fact.method] = (*(before if before and before[-1].cseq == fact.challenged else ()), fact)
        if fact.method == "INVITE":
            self.agreement.prove(fact)
        elif fact.method == "REFER" and self.transfer is not None:
            asked = replace(self.transfer.asked, refer=fact.request, cseq=fact.cseq)
            self.transfer = replace(self.transfer, asked=asked)
        elif fact.method == "BYE" and self.bye_sent is not None:
            self.bye_sent = replace(self.bye_sent, bye=fact.request)
        elif fact.method == "NOTIFY":
            self.handing = self.handing.proven(fact.request, fact.cseq)

    def _apply_interruption(self, fact: InterruptedFact) -> None:
        self.interruption = self.interruption.after(fact)
        if isinstance(fact, CallInterrupted):  # media counts anew, and who was being asked has the whole time again
            self.digits_head, self.digits_at_s = 0, fact.at_s
            self.prompt_over_at_s = self.prompt_over_at_s and fact.at_s

    def _apply_answer(self, fact: CallAnswered) -> None:
        self.answered = fact
        if self.placing is None:
            self.agreement.begin(fact)
        else:
            self.remote_tag = fact.remote_tag
            self.agreement.begin_placed(fact, self.placing)
        self.step_began_at_s = self.asked_at_s = fact.at_s

    def _apply_placed(self, fact: PlacedFact) -> None:
        assert self.placing is not None
        if isinstance(fact, BidFact):
            fold(self, fact)
            return
        self.placing.apply(fact)
        if isinstance(fact, CallProgressed):
            self.remote_tag = fact.remote_tag
            if fact.terms is not None:
                self.agreement.settle(fact.terms)
        elif isinstance(fact, CallRetried):
            self.invite = request_of(fact.invite)
            self.remote_tag = ""

    def _apply_digits(self, at_s: float, digits: str) -> None:
        self.digits = (self.digits + digits)[:CALL_DIGITS_MAX]
        self.digits_at_s = at_s if digits else self.digits_at_s

    def _apply_agreement(self, fact: CallAcknowledged | ReinviteAnswered | ReinviteAcknowledged) -> None:
        if isinstance(fact, CallAcknowledged) and fact.terms is not None:  # the flow begins with the session
            self.step_began_at_s = self.asked_at_s = fact.at_s
        before = self.agreement.number
        self.agreement.apply(fact)
        if self.agreement.number != before:
            self.silent = False  # media listens anew

    def _apply_step(self, fact: StepEnded) -> None:
        outcome = StepOutcome(fact.outcome)
        self.secrets.end_step(fact, self.use, self.repeats)
        if self.use is not None and self.use.step == fact.step:
            is_left_alone = self.use.changes and outcome is StepOutcome.HUNG_UP
            self.use = self.use if is_left_alone else None
        said = (fact.value, fact.reason, fact.attempts, fact.line_silent)
        self.steps.append(StepResult(fact.verb, fact.fingerprint, outcome, *said))
        self._begin_part(fact.at_s, fact.digits_used, 1, QUESTION, "")
        self.step_began_at_s = fact.at_s
        if fact.at_s >= self.second_began_at_s + 1.0:
            self.second_began_at_s, self.steps_in_second = fact.at_s, 0
        self.steps_in_second += 1

    def _apply_secret(self, fact: SecretKeyed | SecretLost | SecretKept) -> None:
        if isinstance(fact, SecretKeyed):
            self.secrets.count(fact)
            self.agreement.info_cseq = max(self.agreement.info_cseq, fact.info_cseq)
            return
        if isinstance(fact, SecretLost):
            self.use = None  # nothing was asked for
            self.secrets.again = fact.handles
            self.secrets.lost += 1
            self.repeats += 1
        else:
            self.secrets.again = tuple(each for each in self.secrets.again if each != fact.handle)
            self.repeats += 2  # the next question's play, or the two numbers of the use
        self._begin_part(fact.at_s, fact.digits_used, 1, QUESTION, "")
        self.secrets.begin_entry(self.repeats)

    def _apply_failure(self, fact: FlowFailed) -> None:
        self.failed, self.use = fact, None
        self.steps_before += len(self.steps)
        self.steps = []
        self.steps_in_second = 0
        self.repeats += 1  # what the failed flow may have been saying is another play than what comes now
        self.secrets.begin_entry(self.repeats)
        self._begin_part(fact.at_s, self.digits_used, 1, QUESTION, "")
        self.step_began_at_s = fact.at_s

    def _begin_part(self, at_s: float, digits_used: int, attempt: int, part: str, entry: str) -> None:
        """What follows finds only the digits that nothing before it has used up."""
        self.digits = self.digits[digits_used - self.digits_used :]
        self.digits_used = digits_used
        self.prompt_over_at_s = None
        self.attempt, self.part, self.entry = attempt, part, entry
        self.asked_at_s = at_s
