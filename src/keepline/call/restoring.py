"""Calls after a switch-over, and calls that met a bug: how each goes on, or comes to its end."""

from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call import established, info, interruption, session, setup, teardown
from keepline.call.facts import CallBegun, CallPlaced, ending
from keepline.call.outbound import progress as outbound
from keepline.call.outbound import refers
from keepline.call.state import CallState, Phase, Timer
from keepline.call.steps import secret as steps_secret
from keepline.call.trunks.ways import source_of
from keepline.call.turn import Turn
from keepline.call.unfinished.failed import leave_undone
from keepline.flow.transfer import TRANSFERRED
from keepline.sip.transaction import server_key

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange
    from keepline.call.requests import Requests

NO_SLOT = "its media slot is not to be had any more"


class Restoring:
    """The part of the exchange that takes calls up again."""

    __slots__ = ("_exchange", "_requests")

    def __init__(self, exchange: "Exchange", requests: "Requests") -> None:
        self._exchange = exchange
        self._requests = requests

    def restore(self, turn: Turn, call: CallState) -> None:
        """A call that woke: its transaction, its media and its flow go on from its facts."""
        if call.placing is not None:
            self._restore_placed(turn, call)
            return
        transactions, key = self._exchange.transactions, server_key(call.invite)
        _leave_as_before(call)
        if call.phase is Phase.RINGING:
            transactions.open_server(turn.now_s, key, call.invite, source_of(call.received))
            self._restore_ringing(turn, call)
            return
        transactions.remember(turn.now_s, key, b"", call.invite)
        if call.phase is Phase.ANSWERED:
            setup.resend_answer(turn, call)
            setup.arm_answer_timers(turn, call)
        if call.phase in (Phase.ANSWERED, Phase.ESTABLISHED):
            reinvite = session.restore(turn, call)
            if reinvite is not None:
                transactions.remember(turn.now_s, server_key(reinvite), b"")
            self._restore_live(turn, call)
            return
        self._restore_leaving(turn, call)

    def _restore_placed(self, turn: Turn, call: CallState) -> None:
        _leave_as_before(call)
        outbound.restore(turn, call)
        refer = refers.restore(turn, call)
        if refer is not None:
            tail = refers.accepted(refer, turn.identity).encode()
            self._exchange.transactions.remember(turn.now_s, server_key(refer), tail)
        if call.phase is Phase.ESTABLISHED:
            reinvite = session.restore(turn, call)
            if reinvite is not None:
                self._exchange.transactions.remember(turn.now_s, server_key(reinvite), b"")
            self._restore_live(turn, call)
        elif call.phase not in outbound.WAITING:
            self._restore_leaving(turn, call)
        is_leg = isinstance(call.received, CallPlaced) and not call.received.flow  # a run's has a flow of its own
        parent = call.received.parent if isinstance(call.received, CallPlaced) and is_leg else ""
        if parent and not self._exchange.knows(parent):  # struck off, or its facts are lost
            outbound.release(turn, call, outbound.ORPHANED)

    def _restore_leaving(self, turn: Turn, call: CallState) -> None:
        if call.phase is Phase.LEAVING:
            teardown.repeat_bye(turn, call)
        elif call.phase is Phase.CLOSING:
            setup.close_media(turn, call)
        if call.agreement.terms is not None and call.flow_ended is None:
            established.start_flow(turn, call)

    def _restore_live(self, turn: Turn, call: CallState) -> None:
        if call.received.slot < 0:
            established.break_flow(turn, call, NO_SLOT)
        elif call.agreement.terms is not None:
            lost_keys = self._exchange.sleepers.cut_off.get(call.id)
            if lost_keys is not None and call.bye_sent is None:
                interruption.begin(turn, call, lost_keys)
            established.open_media(turn, call)
            if call.flow_ended is None:
                established.start_flow(turn, call)
                established.await_news(turn, call)
                info.restore(turn, call)
                steps_secret.restore(turn, call)
            turn.emit(fx.InspectMedia(call.id, call.received.slot))
            interruption.restore(turn, call)
            turn.switchboard.watching.restore(turn, call)

    def _restore_ringing(self, turn: Turn, call: CallState) -> None:
        if call.received.slot < 0:
            self._requests.end_unanswered(turn, call, 503, NO_SLOT)
            return
        if call.answer_at_s > call.received.at_s:
            self._requests.respond_with(turn, call.invite, setup.ringing(call, turn.identity))
        turn.set_timer(call, Timer.RING, call.answer_at_s)

    def give_up(self, turn: Turn, call: CallState, error: str) -> None:
        """A call that met a bug of ours ends, on record: refused while it rings, else with a BYE as soon as may be."""
        established.break_flow(turn, call, error)
        leave_undone(turn, call, error)
        if call.phase is Phase.RINGING:
            self._requests.end_unanswered(turn, call, 500, teardown.INTERNAL_ERROR)
        elif call.phase in outbound.WAITING:
            outbound.cancel(turn, call, teardown.INTERNAL_ERROR)
        elif call.phase is Phase.ANSWERED:
            if Timer.ANSWER_LIMIT not in call.timers:
                self._exchange.transactions.remember(turn.now_s, server_key(call.invite), b"", call.invite)
                setup.resend_answer(turn, call)
                setup.arm_answer_timers(turn, call)
        elif call.phase is Phase.ESTABLISHED:
            call.leave_why = call.leave_why or teardown.INTERNAL_ERROR
            teardown.hang_up(turn, call)
        elif call.phase is not Phase.ENDED:
            setup.close_media(turn, call)
            teardown.end(turn, call)

    def strike_off(self, turn: Turn, received: CallBegun) -> None:
        """The last resort: the call is over on record and for media, whatever its caller makes of it."""
        if received.slot >= 0:
            turn.emit(fx.CloseMedia(received.call, received.slot, setup.CLOSE_NUMBER))
        turn.emit(fx.Persist(ending(received, turn.now_s, "node", 0, teardown.INTERNAL_ERROR)))


def _leave_as_before(call: CallState) -> None:
    """The flow has ended the call already."""
    if any(step.verb == "hangup" or step.reason == TRANSFERRED for step in call.steps):
        call.leave_why = "flow"
