"""The INVITE of a call that we place, and the next one where that is refused. Source: RFC 3261 §8.1.1, §13.2.1."""

from collections.abc import Iterable

from keepline.call.agreement import VERSION_FIRST
from keepline.call.setup import contact
from keepline.call.turn import Identity
from keepline.model.limits import SESSION_EXPIRES_S_MIN
from keepline.sip.body import ACCEPT, SDP_TYPE
from keepline.sip.dialog import make_via
from keepline.sip.message import Headers, Request
from keepline.sip.sdp import make_offer
from keepline.sip.session_timer import TIMER
from keepline.sip.uas import ALLOW

BRANCH = "z9hG4bK-out-"
MAX_FORWARDS = "70"
SESSION_EXPIRES_S = 1800
"""What we ask for (RFC 4028 §4 recommends it)."""
NOBODY = "keepline"
"""User part of our From where no number is to be shown."""


def branch_of(call: str, cseq: int) -> str:
    """Of the INVITE of this number: a successor's is the same transaction."""
    return f"{BRANCH}{call}-{cseq}"


def make_invite(
    identity: Identity,
    *,
    call: str,
    cseq: int,
    uri: str,
    sip_call_id: str,
    local_tag: str,
    from_number: str,
    rtp_port: int,
    transport: str,
) -> Request:
    """The first INVITE of a call, with our offer."""
    headers = Headers()
    headers.add("Via", make_via(identity.sip.host, identity.sip.port, branch_of(call, cseq), transport))
    headers.add("Max-Forwards", MAX_FORWARDS)
    host = f"[{identity.sip.host}]" if ":" in identity.sip.host else identity.sip.host
    headers.add("From", f"<sip:{from_number or NOBODY}@{host}>;tag={local_tag}")
    headers.add("To", f"<{uri}>")
    headers.add("Call-ID", sip_call_id)
    headers.add("CSeq", f"{cseq} INVITE")
    headers.add("Contact", contact(identity, transport))
    headers.add("Allow", ALLOW)
    headers.add("Accept", ACCEPT)
    headers.add("Supported", TIMER)
    headers.add("Session-Expires", str(SESSION_EXPIRES_S))
    headers.add("Min-SE", str(SESSION_EXPIRES_S_MIN))
    headers.add("User-Agent", identity.server)
    headers.add("Content-Type", SDP_TYPE)
    offer = make_offer(
        local_host=identity.media_host,
        local_port=rtp_port,
        session_id=int(call, 16) & 0x7FFFFFFFFFFFFFFF,
        version=VERSION_FIRST,
    )
    return Request("INVITE", uri, headers, offer)


def another_invite(
    invite: Request,
    identity: Identity,
    call: str,
    transport: str,
    *,
    uri: str = "",
    changed: Iterable[tuple[str, str]] = (),
) -> Request:
    """The same INVITE as a new transaction: the next CSeq, another branch, and what is changed of it."""
    cseq = invite.cseq.number + 1
    headers = invite.headers.copy()
    headers.set("Via", make_via(identity.sip.host, identity.sip.port, branch_of(call, cseq), transport))
    headers.set("CSeq", f"{cseq} INVITE")
    for name, value in changed:
        headers.set(name, value)
    return Request("INVITE", uri or invite.uri, headers, invite.body)
