"""How a call's audio was: where it may come from, what of its silence is told, the figures of its end.

It refuses to act on silence: that is the flow's and the operator's affair, who are told.
"""

from keepline.call.effects import DeadAirBegan, DeadAirEnded, MediaStopped, MediaWay, Report
from keepline.call.facts import CallEnded, LineFellSilent, LineHeard
from keepline.call.state import CallState, Phase
from keepline.call.turn import Turn
from keepline.model.frozen import remade
from keepline.rtp.quality import mos_of_stream


def media_way(turn: Turn, call: CallState, frame_ms: int, rtcp_mux: bool, direction: str) -> MediaWay:
    """The way of a call's stream, within the networks of its trunk."""
    return MediaWay(media_networks(turn, call), frame_ms, rtcp_mux, direction)


def media_networks(turn: Turn, call: CallState) -> tuple[str, ...]:
    """Where the trunk of a call says that its audio comes from; empty where it does not say."""
    program = turn.program_of(call.received.operation)
    trunks = program.operation.trunks if program is not None else ()
    return next((trunk.media_networks for trunk in trunks if trunk.name == call.carrier), ())


def dead_air_s(turn: Turn, call: CallState) -> float:
    """The silence that counts as dead air in a call; 0 where its operation tells of none."""
    program = turn.program_of(call.received.operation)
    return program.operation.media.dead_air_s if program is not None else 0.0


def report_dead_air(turn: Turn, call: CallState, given: DeadAirBegan | DeadAirEnded) -> None:
    """Tell the operator that the caller's line fell silent, or is heard again."""
    if call.answered is None:
        return
    if isinstance(given, DeadAirEnded):
        turn.emit(Report("dead_air_ended", call.id, f"heard again after {given.silent_s:.1f} s"))
    elif given.ever_heard:
        turn.emit(Report("dead_air", call.id, f"nothing heard of the caller's line for {given.silent_s:.1f} s"))
    else:
        what = f"nothing ever heard of the caller's line, {given.silent_s:.1f} s after the answer"
        turn.emit(Report("one_way_audio", call.id, what))


def note_line(turn: Turn, call: CallState, is_silent: bool, silent_s: float = 0.0) -> bool:
    """Put on record whether the caller's line is silent; False where that is known, or the call is over."""
    if call.silent == is_silent or call.phase not in (Phase.ANSWERED, Phase.ESTABLISHED):
        return False
    lost = call.lost
    fact = LineFellSilent(call.id, turn.now_s, silent_s) if is_silent else LineHeard(call.id, turn.now_s)
    turn.record(call, fact)
    if is_silent:
        turn.switchboard.watching.on_silent(turn, call)
    else:
        turn.switchboard.watching.on_heard(turn, call, lost)
    return True


def with_figures(ended: CallEnded, stopped: MediaStopped, bye_status: int = 0) -> CallEnded:
    """The end of a call with the answer to our BYE, what media measured, and the scores that follow from it."""
    trip_ms = stopped.round_trip_ms
    mos = mos_of_stream(stopped.packets_received, stopped.lost, stopped.jitter_ms, trip_ms)
    peer_mos = None
    if stopped.has_reports:
        arrived = max(0, stopped.packets_sent - stopped.peer_lost)
        peer_mos = mos_of_stream(arrived, stopped.peer_lost, stopped.peer_jitter_ms, trip_ms, stopped.frame_ms)
    return remade(
        ended,
        bye_status=bye_status,
        packets_sent=stopped.packets_sent,
        packets_received=stopped.packets_received,
        lost=stopped.lost,
        jitter_ms=round(stopped.jitter_ms, 2),
        mos=mos,
        peer_mos=peer_mos,
        round_trip_ms=None if trip_ms is None else round(trip_ms, 2),
        peer_lost=stopped.peer_lost,
        peer_jitter_ms=round(stopped.peer_jitter_ms, 2),
        dead_air_s=round(stopped.dead_air_s, 1),
        dead_air_at_s=None if stopped.dead_air_at_s is None else round(stopped.dead_air_at_s, 1),
    )
