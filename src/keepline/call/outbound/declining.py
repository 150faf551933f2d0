"""An answer that nobody wants: acknowledged, and hung up at once, every copy of it alike. RFC 3261 §13.2.2.4."""

from keepline.call.effects import Address
from keepline.call.outbound.dialog import ack_of, answered_dialog, bye_of, proofs_in
from keepline.call.trunks.ways import way_of_ours
from keepline.call.turn import Turn
from keepline.sip.dialog import Dialog
from keepline.sip.message import Request, Response


def decline(turn: Turn, invite: Request, response: Response, peer: Address) -> None:
    """Acknowledge a 2xx that nobody wants, and hang up there."""
    dialog, to = acknowledge_again(turn, invite, response, peer)
    turn.request(None, bye_of(dialog, turn.identity, to), to)


def acknowledge_again(turn: Turn, invite: Request, response: Response, peer: Address) -> tuple[Dialog, Address]:
    """The ACK of a 2xx of a call that is over; returns its dialog, and where its requests go."""
    dialog = answered_dialog(invite, response)
    to = way_of_ours(dialog, peer)
    turn.send(ack_of(dialog, turn.identity, invite.cseq.number, to, proofs_in(invite)).encode(), to)
    return dialog, to
