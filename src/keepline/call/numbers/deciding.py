"""Whether a number should point elsewhere: a pure function of where it stands and how two carriers are.

It moves where its carrier is dead and the other is not, and returns once its carrier has been well for a while: longer
each time that it has moved within the hour. Where a person has put it, it stays. It refuses to act.
"""

from dataclasses import dataclass

from keepline.call.numbers.book import AWAY, HOME, NumberStanding, NumberState
from keepline.model.failover import Failover
from keepline.model.limits_numbers import NUMBER_HOLD_S_MAX
from keepline.paths.inbound import Inbound, InboundView

HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where it should point, and why."""

    to: str
    """`away` or `home`."""
    why: str


def hold_s(standing: NumberStanding, failover: Failover, now_s: float) -> float:
    """How long its carrier must be well before it returns: doubled by each move of the last hour but one."""
    moved = [at_s for at_s in standing.moves if at_s > now_s - HOUR_S]
    longest_s = max(NUMBER_HOLD_S_MAX, failover.hold_s)
    return float(min(failover.hold_s * 2 ** max(0, len(moved) - 1), longest_s))


def wanted(
    standing: NumberStanding,
    failover: Failover,
    home: InboundView,
    other: InboundView | None,
    now_s: float,
    *,
    is_released: bool,
) -> Wanted | None:
    """What should be asked for now; None where nothing should.

    `home` is its own carrier, `other` that by which its calls would come. `is_released`: its carrier has been well
    since a person has put it home.
    """
    is_other_dead = other is not None and other.inbound is Inbound.DEAD
    if standing.state is NumberState.HOME:
        may_move = standing.pinned != HOME or is_released
        if home.inbound is Inbound.DEAD and may_move and not is_other_dead:
            return Wanted(AWAY, home.evidence)
    elif standing.state is NumberState.AWAY:
        if home.inbound is not Inbound.ALIVE or standing.pinned == AWAY:
            return None
        if is_other_dead and other is not None:
            return Wanted(HOME, f"its carrier is well, and that which it was moved to is not: {other.evidence}")
        held_s = now_s - home.since_s
        if held_s >= hold_s(standing, failover, now_s):
            return Wanted(HOME, f"its carrier has been well for {held_s:.0f} s: {home.evidence}")
    return None


def is_unwanted(standing: NumberStanding, home: InboundView) -> bool:
    """Whether the request that is under way has lost its reason; what a person has asked for never has."""
    if standing.open is None or standing.open.by:
        return False
    lost = Inbound.ALIVE if standing.state is NumberState.MOVING else Inbound.DEAD
    return home.inbound is lost
