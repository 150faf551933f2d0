"""A REFER of a callee who hands our caller on: whether it is taken, and who is to be called.

It is taken of the leg that a caller talks with, from a trunk that `accepts_refer`, for a number that may be called; one
at a time. Its facts, those of the caller's call and the first of the new leg are made in one turn. Source: RFC 3515.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call import established
from keepline.call.facts import CallPlaced
from keepline.call.outbound import refers
from keepline.call.state import CallState, Phase
from keepline.call.steps.connect import from_number_of, hand_on, is_talker
from keepline.call.turn import Turn
from keepline.model.errors import PeerError
from keepline.model.limits import REFERS_MAX
from keepline.sip.message import Request, Response
from keepline.sip.refer import referred_number
from keepline.sip.uas import Refusal, extension_refusal

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

Respond = Callable[[Turn, Request, Response], None]


def receive(
    exchange: "Exchange", turn: Turn, leg: CallState, refer: Request, source: fx.Address, respond: Respond
) -> Refusal | None:
    """Take a REFER in the dialog of `leg`, whose trunk accepts it, or say why not."""
    if refers.is_taken(leg, refer):
        respond(turn, refer, refers.accepted(refer, turn.identity))
        return None
    parent_id = leg.received.parent if isinstance(leg.received, CallPlaced) else ""
    exchange.touch(turn, parent_id)
    parent = exchange.calls.get(parent_id)
    if parent is None or leg.phase is not Phase.ESTABLISHED or leg.leave_why or not is_talker(parent, leg):
        return Refusal(403, "only who talks with a caller of ours may hand that caller on")
    try:
        refusal = extension_refusal(refer)
        number = referred_number(refer)
    except PeerError as error:
        return Refusal(error.status, str(error))
    refusal = refusal or _refusal_now(turn, parent, leg, number)
    if refusal is None:
        exchange.on_call(turn, leg.id, lambda t, c: refers.take(t, c, refer, source))
        respond(turn, refer, refers.accepted(refer, turn.identity))
        exchange.on_call(turn, leg.id, lambda t, c: refers.notify(t, c, 100))
        exchange.on_call(turn, parent.id, lambda t, c: _begin(t, c, leg, number))
    return refusal


def _refusal_now(turn: Turn, parent: CallState, leg: CallState, number: str) -> Refusal | None:
    moving, owed = parent.handing.moving, leg.handing.referral
    if (moving is not None and moving.is_pending) or (owed is not None and not owed.is_over):
        return Refusal(491, "another REFER is in work")
    if moving is not None and moving.number >= REFERS_MAX:
        return Refusal(403, f"this caller was handed on {REFERS_MAX} times")
    denial = turn.switchboard.denial(turn, number, from_number_of(parent))
    return Refusal(403, denial.why) if denial is not None else None


def _begin(turn: Turn, parent: CallState, leg: CallState, number: str) -> None:
    established.on_news(turn, parent, lambda t, c, waiting: hand_on(t, c, waiting, leg, number))
