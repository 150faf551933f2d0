"""When a witness is due for a checkpoint, and when it is overdue: decided from what it was sent, and from nothing else.

A witness gets the newest checkpoint, at most one in `every_s`: a newer one proves what an older one would. What it does
not take is tried again after a pause that doubles.
"""

from dataclasses import dataclass
from typing import Final

from keepline.model.limits import WITNESS_RETRY_S_MAX
from keepline.proof.notes import utc

RETRY_FIRST_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class WitnessState:
    """What one witness has, and how it went. Times are seconds since the epoch."""

    name: str
    place: str
    every_s: float
    overdue_s: float
    size: int = 0
    """Facts up to the last checkpoint that it took; 0 for none yet."""
    delivered_at_s: float = 0.0
    tried_at_s: float = 0.0
    tries: int = 0
    """Attempts since it last took one."""
    why: str = ""
    """Why the last of these failed."""
    remark: str = ""
    """What makes this witness worth less than it could be."""


def next_attempt_s(state: WitnessState, newest: int) -> float | None:
    """When to send the checkpoint of `newest` facts; None where the witness has all there is."""
    if newest <= state.size:
        return None
    if state.tries:
        return state.tried_at_s + min(RETRY_FIRST_S * 2.0 ** min(state.tries - 1, 20), WITNESS_RETRY_S_MAX)
    return state.delivered_at_s + state.every_s if state.size else 0.0


def trouble_of(state: WitnessState, newest: int, waiting_since_s: float | None, now_s: float) -> str:
    """What somebody should look after, in words; empty where all is well.

    `waiting_since_s` is when the oldest checkpoint was signed that the witness does not have.
    """
    if newest < state.size:
        seen = f"{state.size} facts at {utc(state.delivered_at_s)}"
        return f"witness {state.name} was shown {seen}, and the journal has {newest} signed: its end was cut off"
    if waiting_since_s is None or now_s - waiting_since_s <= state.overdue_s:
        return ""
    last = f"the last one came there at {utc(state.delivered_at_s)}" if state.size else "nothing ever came there"
    why = f": {state.why}" if state.why else ""
    return f"witness {state.name} has no checkpoint for {_span(now_s - waiting_since_s)}, {last}{why}"


def _span(seconds: float) -> str:
    """`95 s`, `12 min`, `31 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"
