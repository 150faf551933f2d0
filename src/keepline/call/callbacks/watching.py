"""Lines that fall silent, and what that says of their carrier: asks who is there, concludes, has callers called back.

Only where the operation calls people back, and only calls that run a flow of their own: of a leg its parent hears. What
is on record (the silence, the question, the loss) is enough for a successor to go on with. Source: RFC 3261 §11, §12.2.
"""

import json
from typing import TYPE_CHECKING, Final

from keepline.call import interruption
from keepline.call.callbacks.judging import Line, lost_together
from keepline.call.callbacks.rights import WITHHELD, number_of
from keepline.call.callbacks.tickets import HEARD_AGAIN, Promise, Promising
from keepline.call.dialogs import bye_peer
from keepline.call.effects import Report
from keepline.call.facts import CallLost, CallPlaced
from keepline.call.state import CallState, Phase, Timer, request_of
from keepline.call.steps.common import step_number
from keepline.call.turn import Turn
from keepline.flow import StepOutcome
from keepline.model.callbacks import CallbackSettings
from keepline.sip.message import Request

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

SETTLES_S: Final = 0.1
"""From a line's silence to the judgement: what falls silent at one moment is told of one by one."""
JUDGES_EVERY_S: Final = 0.5
"""All lines of a carrier together, at most."""
_GONE: Final = (0, 408, 481)
"""Answers to the question whether somebody is there that say no; 0 is none."""
UP: Final = (Phase.ANSWERED, Phase.ESTABLISHED)
ALREADY_SERVED, OUTBOUND = "served", "outbound"
"""Why nobody is called back for a call that was lost."""
DEAD: Final = "its carrier is dead"


class LineWatch:
    """The part of the exchange that looks after lines."""

    __slots__ = ("_exchange", "_judged_at_s")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._judged_at_s: dict[str, float] = {}
        """When the lines of each carrier were looked at last: of thousands that die at once not each looks at all."""

    # What happens to a line -----------------------------------------------------------------------------------------

    def on_silent(self, turn: Turn, call: CallState) -> None:
        """Nothing comes by the line of a call any more."""
        if self._settings(turn, call) is not None:
            self._look_soon(turn, call)

    def on_heard(self, turn: Turn, call: CallState, lost: CallLost | None) -> None:
        """The line is heard again: whoever was to be called back for it need not be."""
        turn.clear_timers(call, [Timer.LINE])
        ticket = self._exchange.tickets.book.get(lost.ticket) if lost is not None else None
        if ticket is not None and ticket.plan.ends == call.id:
            self._exchange.tickets.call_off(turn, ticket, call.id, HEARD_AGAIN)

    def restore(self, turn: Turn, call: CallState) -> None:
        """Go on with a line that was silent in a process before."""
        if call.silent and call.lost is None and self._settings(turn, call) is not None:
            asked = self._question(call)
            if asked is not None and call.phase is Phase.ESTABLISHED:
                turn.request(call, asked, bye_peer(call))
            self._look_soon(turn, call)

    def on_timer(self, turn: Turn, call: CallState) -> None:
        """It is time to judge, to ask, or to wait for an answer no longer."""
        settings = self._settings(turn, call)
        if settings is None or not call.silent or call.lost is not None:
            return
        judged_at_s = self._judged_at_s.get(call.carrier, float("-inf"))
        if judged_at_s < turn.now_s - SETTLES_S:  # this line may not have been silent by then
            if turn.now_s < judged_at_s + JUDGES_EVERY_S:
                turn.set_timer(call, Timer.LINE, judged_at_s + JUDGES_EVERY_S)
                return
            self._judged_at_s[call.carrier] = turn.now_s
            lost, why = lost_together(self._lines(call.carrier), settings.lines_min)
            if lost:
                self._lose_all(turn, call.carrier, lost, why)
            if call.id in lost:
                return
        asked = call.interruption.asked
        if call.phase is not Phase.ESTABLISHED or call.interruption.seeks_peer:
            return
        if asked is None or asked.at_s < call.silent_at_s:
            interruption.ask(turn, call)
            turn.set_timer(call, Timer.LINE, turn.now_s + interruption.ANSWERED_WITHIN_S)
        elif turn.now_s >= asked.at_s + interruption.ANSWERED_WITHIN_S:
            self._on_gone(turn, call, 0)
        else:
            turn.set_timer(call, Timer.LINE, asked.at_s + interruption.ANSWERED_WITHIN_S)

    def on_answer(self, turn: Turn, call: CallState, cseq: int, status: int) -> None:
        """What came of the question whether somebody is there."""
        asked = call.interruption.asked
        if asked is None or asked.cseq != cseq or not call.silent or call.lost is not None:
            return
        if self._settings(turn, call) is None or call.interruption.seeks_peer:
            return
        if status in _GONE:
            self._on_gone(turn, call, status)
        else:
            turn.clear_timers(call, [Timer.LINE])

    # Conclusions ----------------------------------------------------------------------------------------------------

    def _on_gone(self, turn: Turn, call: CallState, status: int) -> None:
        what = f"its far side answers {status}" if status else "its far side answers nothing"
        self._exchange.on_call(turn, call.id, lambda t, c: self._lose(t, c, f"the line is silent, and {what}"))
        self._exchange.switchboard.carriers.lost(turn, call.carrier, "fell silent", is_proof=False)

    def _lose_all(self, turn: Turn, carrier: str, calls: tuple[str, ...], why: str) -> None:
        for each in calls:
            self._exchange.on_call(turn, each, lambda t, c: self._lose(t, c, why))
        self._exchange.switchboard.carriers.lost(turn, carrier, "fell silent", is_proof=True)

    def _lose(self, turn: Turn, call: CallState, why: str) -> None:
        if call.lost is not None or call.phase not in UP:
            return
        turn.clear_timers(call, [Timer.LINE])
        found = self._promise(turn, call)
        turn.record(
            call,
            CallLost(call.id, turn.now_s, call.carrier, call.silent_at_s, why, found.ticket, found.refusal),
            synced=True,
        )
        if isinstance(call.received, CallPlaced):
            call.leave_why = call.leave_why or DEAD  # whoever placed it goes on when it is over
        then = f"{found.ticket} calls back" if found.ticket else f"nobody is called back: {found.refusal}"
        turn.emit(Report("line_lost", call.id, f"{call.carrier}: {why}; {then}"))

    def _promise(self, turn: Turn, call: CallState) -> Promising:
        program, settings = turn.program_of(call.received.operation), self._settings(turn, call)
        assert program is not None
        assert settings is not None
        if isinstance(call.received, CallPlaced):
            own = self._exchange.tickets.book.get(call.received.parent)
            return Promising(own.run if own is not None else "", refusal="" if own is not None else OUTBOUND)
        noted, fields = _noted(call)
        if noted in settings.served:
            return Promising("", refusal=ALREADY_SERVED)
        number = number_of(call, program.operation)
        if not number:
            return Promising("", refusal=WITHHELD)
        step = f"{step_number(call, call.waiting)} {call.waiting.request.verb}" if call.waiting is not None else ""
        told = {
            "lost_call": call.id,
            "lost_at": f"{call.silent_at_s:.3f}",
            "lost_number": call.received.to_number,
            "lost_flow": call.received.flow,
            "lost_step": step,
            "lost_outcome": noted,
            "lost_fields": fields,
        }
        wanted = Promise(
            call.id,
            (f"{call.silent_at_s:.3f}",),
            number,
            "",
            settings.after_s,
            None,
            True,
            "lost",
            tuple(told.items()),
            call.id,
            call.carrier,
        )
        return self._exchange.tickets.promise(turn, program.operation, wanted)

    # Helpers --------------------------------------------------------------------------------------------------------

    def _settings(self, turn: Turn, call: CallState) -> CallbackSettings | None:
        """How callers of this call's operation are called back; None where this call is none that is looked after."""
        received = call.received
        if call.phase not in UP or call.answered is None or not received.flow or not call.carrier or call.leave_why:
            return None
        program = turn.program_of(received.operation)
        return program.operation.callbacks if program is not None else None

    def _lines(self, carrier: str) -> list[Line]:
        return [
            Line(each.id, each.answered.at_s, each.silent_at_s if each.silent else None)
            for each in self._exchange.calls.values()
            if each.answered is not None and each.phase in UP and each.carrier == carrier
        ]

    def _question(self, call: CallState) -> Request | None:
        """The one of this silence, as it is on record."""
        asked = call.interruption.asked
        if asked is None or asked.at_s < call.silent_at_s or call.interruption.seeks_peer:
            return None
        return request_of(asked.request)

    def _look_soon(self, turn: Turn, call: CallState) -> None:
        turn.set_timer(call, Timer.LINE, turn.now_s + SETTLES_S)


def _noted(call: CallState) -> tuple[str, str]:
    """What the flow had noted last: the word, and its fields as JSON."""
    for step in reversed(call.steps):
        if step.verb == "outcome" and step.outcome is StepOutcome.DONE:
            told = json.loads(step.value)
            return told["outcome"], json.dumps(told["fields"], ensure_ascii=False)
    return "", "{}"
