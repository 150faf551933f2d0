"""INVITEs of ours within a call: the session is refreshed by us where the two sides agreed on that.

One at a time, with the description that stands. A 491 is tried again after a random time, a 422 with the interval that
it asks for; 481, 408 and no answer at all say that the other side has no such call any more, so ours ends. After any
other refusal the session stays until it expires, and then the call ends.
Source: RFC 3261 §12.2.1.2, §14.1; RFC 4028 §7.4, §10.
"""

from keepline.call import dialogs, established, proving, session
from keepline.call.effects import Report
from keepline.call.facts import ReinviteEnded, ReinviteSent
from keepline.call.outbound.dialog import ack_of
from keepline.call.setup import contact
from keepline.call.state import CallState, Phase, Timer
from keepline.call.transactions import RequestNews
from keepline.call.turn import Turn
from keepline.model.limits import SESSION_EXPIRES_S_MAX, SESSION_EXPIRES_S_MIN
from keepline.sip.dialog import after_response, next_request
from keepline.sip.message import Response
from keepline.sip.peers import transport_to
from keepline.sip.session_timer import TIMER, agreed_interval, least_interval_s
from keepline.sip.uas import ALLOW

BRANCH = "z9hG4bK-again-"
GONE = "the other side has no such call any more"
_GONE = (408, 481)
PENDING = 491


def arm(turn: Turn, call: CallState) -> None:
    """Wait for the next refresh of ours, where there is one."""
    at_s = call.agreement.refresh_at_s
    if at_s is None:
        turn.clear_timers(call, [Timer.REFRESH])
    else:
        turn.set_timer(call, Timer.REFRESH, max(turn.now_s, at_s))


def on_timer(turn: Turn, call: CallState) -> None:
    """Refresh the session, unless an INVITE of either side is under way or the call is about to end."""
    agreement = call.agreement
    if call.phase is not Phase.ESTABLISHED or call.leave_why or agreement.offered is not None:
        return
    if agreement.refresh_at_s is None:
        return  # the other side has taken that over
    if agreement.unacknowledged is not None:  # theirs: it refreshes the session too
        turn.set_timer(call, Timer.REFRESH, turn.now_s + turn.identity.timers.t2_s)
        return
    peer, sip = dialogs.bye_peer(call), turn.identity.sip
    before = dialogs.dialog_of(call)
    interval_s = agreement.interval_s or agreement.expires_s
    call.dialog, invite = next_request(
        before,
        "INVITE",
        branch=f"{BRANCH}{call.id}-{before.local_cseq + 1}",
        via_host=sip.host,
        via_port=sip.port,
        transport=transport_to(peer),
        contact=contact(turn.identity, transport_to(peer)).strip("<>"),
        headers=[
            ("Allow", ALLOW),
            ("Supported", TIMER),
            ("Session-Expires", f"{interval_s};refresher=uac"),
            ("Min-SE", str(max(SESSION_EXPIRES_S_MIN, agreement.interval_s))),
            ("User-Agent", turn.identity.server),
        ],
        body=agreement.description,
    )
    text = invite.encode().decode("latin-1")
    turn.record(call, ReinviteSent(call.id, turn.now_s, text, invite.cseq.number))
    turn.request(call, invite, peer)


def on_heard(turn: Turn, call: CallState, heard: RequestNews) -> None:
    """What became of an INVITE of ours within the call."""
    response, offered = heard.response, call.agreement.offered
    if not heard.is_final:
        return
    if response is not None and response.status < 300:
        acknowledge(turn, call, response)
    if offered is not None and offered.cseq == heard.request.cseq.number and call.phase is Phase.ESTABLISHED:
        _take(turn, call, response)


def acknowledge(turn: Turn, call: CallState, response: Response) -> None:
    """The ACK of a 2xx to such an INVITE, the same for every copy of it."""
    cseq = response.cseq.number
    if cseq <= call.agreement.cseq_sent:
        dialog, to = dialogs.dialog_of(call), dialogs.bye_peer(call)
        turn.send(ack_of(dialog, turn.identity, cseq, to, proving.proofs_of_invite(turn, call, cseq)).encode(), to)


def restore(turn: Turn, call: CallState) -> None:
    """After a switch-over: the INVITE that is under way goes on, or the wait for the next."""
    offered = call.agreement.offered
    if offered is not None:
        turn.request(call, proving.as_sent(turn, call, offered.invite), dialogs.bye_peer(call))
    else:
        arm(turn, call)


def _take(turn: Turn, call: CallState, response: Response | None) -> None:
    status = response.status if response is not None else 0
    text = response.encode().decode("latin-1") if response is not None else ""
    if response is not None and status < 300:
        expires_s, refreshes = agreed_interval(response)
        terms, number = session.answer_in(turn, call, response), call.agreement.number
        turn.record(call, ReinviteEnded(call.id, turn.now_s, status, text, terms, expires_s, refreshes))
        call.dialog = after_response(dialogs.dialog_of(call), response)
        session.arm_session_timer(turn, call)
        if call.agreement.number != number:
            established.redirect_media(turn, call)
    elif response is not None and status == PENDING:
        wait_s = 2.1 + int(turn.switchboard.token(), 16) % 191 / 100  # §14.1: 2.1 to 4 s, since the Call-ID is ours
        again_at_s = turn.now_s + wait_s
        turn.record(call, ReinviteEnded(call.id, turn.now_s, status, text, again_at_s=again_at_s))
    elif response is not None and status == 422 and _is_more(call, response):
        least = least_interval_s(response)
        again = ReinviteEnded(call.id, turn.now_s, status, text, again_at_s=turn.now_s, interval_s=least)
        turn.record(call, again)
    else:
        turn.record(call, ReinviteEnded(call.id, turn.now_s, status, text))
        what = f"the INVITE that refreshes the session was answered {status}" if status else "nobody answered it"
        turn.emit(Report("refresh_failed", call.id, what))
        if status == 0 or status in _GONE:
            call.leave_why = call.leave_why or GONE
    arm(turn, call)


def _is_more(call: CallState, response: Response) -> bool:
    agreement = call.agreement
    return (agreement.interval_s or agreement.expires_s) < least_interval_s(response) <= SESSION_EXPIRES_S_MAX
