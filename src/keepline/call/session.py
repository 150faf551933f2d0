"""The session of a call that goes on: INVITEs within it, offers of ours, ACKs, its timer.

An INVITE within a call is answered at once, so that there is never one in work. Another one proves that the 200 before
it arrived, though its ACK was lost; but while an answer to our offer is awaited it is 491. A session that cannot be met
is 488, and the one before stays. UPDATE is not served.
Source: RFC 3261 §13.2.1, §13.3.1, §14.2; RFC 3264 §8; RFC 4028 §9, §10; RFC 5407 §3.1.
"""

from dataclasses import replace

from keepline.call import dialogs, established, setup
from keepline.call.agreement import terms_of
from keepline.call.effects import Address, Report
from keepline.call.facts import CallAcknowledged, ReinviteAcknowledged, ReinviteAnswered
from keepline.call.state import CallState, Phase, Timer
from keepline.call.terms import Terms
from keepline.call.turn import Turn
from keepline.model.errors import PeerError
from keepline.sip.body import description_of
from keepline.sip.dialog import after_request, next_hop
from keepline.sip.message import Message, Request, Response, parse_message, stamp_received
from keepline.sip.peers import transport_to
from keepline.sip.sdp import DTMF_PAYLOAD_TYPE, SessionDescription
from keepline.sip.session_timer import session_interval_s
from keepline.sip.uas import Refusal

NO_ANSWER = "no usable answer to our offer"
EXPIRED = "session expired without a refresh"
AGREED = (Phase.ANSWERED, Phase.ESTABLISHED)


def begin(turn: Turn, call: CallState) -> None:
    """After the 200 has left: its retransmission, and RTP and the flow where the two sides have agreed."""
    setup.arm_answer_timers(turn, call)
    arm_session_timer(turn, call)
    if call.agreement.terms is not None:
        established.open_media(turn, call)
        established.start_flow(turn, call)


def restore(turn: Turn, call: CallState) -> Request | None:
    """After a switch-over: a 200 of ours goes on being sent until its ACK comes. The last INVITE that it answered."""
    arm_session_timer(turn, call)
    leave_without_session(turn, call)
    agreement = call.agreement
    if agreement.reinvite is None:
        return None
    invite = parse_message(agreement.reinvite.invite.encode("latin-1"))
    assert isinstance(invite, Request)
    stamp_received(invite, agreement.reinvite.peer_host, agreement.reinvite.peer_port)
    if agreement.unacknowledged is not None:
        setup.resend_answer(turn, call)
        setup.arm_answer_timers(turn, call)
    return invite


def reinvite_refusal(call: CallState) -> Refusal | None:
    """Why an INVITE within a call is not dealt with, whatever it offers."""
    if call.phase not in AGREED:
        return Refusal(481, "the call is over")
    if call.agreement.awaits_answer:
        return Refusal(491, "the answer to our offer is awaited")
    if call.agreement.offered is not None:
        return Refusal(491, "an INVITE of ours is under way")  # §14.2
    return None


def on_reinvite(turn: Turn, call: CallState, invite: Request, raw: bytes, source: Address) -> Response | None:
    """Move the session to what an INVITE offers; the 200 to send, None where it cannot be met (488).

    Raises `PeerError` for a bad offer, and for a Contact that we could not send a BYE to.
    """
    dialog = after_request(dialogs.dialog_of(call), invite)
    next_hop(dialog)
    _take_for_acknowledged(turn, call)
    agreement, offer = call.agreement, description_of(invite)
    version = agreement.version
    described = _describe(turn, call, offer, version)
    if described is not None and described[0] != agreement.description:
        version += 1  # RFC 3264 §8: it says whether anything changed
        described = _describe(turn, call, offer, version)
    if described is None:
        return None
    body, terms = described
    expires_s = session_interval_s(invite)
    response = setup.accept(call, invite, turn.identity, body, expires_s)
    number = agreement.number
    call.dialog = dialog
    turn.record(
        call,
        ReinviteAnswered(
            call.id,
            turn.now_s,
            raw.decode("latin-1"),
            source[0],
            source[1],
            invite.cseq.number,
            response.encode().decode("latin-1"),
            version,
            terms,
            expires_s,
            transport_to(source),
        ),
    )
    setup.arm_answer_timers(turn, call)
    arm_session_timer(turn, call)
    if agreement.number != number:
        established.redirect_media(turn, call)
    return response


def on_ack(turn: Turn, call: CallState, ack: Request, raw: bytes) -> None:
    """The ACK of a 200 of ours; a repeated one says nothing new, and that of a refusal has another number."""
    agreement, text = call.agreement, raw.decode("latin-1")
    reinvite = agreement.unacknowledged
    if call.phase is Phase.ANSWERED and ack.cseq.number == call.received.cseq:
        terms = answer_in(turn, call, ack) if agreement.awaits_answer else None
        turn.clear_timers(call, [Timer.RETRANSMIT_ANSWER, Timer.ANSWER_LIMIT])
        begins = agreement.terms is None
        turn.record(call, CallAcknowledged(call.id, turn.now_s, text, terms))
        if begins and terms is not None:
            established.open_media(turn, call)
            established.start_flow(turn, call)
    elif call.phase is Phase.ESTABLISHED and reinvite is not None and ack.cseq.number == reinvite.cseq:
        terms = answer_in(turn, call, ack) if agreement.awaits_answer else None
        turn.clear_timers(call, [Timer.RETRANSMIT_ANSWER, Timer.ANSWER_LIMIT])
        number = agreement.number
        turn.record(call, ReinviteAcknowledged(call.id, turn.now_s, text, terms))
        if agreement.number != number:
            established.redirect_media(turn, call)
    leave_without_session(turn, call)


def _take_for_acknowledged(turn: Turn, call: CallState) -> None:
    """A peer sends no INVITE before the last one is answered (§14.1): it has our 200."""
    if call.phase is Phase.ANSWERED:
        turn.record(call, CallAcknowledged(call.id, turn.now_s, ""))
    elif call.agreement.unacknowledged is not None:
        turn.record(call, ReinviteAcknowledged(call.id, turn.now_s, ""))
    turn.clear_timers(call, [Timer.RETRANSMIT_ANSWER, Timer.ANSWER_LIMIT])


def leave_without_session(turn: Turn, call: CallState) -> None:
    """An offer of ours that was acknowledged and not answered leaves no session: the call is over."""
    agreement = call.agreement
    if call.phase is Phase.ESTABLISHED and agreement.awaits_answer and agreement.unacknowledged is None:
        if call.leave_why != NO_ANSWER:
            turn.emit(Report("no_session", call.id, "the ACK held no usable answer to our offer; hanging up"))
        call.leave_why = NO_ANSWER
        if agreement.terms is None:
            established.break_flow(turn, call, "the ACK held no usable answer to our offer")


def arm_session_timer(turn: Turn, call: CallState) -> None:
    """Wait for the next refresh, or no longer."""
    at_s = call.agreement.expires_at_s
    if at_s is None:
        turn.clear_timers(call, [Timer.SESSION])
    else:
        turn.set_timer(call, Timer.SESSION, at_s)


def on_session_timer(turn: Turn, call: CallState) -> None:
    """The refresher let the session expire (RFC 4028 §10)."""
    if call.phase in AGREED and not call.leave_why:
        turn.emit(Report("session_expired", call.id, f"no refresh within {call.agreement.expires_s} s; hanging up"))
        call.leave_why = EXPIRED


def _describe(
    turn: Turn, call: CallState, offer: SessionDescription | None, version: int
) -> tuple[bytes, Terms | None] | None:
    """Our description, and what it agrees to; None where the offer cannot be met."""
    if offer is None:
        return setup.make_description(call, turn.identity, version), None
    agreed = setup.meet(call, turn.identity, offer, version)
    return None if agreed is None else (agreed.sdp, terms_of(agreed, call.agreement.terms))


def answer_in(turn: Turn, call: CallState, message: Message) -> Terms | None:
    """What an ACK, or a response to our INVITE, agrees to of our offer; None where that is nothing."""
    try:
        offer = description_of(message)
        if offer is None:
            return None
        agreed = setup.meet(call, turn.identity, offer, call.agreement.version)
    except PeerError:
        return None
    if agreed is None:
        return None
    if agreed.dtmf_payload_type is not None:  # what is sent to us has the numbers of our offer (RFC 3264 §6.1)
        agreed = replace(agreed, dtmf_payload_type=DTMF_PAYLOAD_TYPE)
    return terms_of(agreed, call.agreement.terms)
