"""The machine of a bid that does not lead: one carrier that is asked for a call beside, or was asked before, another.

The table is all of it: at most one bid ever leads, and only the one that leads is connected. A bid that is abandoned is
cancelled at its first provisional answer (RFC 3261 §9.1), and before that its INVITE is not sent again, though nothing
was heard of it (a departure from §17.1.1.2: nobody's phone may begin to ring for a call that somebody else carries). An
answer that comes all the same is acknowledged and hung up. It refuses to judge a refusal: `causes` does.
"""

from enum import Enum
from typing import Final

from keepline.call.outbound.state import Placing
from keepline.call.transactions import RequestNews


class BidState(Enum):
    """Where a bid is."""

    SILENT = "silent"
    """Nothing was heard of its INVITE."""
    TRYING = "trying"
    """Somebody has it; it does not ring yet."""
    RINGING = "ringing"
    ABANDONED = "abandoned"
    """It is of no use, and may not be cancelled yet."""
    CANCELLED = "cancelled"
    """The CANCEL is on its way."""
    LEADING = "leading"
    """No concern of this table."""
    OVER = "over"


class BidEvent(Enum):
    """What happens to it."""

    TRIED = "100"
    RANG = "101-199"
    ANSWERED = "2xx"
    REFUSED = "300-699"
    UNANSWERED = "nobody answers, or it could not be sent"
    DROPPED = "of no use any more"


class BidAction(Enum):
    """What follows, in the order of its row."""

    NOTE = "note that it was heard of"
    LEAD = "it leads from here on: what was heard is the call's to deal with, a refusal too"
    ABANDON = "abandon it"
    CANCEL = "cancel it"
    DECLINE = "acknowledge, and hang up"
    END = "it is over"


Row = tuple[BidState, tuple[BidAction, ...]]
BIDS: Final[dict[tuple[BidState, BidEvent], Row]] = {
    (BidState.SILENT, BidEvent.TRIED): (BidState.TRYING, (BidAction.NOTE,)),
    (BidState.SILENT, BidEvent.RANG): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.SILENT, BidEvent.ANSWERED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.SILENT, BidEvent.REFUSED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.SILENT, BidEvent.UNANSWERED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.SILENT, BidEvent.DROPPED): (BidState.ABANDONED, (BidAction.ABANDON,)),
    (BidState.TRYING, BidEvent.RANG): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.TRYING, BidEvent.ANSWERED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.TRYING, BidEvent.REFUSED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.TRYING, BidEvent.UNANSWERED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.TRYING, BidEvent.DROPPED): (BidState.CANCELLED, (BidAction.ABANDON, BidAction.CANCEL)),
    (BidState.RINGING, BidEvent.RANG): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.RINGING, BidEvent.ANSWERED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.RINGING, BidEvent.REFUSED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.RINGING, BidEvent.UNANSWERED): (BidState.LEADING, (BidAction.LEAD,)),
    (BidState.RINGING, BidEvent.DROPPED): (BidState.CANCELLED, (BidAction.ABANDON, BidAction.CANCEL)),
    (BidState.ABANDONED, BidEvent.TRIED): (BidState.CANCELLED, (BidAction.NOTE, BidAction.CANCEL)),
    (BidState.ABANDONED, BidEvent.RANG): (BidState.CANCELLED, (BidAction.NOTE, BidAction.CANCEL)),
    (BidState.ABANDONED, BidEvent.ANSWERED): (BidState.OVER, (BidAction.DECLINE,)),
    (BidState.ABANDONED, BidEvent.REFUSED): (BidState.OVER, (BidAction.END,)),
    (BidState.ABANDONED, BidEvent.UNANSWERED): (BidState.OVER, (BidAction.END,)),
    (BidState.CANCELLED, BidEvent.ANSWERED): (BidState.OVER, (BidAction.DECLINE,)),
    (BidState.CANCELLED, BidEvent.REFUSED): (BidState.OVER, (BidAction.END,)),
    (BidState.CANCELLED, BidEvent.UNANSWERED): (BidState.OVER, (BidAction.END,)),
    (BidState.OVER, BidEvent.ANSWERED): (BidState.OVER, (BidAction.DECLINE,)),
}
BIDS_IGNORED: Final = frozenset({
    (BidState.TRYING, BidEvent.TRIED),
    (BidState.RINGING, BidEvent.TRIED),
    (BidState.ABANDONED, BidEvent.DROPPED),
    (BidState.CANCELLED, BidEvent.TRIED),
    (BidState.CANCELLED, BidEvent.RANG),
    (BidState.CANCELLED, BidEvent.DROPPED),
    (BidState.OVER, BidEvent.TRIED),
    (BidState.OVER, BidEvent.RANG),
    (BidState.OVER, BidEvent.REFUSED),
    (BidState.OVER, BidEvent.UNANSWERED),
    (BidState.OVER, BidEvent.DROPPED),
})  # fmt: skip


def state_of(bid: Placing) -> BidState:
    """Where it is, as its facts say."""
    if bid.is_over:
        return BidState.OVER
    if bid.abandoned:
        return BidState.CANCELLED if bid.has_provisional else BidState.ABANDONED
    if not bid.has_provisional:
        return BidState.SILENT
    return BidState.RINGING if bid.status > 100 else BidState.TRYING


def event_of(heard: RequestNews) -> BidEvent:
    """What this news of its INVITE is to it."""
    if heard.response is None:
        return BidEvent.UNANSWERED
    status = heard.response.status
    if status >= 300:
        return BidEvent.REFUSED
    return BidEvent.ANSWERED if status >= 200 else BidEvent.RANG if status > 100 else BidEvent.TRIED


def is_alive(bid: Placing) -> bool:
    """Something may still come of it that is wanted."""
    return not (bid.is_over or bid.abandoned)
