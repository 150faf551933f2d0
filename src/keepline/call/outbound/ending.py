"""What a call that we placed came to, where nobody answered it: its last fact, and one word for its record."""

from keepline.call.facts import CallEnded, CallPlaced, CallRefused, ending
from keepline.call.outbound.state import Placing

ANSWERED, BUSY, NO_ANSWER, REFUSED = "answered", "busy", "no_answer", "refused"
FAILED, CANCELLED = "failed", "cancelled"
RANG_OUT = "no answer"
"""Why we cancel a call that rang for long enough."""
_BUSY = frozenset((486, 600))
_NOBODY = frozenset((408, 480, 487))


def cancelled_outcome(why: str) -> str:
    """One word for a call that we cancelled."""
    return NO_ANSWER if why == RANG_OUT else CANCELLED


def refused_outcome(refused: CallRefused) -> str:
    """One word for a call whose callee did not take it."""
    if not refused.response:
        return FAILED
    if refused.status in _BUSY:
        return BUSY
    if refused.status in _NOBODY:
        return NO_ANSWER
    return FAILED if 500 <= refused.status < 600 else REFUSED


def outcome_of(placing: Placing | None) -> str:
    """One word for a call of ours that is over."""
    if placing is None or (placing.cancelled is None and placing.refused is None):
        return ANSWERED
    if placing.cancelled is not None:
        return cancelled_outcome(placing.cancelled.why)
    assert placing.refused is not None
    return refused_outcome(placing.refused)


def unanswered_end(placed: CallPlaced, placing: Placing, at_s: float) -> CallEnded:
    """The last fact of a call whose INVITE has come to nothing."""
    refused, cancelled = placing.refused, placing.cancelled
    assert refused is not None
    if cancelled is not None:
        by, reason = "nobody" if cancelled.why == RANG_OUT else "node", cancelled.why
    else:
        by, reason = "callee" if refused.response else "nobody", refused.reason
    return ending(placed, at_s, by, refused.status, reason, response=refused.ack)
