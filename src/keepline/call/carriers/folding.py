"""What the facts of bids say of a call that we place over several carriers: a fold, as `state` has the others."""

from typing import TYPE_CHECKING

from keepline.call.facts.bid import BidAbandoned, BidDeclined, BidEnded, BidFact, BidHeard, BidLed, BidPlaced
from keepline.call.outbound.state import Placing
from keepline.call.written import request_of
from keepline.sip.message import Request

if TYPE_CHECKING:
    from keepline.call.state import CallState


def bids_of(call: "CallState") -> tuple[Placing, ...]:
    """All of them by their numbers; of a call that only one carrier was asked for, that one."""
    return call.bids or ((call.placing,) if call.placing is not None else ())


def invite_of(call: "CallState", bid: Placing) -> Request:
    """The INVITE in work of a bid."""
    if bid is call.placing or bid.request is None:
        return call.invite
    return bid.request


def fold(call: "CallState", fact: BidFact) -> None:
    """Fold one fact into the call."""
    lead = call.placing
    assert lead is not None
    if isinstance(fact, BidPlaced):
        bid = Placing(fact)
        bid.request = request_of(fact.invite)
        call.bids = (*bids_of(call), bid)
        return
    bid = bids_of(call)[fact.bid]
    if isinstance(fact, BidLed):
        _lead(call, lead, bid)
    elif isinstance(fact, BidHeard):
        bid.has_provisional, bid.status = True, fact.status
    elif isinstance(fact, BidAbandoned):
        bid.abandoned = True
    elif isinstance(fact, BidEnded):
        bid.is_over, bid.ended = True, fact
    elif isinstance(fact, BidDeclined):
        bid.is_over, bid.declined = True, fact.response


def _lead(call: "CallState", before: Placing, after: Placing) -> None:
    """The call goes on as the bid has it."""
    if before is after:
        return
    before.request, before.remote_tag = call.invite, call.remote_tag
    assert after.request is not None
    call.invite, call.remote_tag = after.request, after.remote_tag
    if after.early_at_s is None:
        after.early_at_s = before.early_at_s  # media is open, and its stream goes on
    after.abandoned = False
    call.placing = after
