"""A call that we place, from its INVITE to the answer, or to the end without one.

A 2xx is acknowledged whatever it is worth, and the same ACK answers every copy of it. Whoever else answers is
acknowledged and hung up; so is a 2xx that crosses our CANCEL. A provisional answer with a description opens
media early.
It refuses to know why a call is placed: `placing` decides that, and a parent hears its news through `legs`.
Source: RFC 3261 §8.1.3, §9.1, §13.2, §17.1.1; RFC 3264.
"""

from keepline.call import dialogs, established, refreshing, session, setup, teardown
from keepline.call.carriers import racing
from keepline.call.carriers.folding import bids_of
from keepline.call.effects import Report
from keepline.call.facts import (
    CallAnswered,
    CallCancelled,
    CallPlaced,
    CallProgressed,
    CallRefused,
    ForkAnswered,
)
from keepline.call.outbound.declining import decline
from keepline.call.outbound.dialog import ack_of, proofs_in
from keepline.call.outbound.ending import RANG_OUT
from keepline.call.outbound.legs import LegEvent
from keepline.call.outbound.retry import next_attempt, proven
from keepline.call.outbound.state import Placing
from keepline.call.session import NO_ANSWER
from keepline.call.setup import NO_TERMS
from keepline.call.state import TRANSITIONS, CallState, Phase, Timer, request_of, response_of
from keepline.call.transactions import RequestNews
from keepline.call.turn import Turn
from keepline.model.limits import CALL_PROGRESS_MAX, FORKS_MAX
from keepline.sip.client_transaction import ack_for_failure, cancel_for
from keepline.sip.message import Response
from keepline.sip.peers import peer_at
from keepline.sip.session_timer import agreed_interval

NO_SLOT = "its media slot is not to be had any more"
ORPHANED = "its caller is gone"
UNANSWERED = "nobody answered the INVITE"
WAITING = (Phase.PLACING, Phase.PROCEEDING, Phase.CANCELLING)


def begin(turn: Turn, call: CallState) -> None:
    """The fact of the call is on its way to the journal: its INVITE follows."""
    placing = _placing(call)
    turn.request(call, call.invite, placing.peer)
    if placing.cancelled is None:
        turn.set_timer(call, Timer.RING, _rings_until_s(call))
    if placing.is_routed:
        racing.begin(turn, call)


def on_heard(turn: Turn, call: CallState, heard: RequestNews) -> None:
    """What became of the INVITE in work; that of an earlier one is history."""
    placing = _placing(call)
    if heard.request.to.tag:
        refreshing.on_heard(turn, call, heard)
        return
    if heard.request.cseq.number != placing.cseq and not (call.bids and racing.takes_lead(turn, call, heard)):
        return
    response = heard.response
    if response is None:
        if call.phase in WAITING:
            on_failure(turn, call, None, heard.trouble)
    elif response.status < 200:
        if call.phase in WAITING:
            _on_provisional(turn, call, response)
    elif response.status < 300:
        on_answer(turn, call, response)
    elif call.phase in WAITING:
        on_failure(turn, call, response)


def _on_provisional(turn: Turn, call: CallState, response: Response) -> None:
    placing = _placing(call)
    is_first, tag = not placing.has_provisional, response.to.tag or ""
    terms = session.answer_in(turn, call, response) if response.status > 100 and response.body else None
    if terms == call.agreement.terms:
        terms = None
    is_news = response.status != placing.status or (bool(tag) and tag != call.remote_tag) or terms is not None
    if not is_first and (not is_news or placing.progress >= CALL_PROGRESS_MAX):
        return
    turn.record(call, CallProgressed(call.id, turn.now_s, response.status, _text(response), tag, terms))
    if is_first and placing.cancelled is not None:
        _send_cancel(turn, call)
    if placing.is_routed and placing.cancelled is None:
        racing.on_lead_heard(turn, call, response.status, is_first=is_first)
    if terms is not None:
        established.open_media(turn, call)
        turn.tell_parent(call, LegEvent.EARLY_MEDIA, response.status)
    elif response.status > 100:
        turn.tell_parent(call, LegEvent.RINGING, response.status)


def on_answer(turn: Turn, call: CallState, response: Response) -> None:
    """A 2xx to the INVITE: the first one is the answer, a copy gets its ACK again, another one is hung up."""
    if call.placing is None or (call.bids and racing.declines(turn, call, response)):
        return
    if call.answered is None:
        if call.phase in WAITING:
            _take_answer(turn, call, response)
    elif (response.to.tag or "") == call.remote_tag and response.cseq.number > call.placing.cseq:
        refreshing.acknowledge(turn, call, response)
    elif (response.to.tag or "") == call.remote_tag:
        _acknowledge(turn, call)
    else:
        _refuse_fork(turn, call, response)


def _take_answer(turn: Turn, call: CallState, response: Response) -> None:
    terms = session.answer_in(turn, call, response) or NO_TERMS
    expires_s, refreshes = agreed_interval(response)
    turn.clear_timers(call, [Timer.RING, Timer.CANCEL, Timer.HEDGE])
    placing = _placing(call)
    if placing.is_routed and placing.cancelled is None:
        racing.on_lead_heard(turn, call, response.status, is_first=not placing.has_provisional)
    turn.record(
        call,
        CallAnswered(
            call.id,
            turn.now_s,
            _text(response),
            terms.codec,
            terms.payload_type,
            terms.dtmf_payload_type,
            terms.remote_host,
            terms.remote_port,
            terms.frame_ms,
            terms.rtcp_mux,
            terms.direction,
            expires_s,
            response.to.tag or "",
            refreshes,
        ),
    )
    _acknowledge(turn, call)
    if placing.cancelled is not None:
        return  # teardown hangs up
    if call.agreement.terms is None:
        turn.emit(Report("no_session", call.id, f"the 2xx held {NO_ANSWER}; hanging up"))
        call.leave_why = NO_ANSWER
        return
    session.arm_session_timer(turn, call)
    refreshing.arm(turn, call)
    established.open_media(turn, call)
    established.start_flow(turn, call)
    turn.tell_parent(call, LegEvent.ANSWERED, response.status)


def on_failure(turn: Turn, call: CallState, response: Response | None, trouble: str = "") -> None:
    """A final answer that is none, or nobody answered: another INVITE, or the end of the call.

    `trouble` is why the INVITE could not be sent, which counts as 503 (§8.1.3.1).
    """
    placing = _placing(call)
    attempt = next_attempt(turn, call, response) if placing.cancelled is None else None
    if attempt is not None:
        fact, invite = attempt
        turn.record(call, fact)
        call.invite = invite  # with its credentials
        turn.request(call, invite, placing.peer)
        if placing.is_routed:
            racing.arm(turn, call)
        return
    if placing.is_routed and placing.cancelled is None:
        last = racing.after_failure(turn, call, response, trouble)
        if last is None:
            return
        response = last.response
    _end_with(turn, call, response, trouble)


def on_hedge_timer(turn: Turn, call: CallState) -> None:
    """A carrier keeps us waiting."""
    last = racing.on_hedge(turn, call)
    if last is not None:
        _end_with(turn, call, last.response, last.trouble)


def _end_with(turn: Turn, call: CallState, response: Response | None, trouble: str) -> None:
    if response is None:
        refuse(turn, call, 503 if trouble else 408, trouble or UNANSWERED, None)
    else:
        refuse(turn, call, response.status, response.reason or str(response.status), response)


def refuse(turn: Turn, call: CallState, status: int, reason: str, response: Response | None) -> None:
    """The call ends without an answer; with media, once that has said so."""
    turn.clear_all_timers(call)
    racing.drop_others(turn, call, reason)
    text = _text(response) if response is not None else ""
    ack = ack_for_failure(call.invite, response).encode().decode("latin-1") if response is not None else ""
    turn.record(call, CallRefused(call.id, turn.now_s, status, reason, text, ack))
    if _placing(call).early_at_s is None:
        teardown.end(turn, call)
    else:
        setup.close_media(turn, call)


# Giving up ----------------------------------------------------------------------------------------------------------


def on_ring_timer(turn: Turn, call: CallState) -> None:
    """It rang for long enough."""
    cancel(turn, call, RANG_OUT)


def cancel(turn: Turn, call: CallState, why: str) -> None:
    """Give up a call that is not answered; its INVITE is cancelled as soon as that is allowed (§9.1)."""
    if call.phase not in (Phase.PLACING, Phase.PROCEEDING):
        return
    turn.clear_timers(call, [Timer.RING, Timer.HEDGE])
    racing.drop_others(turn, call, why)
    turn.record(call, CallCancelled(call.id, turn.now_s, why))
    turn.set_timer(call, Timer.CANCEL, turn.now_s + turn.identity.timers.give_up_s)
    if _placing(call).has_provisional:
        _send_cancel(turn, call)


def on_cancel_limit(turn: Turn, call: CallState) -> None:
    """Nobody says how the cancelled INVITE ended (§9.1): it is over for us. Its transaction is to be forgotten."""
    if call.phase is Phase.CANCELLING:
        refuse(turn, call, 408, "cancelled, and nobody confirmed it", None)


def release(turn: Turn, call: CallState, why: str) -> None:
    """End a call that we placed, whatever it has come to."""
    if call.phase in (Phase.PLACING, Phase.PROCEEDING):
        cancel(turn, call, why)
    elif call.phase is Phase.ESTABLISHED:
        call.leave_why = call.leave_why or why


def _send_cancel(turn: Turn, call: CallState) -> None:
    turn.request(call, cancel_for(call.invite), _placing(call).peer)


# Acknowledging ------------------------------------------------------------------------------------------------------


def _acknowledge(turn: Turn, call: CallState) -> None:
    """The ACK of the 2xx, the same each time: all that shapes it is on record."""
    dialog, to = dialogs.dialog_of(call), dialogs.bye_peer(call)
    turn.send(ack_of(dialog, turn.identity, call.invite.cseq.number, to, proofs_in(call.invite)).encode(), to)


def _refuse_fork(turn: Turn, call: CallState, response: Response) -> None:
    tag, placing = response.to.tag or "", _placing(call)
    fork = next((each for each in placing.forks if each.remote_tag == tag), None)
    if fork is None and len(placing.forks) < FORKS_MAX and (call.phase, ForkAnswered) in TRANSITIONS:
        fork = ForkAnswered(call.id, turn.now_s, _text(response), tag)
        turn.record(call, fork)
        turn.emit(Report("fork_answered", call.id, "somebody else answered as well; hanging up there"))
    decline(turn, call.invite, response, placing.peer)


# After a switch-over ------------------------------------------------------------------------------------------------


def restore(turn: Turn, call: CallState) -> None:
    """Go on with what a process before was doing: the INVITE, its CANCEL, the ACK, as they were."""
    placing = _placing(call)
    call.invite = proven(turn, call)
    if placing.is_routed:
        racing.restore(turn, call)
    if call.phase in WAITING:
        begin(turn, call)
        if not placing.has_provisional:  # timer B counts from when it was first sent (§17.1.1.2)
            turn.set_timer(call, Timer.UNANSWERED, placing.invite_at_s + turn.identity.timers.give_up_s)
        established.open_media(turn, call)
        if placing.cancelled is not None:
            turn.set_timer(call, Timer.CANCEL, placing.cancelled.at_s + turn.identity.timers.give_up_s)
            if placing.has_provisional:
                _send_cancel(turn, call)
        elif call.received.slot < 0:
            cancel(turn, call, NO_SLOT)
        return
    if call.answered is not None:
        _acknowledge(turn, call)
    if call.phase is Phase.ESTABLISHED:
        refreshing.restore(turn, call)
    for fork in placing.forks:
        decline(turn, call.invite, response_of(fork.response), placing.peer)


def acknowledge_refusal(turn: Turn, call: CallState, response: Response) -> None:
    """The ACK of a refusal again: the transaction that knew it died with its process."""
    if call.placing is None:
        return
    for begun in (each for bid in bids_of(call) for each in (bid.begun, *bid.retried)):
        if begun.cseq == response.cseq.number:
            ack = ack_for_failure(request_of(begun.invite), response)
            turn.send(ack.encode(), peer_at(begun.peer_host, begun.peer_port, begun.transport))


def on_unanswered(turn: Turn, call: CallState) -> None:
    """Nobody answers the INVITE of a call that was taken over; its transaction is to be forgotten."""
    if call.phase in WAITING and not _placing(call).has_provisional:
        on_failure(turn, call, None)


def _rings_until_s(call: CallState) -> float:
    assert isinstance(call.received, CallPlaced)
    return call.received.at_s + call.received.ring_timeout_s


def _placing(call: CallState) -> Placing:
    assert call.placing is not None
    return call.placing


def _text(response: Response) -> str:
    return response.encode().decode("latin-1")
