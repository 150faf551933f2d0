"""The tickets of one node: who is promised a call, what calls it off, what is left to people where it came to nothing.

The waiting and calling is a run's (`flow.calling_back`), which is what makes it happen once whatever dies. It refuses
to judge whether a carrier has lost somebody: `watching` does.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keepline.call.callbacks.book import Ticket, TicketBook
from keepline.call.callbacks.rights import FULL, NO_HOURS, NOT_SET_UP, refusal_of
from keepline.call.effects import Persist, Report
from keepline.call.facts import CallReceived, WorkOpened
from keepline.call.facts.run import EventForgotten, EventTold, RunEnded, RunStarted
from keepline.call.runs.starting import run_id
from keepline.call.runs.state import RunState
from keepline.call.state import CallState, Phase
from keepline.call.turn import Turn
from keepline.call.unfinished.book import CALLBACK_MISSED
from keepline.flow import CallOut, FlowEnding, StepOutcome
from keepline.flow.calling_back import CALLBACK, MISSED, OFF, CallbackPlan
from keepline.flow.capabilities import write_value
from keepline.flow.runs import event_subject
from keepline.model.limits_callbacks import CALLBACKS_OPEN_MAX
from keepline.model.operation import Operation
from keepline.sip.telephone import plain_number

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

CALLED_AGAIN, HEARD_AGAIN = "called again, and was served", "was heard again"
"""Why a ticket is called off."""
IN_PLACE = "its carrier is dead, and its caller has another call"
"""Why we leave a call that was lost: nobody is there any more."""
_UP = (Phase.RINGING, Phase.ANSWERED, Phase.ESTABLISHED)


@dataclass(frozen=True, slots=True)
class Promise:
    """Who is to be called back, by what, and why."""

    asker: str
    """Id of the call or the run that promises it."""
    words: tuple[str, ...]
    """What the ticket's id follows from: the same for whoever promises it again after a crash."""
    number: str
    flow: str
    """Empty for that of the operation's settings."""
    after_s: float
    within_s: float | None
    unless_called: bool
    why: str
    variables: tuple[tuple[str, str], ...]
    ends: str = ""
    avoid: str = ""
    step: int = -1


@dataclass(frozen=True, slots=True)
class Promising:
    """What came of it: a ticket, new or known, or why there is none."""

    ticket: str
    known: bool = False
    refusal: str = ""
    detail: str = ""


class Tickets:
    """The part of the exchange that sees to those who are to be called back."""

    __slots__ = ("_exchange", "book")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self.book = TicketBook()

    # Promises -------------------------------------------------------------------------------------------------------

    def promise(self, turn: Turn, operation: Operation, wanted: Promise) -> Promising:
        """Have a ticket for whoever is to be called back, unless there is one; or say why there can be none."""
        settings, number = operation.callbacks, plain_number(wanted.number)
        if settings is None:
            return Promising("", refusal=NOT_SET_UP, detail="the operation has no `callbacks`")
        refusal, detail = refusal_of(number, operation)
        if refusal:
            return Promising("", refusal=refusal, detail=detail)
        flow = wanted.flow or settings.flow
        open_already = self.book.find(number, flow)
        if open_already is not None:
            return Promising(open_already.run, known=True)
        within_s = wanted.within_s if wanted.within_s is not None else settings.within_s
        windows = settings.windows(turn.now_s, wanted.after_s, within_s)
        if not windows:
            return Promising("", refusal=NO_HOURS, detail=f"nobody may be called within the next {within_s:g} s")
        if len(self.book) >= CALLBACKS_OPEN_MAX:
            what = f"{number} is not called back: {CALLBACKS_OPEN_MAX} others are to be"
            turn.emit(Report("callbacks_full", wanted.asker, what))
            return Promising("", refusal=FULL, detail=what)
        plan = CallbackPlan(
            number, flow, windows, settings.attempts, settings.retry_s, settings.ring_timeout_s, settings.from_number,
            settings.not_reached, wanted.ends, wanted.avoid, wanted.unless_called, wanted.why, dict(wanted.variables),
        )  # fmt: skip
        started = RunStarted(
            run_id("callback", wanted.asker, *wanted.words), turn.now_s, CALLBACK, "", operation.digest, wanted.asker,
            wanted.step, write_value(plan.told()),
        )  # fmt: skip
        self.book.note(started)
        self._exchange.runs.start(turn, started, is_new=True)
        return Promising(started.call)

    def call_off(self, turn: Turn, ticket: Ticket, by: str, why: str) -> None:
        """They need no call any more: the run hears of it when it waits next. `by` is the call that shows it."""
        event = "e" + run_id(ticket.run, by, why)[1:]
        if not self._exchange.runs.events.has(event):
            told = EventTold(event, turn.now_s, OFF, ticket.run, write_value({"why": why, "call": by}))
            self._exchange.runs.tell(turn, told)

    # What calls come to ---------------------------------------------------------------------------------------------

    def on_call_over(self, turn: Turn, call: CallState) -> None:
        """A caller who called again by himself and was served is not called back."""
        if not len(self.book) or not isinstance(call.received, CallReceived) or not _was_served(call):
            return
        program = turn.program_of(call.received.operation)
        number = plain_number(call.received.from_number)
        for ticket in self.book.of(number) if program is not None else ():
            if ticket.plan.unless_called and ticket.plan.ends != call.id:
                self.call_off(turn, ticket, call.id, CALLED_AGAIN)
                self._exchange.on_call(turn, ticket.plan.ends, _leave)

    def is_on_line(self, number: str, but: str) -> bool:
        """Whether this number has a call to us that is up, or rings; but for the one that is lost."""
        for call in self._exchange.calls.values():
            is_theirs = isinstance(call.received, CallReceived) and plain_number(call.received.from_number) == number
            if is_theirs and call.id != but and call.phase in _UP and call.lost is None:
                return True
        return False

    def begin_call(self, turn: Turn, run: RunState, request: CallOut) -> bool:
        """A ticket is about to call: False where they are on the line with us just now."""
        ticket = self.book.get(run.id)
        if ticket is not None and self.is_on_line(ticket.plan.number, request.ends):
            return False
        if request.ends:
            self._exchange.on_call(turn, request.ends, _leave)
        return True

    # The end --------------------------------------------------------------------------------------------------------

    def on_run_over(self, turn: Turn, run: RunState, over: RunEnded) -> None:
        """A ticket is closed; where nobody was reached, that is somebody's work."""
        ticket = self.book.get(run.id)
        if ticket is None:
            return
        self.book.note(over)
        events = self._exchange.runs.events
        while (told := events.take(event_subject(OFF, run.id))) is not None:  # it came too late
            turn.emit(Persist(EventForgotten(told.call, turn.now_s, told.event, told.key), True))
        if over.ending == FlowEnding.RETURNED.value and over.outcome == MISSED:
            said = next((each.value for each in reversed(run.steps) if each.verb == "outcome"), "{}")
            self._leave_work(turn, run, ticket, str(json.loads(said).get("fields", {}).get("why", "")))

    def _leave_work(self, turn: Turn, run: RunState, ticket: Ticket, why: str) -> None:
        plan = ticket.plan
        turn.leave(
            WorkOpened(
                run.id, turn.now_s, f"{run.id}-missed", CALLBACK_MISSED,
                f"was promised a call, and was not reached in time: {why}", plan.flow, plan.number, "",
                operation=run.started.operation, parent=ticket.parent, variables=write_value(dict(plan.variables)),
            )
        )  # fmt: skip


def _leave(_turn: Turn, call: CallState) -> None:
    """The BYE follows; nobody is there to hear it, and it is owed all the same."""
    if call.lost is not None:
        call.leave_why = call.leave_why or IN_PLACE


def _was_served(call: CallState) -> bool:
    """Its flow came to its end, or had noted what it came to; a call that failed or was lost served nobody."""
    if call.answered is None or call.failed is not None or call.lost is not None:
        return False
    noted = any(step.verb == "outcome" and step.outcome is StepOutcome.DONE for step in call.steps)
    ended = call.flow_ended
    return noted or (ended is not None and ended.ending == FlowEnding.RETURNED.value)
