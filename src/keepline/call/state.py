"""The state of one call: a fold over its facts, and nothing that the facts do not say.

`TRANSITIONS` is the whole life of a call. Live and replayed facts go through the same `apply`, so a process that
takes over stands where the dead one stood.
"""

import json
from typing import cast

from keepline.call.agreement import Agreement
from keepline.call.applying import BEEP, CONFIRM, FOLDS, MESSAGE, PREFACE, QUESTION
from keepline.call.effects import MediaStopped
from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallAnswered,
    CallBegun,
    CallEnded,
    CallLost,
    CallPlaced,
    CallReceived,
    Fact,
    FlowEnded,
    FlowFailed,
    LegJoined,
    LegPlaced,
    MessageRecorded,
    MessageStarted,
    RequestProven,
    UseStarted,
)
from keepline.call.facts.interrupted import Interruption
from keepline.call.facts.refer import Handing
from keepline.call.facts.transfer import Transferring
from keepline.call.outbound.state import Placing
from keepline.call.phases import ANSWERED, TRANSITIONS, Phase, Timer
from keepline.call.steps.ledger import Ledger
from keepline.call.written import request_of as request_of
from keepline.call.written import response_of as response_of
from keepline.flow import FlowRun, StepResult, Waiting
from keepline.model.errors import LocalError
from keepline.model.ids import mark_of
from keepline.sip.dialog import Dialog
from keepline.sip.message import Request
from keepline.sip.peers import Address, peer_at

__all__ = [
    "BEEP", "CONFIRM", "MESSAGE", "PREFACE", "QUESTION", "TRANSITIONS", "CallState", "Phase", "Timer", "request_of",
    "response_of",
]  # fmt: skip

_PLANS = {(phase, kind): (following, FOLDS.get(kind)) for (phase, kind), following in TRANSITIONS.items()}
"""What a fact does in a phase: both tables, looked up at once."""
NOBODY_HANDED_ON, UNINTERRUPTED = Handing(), Interruption()


class CallState:
    """One live call. Only `apply` changes what facts speak of; the rest is this process's own working state."""

    __slots__ = (
        "adopted", "agreement", "answer_interval_s", "answered", "asked_at_s", "attempt", "bids", "bye_over",
        "bye_received", "bye_sent", "bye_status", "dialog", "digits", "digits_at_s", "digits_head",
        "digits_used", "ended", "entry", "failed", "flow_ended", "flow_run", "handing", "id", "interruption",
        "invite", "joined", "leave_why", "leg_placed", "lost", "mark", "media_stopped", "message",
        "message_digits", "messages", "part", "phase", "placing", "prompt_over_at_s", "proven", "received",
        "recorded", "remote_tag", "repeats", "second_began_at_s", "secrets", "silent", "silent_at_s",
        "step_began_at_s", "steps", "steps_before", "steps_in_second", "timers", "transfer", "use", "waiting",
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
        self.silent, self.silent_at_s, self.lost = False, 0.0, cast("CallLost | None", None)
        """Nothing comes by the caller's line, since when, and whether the carrier lost it."""
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
        self.handing, self.interruption = NOBODY_HANDED_ON, UNINTERRUPTED
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
        return self.phase in ANSWERED and not self.leave_why

    def apply(self, fact: Fact) -> None:
        """Fold one fact into the state; raises `LocalError` where it cannot follow."""
        plan = _PLANS.get((self.phase, type(fact)))
        if plan is None:
            raise LocalError(f"call {self.id}: {fact.kind} cannot follow in phase {self.phase.value}")
        self.phase, do = plan
        if do is not None:
            do(self, fact)
