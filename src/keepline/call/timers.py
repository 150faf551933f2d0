"""What the deadlines of a call bring about; the end of ringing of a call that came to us is the exchange's."""

from collections.abc import Callable

from keepline.call import established, interruption, refreshing, session, setup, teardown
from keepline.call.outbound import progress as outbound
from keepline.call.state import CallState, Timer
from keepline.call.steps import uses_alone
from keepline.call.turn import Turn

REACTIONS: dict[Timer, Callable[[Turn, CallState], None]] = {
    Timer.RING: outbound.on_ring_timer,
    Timer.CANCEL: outbound.on_cancel_limit,
    Timer.REFRESH: refreshing.on_timer,
    Timer.HEDGE: outbound.on_hedge_timer,
    Timer.UNANSWERED: outbound.on_unanswered,
    Timer.RETRANSMIT_ANSWER: setup.retransmit_answer,
    Timer.ANSWER_LIMIT: teardown.on_answer_limit,
    Timer.SESSION: session.on_session_timer,
    Timer.MEDIA_CLOSE: teardown.on_media_close_limit,
    Timer.RECORDING: teardown.on_file_limit,
    Timer.USE: uses_alone.on_timer,
    Timer.PEER: interruption.on_timer,
    Timer.STEP: established.on_step_timer,
    Timer.LINE: lambda turn, call: turn.switchboard.watching.on_timer(turn, call),
}
