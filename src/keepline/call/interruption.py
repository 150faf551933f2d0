"""Calls whose node died as a whole and came back: they go on at once, and it is looked whether anybody is still there.

Audio from the other side is proof enough. Where none comes it is asked by an OPTIONS within the dialog: whatever it
answers but 481 and 408 says that it has the call. Who is gone is hung up on, and the call is work for a person: we
broke it off. Source: RFC 3261 §11, §12.2.1.2.
"""

from keepline.call import dialogs
from keepline.call.effects import InspectMedia, MediaSeen, Report
from keepline.call.facts import WorkOpened
from keepline.call.facts.interrupted import CallInterrupted, PeerAsked, PeerFound
from keepline.call.state import CallState, Phase, Timer, request_of
from keepline.call.turn import Turn
from keepline.call.unfinished.book import CALL_BROKEN
from keepline.sip.dialog import next_request
from keepline.sip.peers import transport_to

HEARD_WITHIN_S = 1.5
"""Of who is there and sends audio something is heard by then."""
ANSWERED_WITHIN_S = 8.0
"""Of who is there and sends none an answer: several retransmissions of our request."""
LOOK_EVERY_S = 0.5
BRANCH = "z9hG4bK-there-"
LEFT = "the other side was gone when the node came back"
HUNG_UP = "the other side hung up on the silence while the node was away"
_GONE = (0, 408, 481)


def begin(turn: Turn, call: CallState, lost_keys: bool) -> None:
    """A call wakes whose media memory is gone, with keys in it or without."""
    turn.record(call, CallInterrupted(call.id, turn.now_s, call.phase is Phase.ESTABLISHED, lost_keys))


def restore(turn: Turn, call: CallState) -> None:
    """Go on looking, in whatever process; nothing where there is nothing to look for."""
    if not _looks(call):
        return
    asked = call.interruption.asked
    if asked is not None and call.interruption.seeks_peer:
        turn.request(call, request_of(asked.request), dialogs.bye_peer(call))
    turn.set_timer(call, Timer.PEER, turn.now_s + LOOK_EVERY_S)


def on_timer(turn: Turn, call: CallState) -> None:
    """Look at the slot, ask, or give up."""
    interruption = call.interruption
    if not _looks(call) or call.leave_why:
        return
    assert interruption.began is not None
    if not interruption.seeks_peer:
        pass  # it is there; until it is heard its line is as silent as before
    elif interruption.asked is None and turn.now_s >= interruption.began.at_s + HEARD_WITHIN_S:
        ask(turn, call)
    elif interruption.asked is not None and turn.now_s >= interruption.asked.at_s + ANSWERED_WITHIN_S:
        _give_up(turn, call, "it sends nothing and answers nothing")
        return
    turn.emit(InspectMedia(call.id, call.received.slot))
    turn.set_timer(call, Timer.PEER, turn.now_s + LOOK_EVERY_S)


def _looks(call: CallState) -> bool:
    """The other side is to be found, or to be heard again: media does not know of a silence before its memory."""
    interruption = call.interruption
    is_sought = interruption.seeks_peer or (interruption.began is not None and call.silent)
    return is_sought and call.phase is Phase.ESTABLISHED


def on_media_seen(turn: Turn, call: CallState, seen: MediaSeen) -> None:
    """What the slot says: whether anything was heard since it was opened."""
    if seen.heard:
        _found(turn, call, "rtp")


def on_answer(turn: Turn, call: CallState, cseq: int, status: int) -> None:
    """The answer to our OPTIONS; 0 where there is none."""
    asked = call.interruption.asked
    if asked is None or asked.cseq != cseq or not call.interruption.seeks_peer or call.leave_why:
        return
    if status in _GONE:
        _give_up(turn, call, f"it answers {status}" if status else "it answers nothing")
    else:
        _found(turn, call, str(status))


def on_bye(turn: Turn, call: CallState) -> None:
    """The other side hangs up before anything was heard of it."""
    if call.interruption.seeks_peer and not call.leave_why:
        leave_work(turn, call, HUNG_UP)


def leave_work(turn: Turn, call: CallState, why: str) -> None:
    """We broke the call off: somebody should see to it."""
    begun = call.received
    turn.leave(
        WorkOpened(
            call.id, turn.now_s, f"{call.id}-broken", CALL_BROKEN, why, begun.flow, begun.from_number, begun.to_number,
            operation=begun.operation,
        )
    )  # fmt: skip


def ask(turn: Turn, call: CallState) -> None:
    """Ask the other side whether it is there: an OPTIONS within the dialog, on record."""
    before, peer, sip = dialogs.dialog_of(call), dialogs.bye_peer(call), turn.identity.sip
    call.dialog, options = next_request(
        before,
        "OPTIONS",
        branch=f"{BRANCH}{call.id}-{before.local_cseq + 1}",
        via_host=sip.host,
        via_port=sip.port,
        transport=transport_to(peer),
        headers=[("Accept", "application/sdp"), ("User-Agent", turn.identity.server)],
    )
    text = options.encode().decode("latin-1")
    turn.record(call, PeerAsked(call.id, turn.now_s, text, options.cseq.number))
    turn.request(call, options, peer)


def _found(turn: Turn, call: CallState, by: str) -> None:
    if call.interruption.seeks_peer and call.phase is Phase.ESTABLISHED:
        if not call.silent:
            turn.clear_timers(call, [Timer.PEER])
        turn.record(call, PeerFound(call.id, turn.now_s, by))


def _give_up(turn: Turn, call: CallState, what: str) -> None:
    turn.emit(Report("peer_gone", call.id, f"{LEFT}: {what}"))
    leave_work(turn, call, f"{LEFT}: {what}")
    call.leave_why = LEFT
