"""The dialogs that an answer to our INVITE makes, and the ACK and BYE of each: the same in every process.

A 2xx without a Contact that can be used is answered at the address that the INVITE named, and routes that cannot be
read are left out: nobody may stay connected because its other end spells badly (a departure from RFC 3261 §12.1.2).
Source: RFC 3261 §12.1.2, §13.2.2.4, §22.1.
"""

from dataclasses import replace
from hashlib import blake2b

from keepline.call.turn import Identity
from keepline.model.errors import PeerError
from keepline.sip.dialog import Dialog, ack_for_2xx, next_request, uac_dialog
from keepline.sip.message import Headers, Request, Response
from keepline.sip.peers import Address, transport_to
from keepline.sip.values import parse_name_addr, parse_uri

ACK_BRANCH = "z9hG4bK-ack-"
DECLINED_BRANCH = "z9hG4bK-declined-"
PROOFS = ("Authorization", "Proxy-Authorization")
Proofs = tuple[tuple[str, str], ...]


def answered_dialog(invite: Request, response: Response) -> Dialog:
    """The dialog that a 2xx to an INVITE of ours makes."""
    try:
        dialog = uac_dialog(invite, response)
    except PeerError:
        dialog = Dialog(
            call_id=invite.call_id,
            local_tag=invite.from_.tag or "",
            remote_tag=response.to.tag or "",
            local_cseq=invite.cseq.number,
            remote_cseq=None,
            local_uri=invite.from_.uri,
            remote_uri=invite.to.uri,
            remote_target=invite.uri,
            route_set=tuple(reversed(response.headers.get_all("Record-Route"))),
        )
    try:
        for route in dialog.route_set:
            parse_uri(parse_name_addr(route).uri)
    except PeerError:
        return replace(dialog, route_set=())
    return dialog


def invite_behind(response: Response) -> Request:
    """As much of the INVITE as a response tells, which is what its dialog needs (RFC 3261 §8.2.6.2, §12.1.2)."""
    headers = Headers()
    for name in ("From", "To", "Call-ID", "CSeq"):
        headers.add(name, response.headers.get(name) or "")
    return Request("INVITE", response.to.uri, headers)


def proofs_in(request: Request) -> Proofs:
    """The credentials that a request carries, as headers."""
    return tuple((name, each) for name in PROOFS for each in request.headers.get_all(name))


def ack_of(dialog: Dialog, identity: Identity, cseq: int, to: Address, proofs: Proofs) -> Request:
    """The ACK of the 2xx to the INVITE of this number, with that one's credentials: nobody can ask for them (§22.1)."""
    branch, sip = f"{ACK_BRANCH}{_name(dialog)}-{cseq}", identity.sip
    way = transport_to(to)
    return ack_for_2xx(
        dialog, branch=branch, via_host=sip.host, via_port=sip.port, transport=way, cseq=cseq, headers=proofs
    )


def bye_of(dialog: Dialog, identity: Identity, to: Address) -> Request:
    """The BYE of a dialog that is not wanted."""
    branch, sip = DECLINED_BRANCH + _name(dialog), identity.sip
    way = transport_to(to)
    return next_request(dialog, "BYE", branch=branch, via_host=sip.host, via_port=sip.port, transport=way)[1]


def _name(dialog: Dialog) -> str:
    return blake2b("\0".join(dialog.key).encode(errors="replace"), digest_size=8).hexdigest()
