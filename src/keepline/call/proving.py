"""Challenges to requests of ours within a call: the same request again, with the credentials of the call's trunk.

The new request is a new transaction of the same dialog, with the next CSeq. Each realm is answered once, again only
where its nonce was stale, and all of it together is bounded; what comes then is the answer to the request. ACK and
CANCEL cannot be challenged. What is written holds no credentials: a successor makes the same ones again from the
challenge and the cnonce. It refuses to repeat a request that nobody waits for any more.
Source: RFC 3261 §22.1 to §22.3; RFC 7616 §3.3.
"""

from dataclasses import replace

from keepline.call.dialogs import bye_peer, dialog_of
from keepline.call.facts import RequestProven
from keepline.call.outbound.dialog import PROOFS, Proofs, proofs_in
from keepline.call.outbound.retry import CHALLENGES, proof_for
from keepline.call.state import CallState, Phase, request_of, response_of
from keepline.call.transactions import RequestNews
from keepline.call.turn import Turn
from keepline.model.limits import REQUEST_PROOFS_MAX
from keepline.sip.dialog import make_via
from keepline.sip.message import Request
from keepline.sip.peers import transport_to

BRANCH = "z9hG4bK-proven-"


def is_answered(turn: Turn, call: CallState, heard: RequestNews) -> bool:
    """Whether a final answer was a challenge that another request has been sent for."""
    response, before = heard.response, heard.request
    if response is None or response.status not in CHALLENGES or not _is_awaited(call, before):
        return False
    facts = call.proven.get(before.method, ())
    if len(facts) >= REQUEST_PROOFS_MAX and facts[-1].cseq == before.cseq.number:
        return False
    cnonce = turn.switchboard.token()
    proof = proof_for(turn, call, before, response, cnonce)
    if proof is None:
        return False
    dialog, peer, sip = dialog_of(call), bye_peer(call), turn.identity.sip
    cseq = max(dialog.local_cseq, before.cseq.number) + 1  # of a BYE that a process before sent, no dialog knows
    headers = before.headers.copy()
    headers.set("Via", make_via(sip.host, sip.port, f"{BRANCH}{call.id}-{cseq}", transport_to(peer)))
    headers.set("CSeq", f"{cseq} {before.method}")
    bare = Request(before.method, before.uri, headers.copy(), before.body)
    for name in PROOFS:
        bare.headers.remove(name)
    headers.set(*proof)
    call.dialog = replace(dialog, local_cseq=cseq)
    turn.record(
        call,
        RequestProven(
            call.id,
            turn.now_s,
            before.method,
            before.cseq.number,
            response.encode().decode("latin-1"),
            bare.encode().decode("latin-1"),
            cseq,
            cnonce,
        ),
    )
    turn.request(call, Request(before.method, before.uri, headers, before.body), peer)
    return True


def as_sent(turn: Turn, call: CallState, written: str) -> Request:
    """A request as it stands in a fact, with the credentials that it was sent with, if any."""
    request = request_of(written)
    facts = call.proven.get(request.method, ())
    if facts and facts[-1].cseq == request.cseq.number:
        for fact in facts:
            proof = proof_for(turn, call, request, response_of(fact.response), fact.cnonce)
            if proof is not None:
                request.headers.set(*proof)
    return request


def proofs_of_invite(turn: Turn, call: CallState, cseq: int) -> Proofs:
    """The credentials that our INVITE of this number within the call was sent with; its ACK has the same (§22.1)."""
    facts = call.proven.get("INVITE", ())
    return proofs_in(as_sent(turn, call, facts[-1].request)) if facts and facts[-1].cseq == cseq else ()


def _is_awaited(call: CallState, request: Request) -> bool:
    """Whether this is the request in work, and its call goes on."""
    cseq = request.cseq.number
    if request.method == "BYE":
        return call.phase is Phase.LEAVING
    if call.phase is not Phase.ESTABLISHED or call.leave_why or not request.to.tag:
        return False
    if request.method == "REFER":
        transfer = call.transfer
        is_open = transfer is not None and not transfer.is_answered and not transfer.is_final
        return is_open and transfer is not None and transfer.asked.cseq == cseq
    if request.method == "NOTIFY":
        referral = call.handing.referral
        return referral is not None and referral.notify is not None and referral.notify.cseq == cseq
    offered = call.agreement.offered
    return request.method == "INVITE" and offered is not None and offered.cseq == cseq
