"""The end of a call: BYE from either side (RFC 3261 §15), and its last fact."""

from dataclasses import replace

from keepline.call import established, interruption
from keepline.call.carriers.racing import finish, unresolved
from keepline.call.dialogs import bye_peer, dialog_of
from keepline.call.effects import CloseMedia, MediaStopped, RecordingFinished, Report
from keepline.call.facts import ByeReceived, ByeSent, CallEnded, CallPlaced, ending
from keepline.call.outbound.ending import outcome_of, unanswered_end
from keepline.call.outbound.legs import LegEvent
from keepline.call.phases import BROKEN
from keepline.call.proving import as_sent
from keepline.call.quality import with_figures
from keepline.call.setup import CLOSE_NUMBER, close_media
from keepline.call.state import CallState, Phase, Timer
from keepline.call.steps import record_message as steps_record
from keepline.call.steps.use import is_alone
from keepline.call.turn import Turn
from keepline.sip.dialog import next_request
from keepline.sip.message import Request
from keepline.sip.peers import transport_to

BRANCH = "z9hG4bK-bye-"
INTERNAL_ERROR = "internal error"
"""Why we left, where a bug of ours made us."""


def leave_if_over(turn: Turn, call: CallState) -> None:
    """Hang up once the flow asked for it or is over; before the ACK of a 200 nothing may be sent (§15)."""
    if call.flow_ended is not None and not call.leave_why:
        is_ours = call.flow_ended.ending == BROKEN
        call.leave_why = INTERNAL_ERROR if is_ours else f"flow {call.flow_ended.ending}"
    if call.placing is not None and call.placing.cancelled is not None:
        call.leave_why = call.leave_why or call.placing.cancelled.why  # the answer crossed our CANCEL
    if call.leave_why and call.phase is Phase.ESTABLISHED and call.agreement.unacknowledged is None:
        hang_up(turn, call)


def hang_up(turn: Turn, call: CallState) -> None:
    """Send our BYE. Also right when the ACK never came within 64*T1 (§13.3.1.4)."""
    identity = turn.identity
    branch = f"{BRANCH}{call.id}"  # one BYE a call, so a successor's is the same transaction
    peer = bye_peer(call)
    call.dialog, bye = next_request(
        dialog_of(call),
        "BYE",
        branch=branch,
        via_host=identity.sip.host,
        via_port=identity.sip.port,
        transport=transport_to(peer),
        headers=[("User-Agent", identity.server)],
    )
    turn.clear_all_timers(call)
    data = bye.encode()
    turn.record(call, ByeSent(call.id, turn.now_s, data.decode("latin-1"), call.leave_why))
    close_media(turn, call)
    turn.request(call, bye, peer, data)
    established.hang_up_flow(turn, call)


def repeat_bye(turn: Turn, call: CallState) -> None:
    """A successor goes on with the BYE that its predecessor began."""
    assert call.bye_sent is not None
    close_media(turn, call)
    turn.request(call, as_sent(turn, call, call.bye_sent.bye), bye_peer(call))


def on_bye(turn: Turn, call: CallState, bye: Request, raw: bytes) -> None:
    """The caller hung up; the caller of this answers 200."""
    if call.phase not in (Phase.ANSWERED, Phase.ESTABLISHED, Phase.LEAVING):
        return
    turn.clear_all_timers(call)
    interruption.on_bye(turn, call)
    turn.record(call, ByeReceived(call.id, turn.now_s, raw.decode("latin-1"), bye.cseq.number))
    established.hang_up_flow(turn, call)
    if call.media_stopped is None:
        close_media(turn, call)
    else:
        end(turn, call)


def on_answer_limit(turn: Turn, call: CallState) -> None:
    """64*T1 without an ACK: the call is hung up (§13.3.1.4)."""
    if call.phase is Phase.ANSWERED or call.agreement.unacknowledged is not None:
        call.leave_why = call.leave_why or "no ACK"
        turn.emit(Report("no_ack", call.id, "the caller never acknowledged our 200; hanging up"))
        hang_up(turn, call)


def on_media_stopped(turn: Turn, call: CallState, stopped: MediaStopped) -> None:
    """The last figures of media; with them a call is over once the caller left, or our BYE is done with."""
    call.media_stopped = call.media_stopped or stopped
    call.timers.pop(Timer.MEDIA_CLOSE, None)
    if call.phase is Phase.CLOSING or (call.phase is Phase.LEAVING and call.bye_over):
        end(turn, call)


def needs_no_media(call: CallState) -> bool:
    """Whether a call that goes on needs its slot no more: it waits for the answer to our BYE, or of a use."""
    return call.media_stopped is not None and call.phase in (Phase.LEAVING, Phase.CLOSING) and call.message is None


def on_media_restarted(turn: Turn, call: CallState) -> None:
    """A new media process, or news of the last one were lost: say again what this call needs of it."""
    if call.phase in (Phase.LEAVING, Phase.CLOSING) and call.media_stopped is None:
        close_media(turn, call)
    else:
        established.resume_media(turn, call)


def on_media_close_limit(turn: Turn, call: CallState) -> None:
    """Media does not answer; the call ends with the figures that there are."""
    if call.media_stopped is None:
        turn.emit(Report("media_silent", call.id, "media did not close the call's slot in time"))
        turn.emit(CloseMedia(call.id, call.received.slot, CLOSE_NUMBER, at_once=True))


def on_bye_over(turn: Turn, call: CallState, status: int) -> None:
    """Our BYE was answered, or nobody answers it (0)."""
    call.bye_over, call.bye_status = True, status
    if call.phase is Phase.LEAVING and call.media_stopped is not None:
        end(turn, call)


def on_recording_finished(turn: Turn, call: CallState, finished: RecordingFinished) -> None:
    """The file of a recording is whole: its step goes on, or the call that waited for it is over."""
    established.on_recording_finished(turn, call, finished)
    end_if_over(turn, call)


def on_file_limit(turn: Turn, call: CallState) -> None:
    """Media does not say what became of a recording."""
    steps_record.on_file_limit(turn, call)
    end_if_over(turn, call)


def end_if_over(turn: Turn, call: CallState) -> None:
    """What outlives the caller has come to its end: if that was all that the call waited for, it is over."""
    if call.media_stopped is None:
        return
    if call.phase is Phase.CLOSING or (call.phase is Phase.LEAVING and call.bye_over):
        end(turn, call)


def end(turn: Turn, call: CallState) -> None:
    """The last fact of an answered call; a change that is still under way is waited for, and a recording's file."""
    if is_alone(call) or steps_record.is_awaited(turn, call):
        return
    stopped = call.media_stopped or MediaStopped(call.id)
    ended = _ending(call, turn.now_s)
    if call.bids:
        ended = replace(ended, unresolved=unresolved(call))
    ended = with_figures(ended, stopped, call.bye_status)
    turn.record(call, ended)
    if call.placing is not None and call.placing.is_routed:
        finish(turn, call, ended)
    elif call.carrier:
        turn.switchboard.carriers.rate(turn, call.carrier, ended, answered=None)
    turn.tell_parent(call, LegEvent.ENDED, ended.sip_status, ended.reason, outcome_of(call.placing))


def _ending(call: CallState, at_s: float) -> CallEnded:
    """The last fact of a call, without its figures."""
    if call.placing is not None and call.placing.refused is not None and isinstance(call.received, CallPlaced):
        return unanswered_end(call.received, call.placing, at_s)
    if call.bye_sent is not None:
        why = call.bye_sent.why
        ended_by = "flow" if why.partition(" ")[0] == "flow" else "node"
    else:
        ended_by, why = "caller" if call.placing is None else "callee", "BYE"
    bye_cseq = call.bye_received.cseq if call.bye_received else -1
    return ending(call.received, at_s, ended_by, 200, why, bye_cseq=bye_cseq, remote_tag=call.remote_tag)
