"""Whether a call that we place is worth another INVITE after one that failed, and which: a plain decision.

Source: RFC 3261 §8.1.3 (responses), RFC 3263 §4.3 (the next target).
"""

from keepline.call.facts import CallRetried
from keepline.call.outbound_invite import another_invite
from keepline.call.state import CallState
from keepline.call.turn import Turn
from keepline.model.limits import CALL_ATTEMPTS_MAX
from keepline.sip.message import Request, Response
from keepline.sip.peers import Address, peer_at, transport_to

UNAVAILABLE = 503


def next_attempt(turn: Turn, call: CallState, response: Response | None) -> CallRetried | None:
    """The next INVITE after this answer, or after none; None where the call is over."""
    placing = call.placing
    assert placing is not None
    if placing.attempts >= CALL_ATTEMPTS_MAX:
        return None
    status = response.status if response is not None else 0
    if status in (0, UNAVAILABLE) and placing.targets:
        peer, *rest = placing.targets
        why = f"next target after {f'a {status}' if status else 'no answer'}"
        transport = transport_to(placing.peer)
        invite = another_invite(call.invite, turn.identity, call.id, transport)
        return _retried(turn, call, response, invite, why, peer_at(*peer, transport), tuple(rest))
    return None


def _retried(
    turn: Turn,
    call: CallState,
    response: Response | None,
    invite: Request,
    why: str,
    peer: Address,
    targets: tuple[tuple[str, int], ...],
) -> CallRetried:
    return CallRetried(
        call.id,
        turn.now_s,
        why,
        response.status if response is not None else 0,
        response.encode().decode("latin-1") if response is not None else "",
        peer[0],
        peer[1],
        transport_to(peer),
        invite.encode().decode("latin-1"),
        invite.cseq.number,
        targets,
    )
