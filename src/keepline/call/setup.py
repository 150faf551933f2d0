"""The beginning of a call: from its INVITE to the ACK of our 200, or to its refusal.

RFC 3261 §13.3 (UAS processing of INVITE), §13.3.1.4 (retransmission of 2xx by the UAS core), §14.2, RFC 3264.
"""

from keepline.call import established
from keepline.call.effects import CloseMedia
from keepline.call.facts import ByeReceived, CallAcknowledged, CallAnswered, CancelReceived, ending
from keepline.call.state import CallState, Phase, Timer
from keepline.call.turn import Identity, Turn
from keepline.model.limits import MEDIA_CLOSE_S_MAX
from keepline.sip.body import session_of
from keepline.sip.message import Request, Response, make_response, response_target
from keepline.sip.reasons import phrase_for
from keepline.sip.sdp import Answer, offer_answer, parse_sdp
from keepline.sip.uas import ALLOW

CLOSE_NUMBER = 0xFFFFFFFF
"""Command number of the closing of a call's media: after every other."""


def negotiate(invite: Request, identity: Identity, call: str, rtp_port: int) -> Answer | None:
    """The answer to the offer of an INVITE, None where nothing fits (488). Raises `PeerError` for a bad offer."""
    offer = session_of(invite)
    if offer is None:
        return None  # a late offer (RFC 3261 §13.2.1) is not served yet
    return offer_answer(
        parse_sdp(offer),
        local_host=identity.media_host,
        local_port=rtp_port,
        session_id=int(call, 16) & 0x7FFFFFFFFFFFFFFF,
        version=1,
    )


def contact(identity: Identity) -> str:
    """Our Contact, the target of the peer's further requests (§12.1.1)."""
    return f"<sip:keepline@{identity.sip}>"


def ringing(call: CallState, identity: Identity) -> Response:
    """The 180 of a call that is not answered at once."""
    return make_response(
        call.invite,
        180,
        to_tag=call.received.local_tag,
        headers=[("Contact", contact(identity)), ("Server", identity.server)],
    )


def answer(turn: Turn, call: CallState, agreed: Answer) -> Response:
    """Answer the call: its 200 goes on record, media opens, the flow begins. The caller of this sends the 200."""
    headers = [("Contact", contact(turn.identity)), ("Allow", ALLOW), ("Server", turn.identity.server)]
    response = make_response(
        call.invite,
        200,
        to_tag=call.received.local_tag,
        headers=headers,
        body=agreed.sdp,
        content_type="application/sdp",
    )
    turn.clear_timers(call, [Timer.RING])
    turn.record(
        call,
        CallAnswered(
            call.id,
            turn.now_s,
            response.encode().decode("latin-1"),
            agreed.codec,
            agreed.payload_type,
            -1 if agreed.dtmf_payload_type is None else agreed.dtmf_payload_type,
            agreed.remote_host,
            agreed.remote_port,
            agreed.frame_ms,
            agreed.rtcp_mux,
            agreed.direction,
        ),
    )
    return response


def begin(turn: Turn, call: CallState) -> None:
    """After the 200 has left: RTP, the flow, and the retransmission of the 200."""
    arm_answer_timers(turn, call)
    established.open_media(turn, call)
    established.start_flow(turn, call)


def arm_answer_timers(turn: Turn, call: CallState) -> None:
    """Start the retransmission of our 200, and the wait for its ACK, which counts from the answer."""
    assert call.answered is not None
    timers = turn.identity.timers
    call.answer_interval_s = timers.t1_s
    turn.set_timer(call, Timer.RETRANSMIT_ANSWER, turn.now_s + timers.t1_s)
    turn.set_timer(call, Timer.ANSWER_LIMIT, call.answered.at_s + 64 * timers.t1_s)


def retransmit_answer(turn: Turn, call: CallState) -> None:
    """§13.3.1.4: T1, doubling up to T2, until the ACK arrives."""
    if call.phase is not Phase.ANSWERED or call.answered is None:
        return
    resend_answer(turn, call)
    call.answer_interval_s = min(2 * call.answer_interval_s, turn.identity.timers.t2_s)
    turn.set_timer(call, Timer.RETRANSMIT_ANSWER, turn.now_s + call.answer_interval_s)


def resend_answer(turn: Turn, call: CallState) -> None:
    """Send the 200 again, byte for byte."""
    assert call.answered is not None
    peer = response_target(call.invite, (call.received.peer_host, call.received.peer_port))
    turn.send(call.answered.response.encode("latin-1"), peer)


def on_ack(turn: Turn, call: CallState, ack: Request, raw: bytes) -> None:
    """The ACK of our 200; a repeated one says nothing new, and that of a refused re-INVITE has another number."""
    if call.phase is not Phase.ANSWERED or ack.cseq.number != call.received.cseq:
        return
    turn.clear_timers(call, [Timer.RETRANSMIT_ANSWER, Timer.ANSWER_LIMIT])
    turn.record(call, CallAcknowledged(call.id, turn.now_s, raw.decode("latin-1")))


def on_cancel(turn: Turn, call: CallState, raw: bytes) -> Response | None:
    """The caller gave up (§9.2); the 487 that its INVITE is now to be answered with, None where it came too late."""
    if call.phase is not Phase.RINGING:
        return None
    turn.record(call, CancelReceived(call.id, turn.now_s, raw.decode("latin-1")))
    return refuse(turn, call, 487, "cancelled before the answer", ended_by="caller")


def on_early_bye(turn: Turn, call: CallState, bye: Request, raw: bytes) -> Response:
    """A BYE while it rings (§15.1.2 allows it): the 487 that its INVITE is now to be answered with."""
    turn.record(call, ByeReceived(call.id, turn.now_s, raw.decode("latin-1"), bye.cseq.number))
    return refuse(turn, call, 487, "BYE before the answer", ended_by="caller")


def refuse(
    turn: Turn,
    call: CallState,
    status: int,
    why: str,
    *,
    ended_by: str = "node",
    headers: list[tuple[str, str]] | None = None,
) -> Response:
    """The call ends before it was answered; the caller of this sends the response."""
    turn.clear_timers(call, [Timer.RING])
    received = call.received
    phrase = phrase_for(status, why)
    response = make_response(call.invite, status, phrase, to_tag=received.local_tag, headers=headers or [])
    had_rung = received.answer_at_s > received.at_s
    turn.record(
        call,
        ending(
            received,
            turn.now_s,
            ended_by,
            status,
            why,
            bye_cseq=call.bye_received.cseq if call.bye_received else -1,
            response=response.encode().decode("latin-1") if had_rung else "",
        ),
    )
    return response


def close_media(turn: Turn, call: CallState) -> None:
    """End the call's RTP; its figures come back as `MediaStopped`."""
    """RTP ends; its last figures come when media has said so, or when it had its time."""
    turn.emit(CloseMedia(call.id, call.received.slot, CLOSE_NUMBER))
    turn.set_timer(call, Timer.MEDIA_CLOSE, turn.now_s + MEDIA_CLOSE_S_MAX)
