"""One carrier as the node knows it: its health, its delays, what it was asked for, and what was heard of it.

It refuses to decide: `room` does.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from keepline.paths.delays import SILENCE_S_MAX, Delays
from keepline.paths.health import Breaker, HealthPolicy, PathHealth, PathView

POLICY: Final = HealthPolicy(
    outcomes=10,
    failures_min=5,
    failure_share=0.5,
    samples_min=30,
    samples=60,
    samples_window_s=900.0,
    measure_every_s=30.0,
)
"""A carrier that dies at fifty calls a second is left after a tenth of a second's calls: three failures of ten have the
others asked first, five open the breaker. What it does to calls that succeed is judged by more of them, and for longer.
"""
MUTE_PACKETS_MIN: Final = 150
"""What we sent, 3 s, before it counts that nothing was heard."""
RATED_PACKETS_MIN: Final = 150
"""What was heard of a call, 3 s, before its score says something of the carrier."""
SUSPECT_TIMES_P99: Final = 2.0
SUSPECT_S_MIN: Final = 0.05
"""Where nothing is heard of INVITEs for so many times as long as answers take, what is new goes elsewhere: once they
are as many as it takes to open the breaker, since fewer would leave those that ring there without a verdict."""
UNANSWERED_TRIAL_S: Final = 60.0
"""A carrier that answers no OPTIONS any more may carry calls all the same: one tries it so often."""
Seat = tuple[str, int]
"""A call and the number of its bid."""


@dataclass(slots=True)
class Carrier:
    """What is known of one."""

    health: PathHealth
    first: Delays = field(default_factory=Delays)
    """From the INVITE to the first answer of any kind."""
    rings: Delays = field(default_factory=Delays)
    """The post-dial delay."""
    begun: deque[float] = field(default_factory=deque)
    """When calls of the last second were begun."""
    seats: set[Seat] = field(default_factory=set)
    """What is under way."""
    unheard: dict[Seat, float] = field(default_factory=dict)
    """The INVITEs since it was heard of last, at most as many as its health looks at, and when they were sent;"""
    unheard_since_s: float = float("inf")
    """the first of them."""
    has_bounced: bool = False
    """Nobody is at its address, as the network said after it was heard of last."""
    judged: set[Seat] = field(default_factory=set)
    """What counts as a failure before its own time has come."""
    used_at_s: float = float("-inf")
    """When an INVITE was sent to it last."""
    is_failing: bool = False
    """The last INVITE came to nothing by it: no OPTIONS speaks against that."""
    probe: str = ""
    """What came of the last OPTIONS: answered, or what went wrong."""

    def is_suspect(self, now_s: float) -> bool:
        """Whether several INVITEs are out, and it says nothing at all: soon each of them will be a failure, or none."""
        usual_s, quiet_s = self.first.p99_s, now_s - self.unheard_since_s
        if usual_s is None or len(self.unheard) < POLICY.failures_min:
            return False
        return max(SUSPECT_S_MIN, SUSPECT_TIMES_P99 * usual_s) < quiet_s <= SILENCE_S_MAX

    def spared(self, view: PathView, now_s: float) -> PathView:
        """The same without a trial: nothing answers its OPTIONS, and a call has tried it not long ago."""
        if now_s - self.used_at_s >= UNANSWERED_TRIAL_S:
            return view
        return replace(view, may_try=view.breaker is Breaker.CLOSED and view.may_try, is_trial_due=False)
