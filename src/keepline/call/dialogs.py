"""The dialog of a call, and where our requests within it go (RFC 3261 §12)."""

from dataclasses import replace

from keepline.call.effects import Address
from keepline.call.outbound.dialog import answered_dialog
from keepline.call.state import CallState, response_of
from keepline.call.trunks.ways import way_of_requests
from keepline.sip.dialog import Dialog, after_request, after_response, uas_dialog
from keepline.sip.message import Request, parse_message


def dialog_of(call: CallState) -> Dialog:
    """The call's dialog, made once; its target is the last that the peer gave.

    Raises `PeerError` for an INVITE without a usable Contact.
    """
    if call.dialog is None:
        if call.placing is not None:
            assert call.answered is not None
            dialog = answered_dialog(call.invite, response_of(call.answered.response))
        else:
            dialog = uas_dialog(call.invite, call.received.local_tag)
        reinvite = call.agreement.reinvite
        if reinvite is not None:
            request = parse_message(reinvite.invite.encode("latin-1"))
            assert isinstance(request, Request)
            dialog = after_request(dialog, request)
        confirmed = call.agreement.confirmed
        if confirmed is not None and (reinvite is None or confirmed.at_s > reinvite.at_s):
            dialog = after_response(dialog, response_of(confirmed.response))
        dialog = _counted_to(dialog, call.agreement.cseq_sent)
        transfer = call.transfer
        if transfer is not None:
            dialog = _counted_to(dialog, transfer.asked.cseq)
        for facts in call.proven.values():
            dialog = _counted_to(dialog, facts[-1].cseq)
        dialog = _counted_to(dialog, call.interruption.cseq_sent)
        if call.handing.referral is not None:
            dialog = _counted_to(dialog, call.handing.referral.cseq_sent)
        call.dialog = dialog
    return call.dialog


def _counted_to(dialog: Dialog, cseq: int) -> Dialog:
    """A dialog in which requests up to this number were sent."""
    return replace(dialog, local_cseq=cseq) if cseq > dialog.local_cseq else dialog


def bye_peer(call: CallState) -> Address:
    """Where requests of this dialog go: its route or target, or the connection that its INVITE came by.

    Raises `PeerError` for a route or a target that cannot be read.
    """
    return way_of_requests(call, dialog_of(call))
