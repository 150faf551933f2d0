"""The beginning of a call: from its INVITE to the ACK of our 200, or to its refusal.

RFC 3261 §13.3 (UAS processing of INVITE), §13.3.1.4 (retransmission of 2xx by the UAS core), §14.2, RFC 3264.
"""

from keepline.call.agreement import VERSION_FIRST, terms_of
from keepline.call.effects import CloseMedia
from keepline.call.facts import ByeReceived, CallAnswered, CancelReceived, ReinviteAnswered, ending
from keepline.call.state import CallState, Phase, Timer
from keepline.call.terms import Terms
from keepline.call.trunks.ways import source_of
from keepline.call.turn import Identity, Turn
from keepline.model.limits import MEDIA_CLOSE_S_MAX
from keepline.sip.body import description_of
from keepline.sip.message import Request, Response, make_response, parse_message, response_target
from keepline.sip.reasons import phrase_for
from keepline.sip.sdp import Answer, SessionDescription, make_offer, offer_answer
from keepline.sip.session_timer import interval_headers, session_interval_s
from keepline.sip.uas import ALLOW, Refusal
from keepline.sip.unmet import unmet

CLOSE_NUMBER = 0xFFFFFFFF
"""Command number of the closing of a call's media: after every other."""
NO_TERMS = Terms("", 0, -1, "", 0, 20, False, "sendrecv")
"""Of a call whose offer is ours, until its ACK."""


def meet(call: CallState, identity: Identity, offer: SessionDescription, version: int) -> Answer | None:
    """The answer to an offer, None where nothing fits (488)."""
    return offer_answer(
        offer,
        local_host=identity.media_host,
        local_port=call.received.rtp_port,
        session_id=int(call.id, 16) & 0x7FFFFFFFFFFFFFFF,
        version=version,
    )


def unmet_offer(identity: Identity, invite: Request) -> Refusal:
    """The 488 to the offer of an INVITE that `meet` has made nothing of."""
    offer = description_of(invite)
    assert offer is not None
    return unmet(offer, identity.media_host)


def make_description(call: CallState, identity: Identity, version: int) -> bytes:
    """Our offer, where the peer made none (RFC 3261 §13.3.1, §14.2)."""
    return make_offer(
        local_host=identity.media_host,
        local_port=call.received.rtp_port,
        session_id=int(call.id, 16) & 0x7FFFFFFFFFFFFFFF,
        version=version,
    )


def contact(identity: Identity, transport: str = "udp") -> str:
    """Our Contact, the target of the peer's further requests (§12.1.1), which are to come by `transport`."""
    return f"<sip:keepline@{identity.sip}{';transport=tcp' if transport == 'tcp' else ''}>"


def ringing(call: CallState, identity: Identity) -> Response:
    """The 180 of a call that is not answered at once."""
    return make_response(
        call.invite,
        180,
        to_tag=call.received.local_tag,
        headers=[("Contact", contact(identity, call.received.transport)), ("Server", identity.server)],
    )


def accept(call: CallState, invite: Request, identity: Identity, sdp: bytes, expires_s: int) -> Response:
    """The 200 to an INVITE of the call, its first or a later one."""
    headers = [("Contact", contact(identity, call.received.transport)), ("Allow", ALLOW), ("Server", identity.server)]
    headers += interval_headers(expires_s)
    return make_response(invite, 200, to_tag=call.received.local_tag, headers=headers, body=sdp)


def answer(turn: Turn, call: CallState) -> Response | None:
    """Answer the call: its 200 goes on record. The caller of this sends it; None where the offer cannot be met (488).

    Raises `PeerError` for a bad offer.
    """
    offer = description_of(call.invite)
    if offer is None:
        terms, sdp = NO_TERMS, make_description(call, turn.identity, VERSION_FIRST)
    else:
        agreed = meet(call, turn.identity, offer, VERSION_FIRST)
        if agreed is None:
            return None
        terms, sdp = terms_of(agreed), agreed.sdp
    expires_s = session_interval_s(call.invite)
    response = accept(call, call.invite, turn.identity, sdp, expires_s)
    turn.clear_timers(call, [Timer.RING])
    turn.record(
        call,
        CallAnswered(
            call.id,
            turn.now_s,
            response.encode().decode("latin-1"),
            terms.codec,
            terms.payload_type,
            terms.dtmf_payload_type,
            terms.remote_host,
            terms.remote_port,
            terms.frame_ms,
            terms.rtcp_mux,
            terms.direction,
            expires_s,
        ),
    )
    return response


def arm_answer_timers(turn: Turn, call: CallState) -> None:
    """Start the retransmission of our 200, and the wait for its ACK, which counts from the answer."""
    pending = _unacknowledged(call)
    assert pending is not None
    timers = turn.identity.timers
    call.answer_interval_s = timers.t1_s
    turn.set_timer(call, Timer.RETRANSMIT_ANSWER, turn.now_s + timers.t1_s)
    turn.set_timer(call, Timer.ANSWER_LIMIT, pending.at_s + 64 * timers.t1_s)


def retransmit_answer(turn: Turn, call: CallState) -> None:
    """§13.3.1.4: T1, doubling up to T2, until the ACK arrives."""
    if _unacknowledged(call) is None:
        return
    resend_answer(turn, call)
    call.answer_interval_s = min(2 * call.answer_interval_s, turn.identity.timers.t2_s)
    turn.set_timer(call, Timer.RETRANSMIT_ANSWER, turn.now_s + call.answer_interval_s)


def resend_answer(turn: Turn, call: CallState) -> None:
    """Send the 200 whose ACK is awaited again, byte for byte."""
    pending = _unacknowledged(call)
    assert pending is not None
    data = pending.response.encode("latin-1")
    if isinstance(pending, ReinviteAnswered):
        peer = response_target(parse_message(data), source_of(pending))
    else:
        peer = response_target(call.invite, source_of(call.received))
    turn.send(data, peer)


def _unacknowledged(call: CallState) -> CallAnswered | ReinviteAnswered | None:
    return call.answered if call.phase is Phase.ANSWERED else call.agreement.unacknowledged


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
    had_rung = call.answer_at_s > received.at_s
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
    """RTP ends; its last figures come when media has said so, or when it had its time."""
    turn.emit(CloseMedia(call.id, call.received.slot, CLOSE_NUMBER))
    turn.set_timer(call, Timer.MEDIA_CLOSE, turn.now_s + MEDIA_CLOSE_S_MAX)
