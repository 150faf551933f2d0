"""Whether a carrier still brings calls: what is heard of it, what is expected of it, and what it answers when asked.

Two things are looked at. *Reach*: it answers OPTIONS, or sends anything at all. *Arrivals*: calls come as often as they
did. Neither is enough alone: an edge that answers may have nothing behind it, and a quiet hour looks like a dead line.
`JUDGED` is the whole of it. Both gone is dead at once; out of reach alone is dead after a while, where no calls are
expected; what is silent and yet answers is suspected, said to people, and not moved away from.
It refuses to send anything: `call.numbers.watching` asks.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Reach(Enum):
    """Whether it is there."""

    ANSWERS = "answers"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Arrivals(Enum):
    """Whether calls come."""

    ARRIVING = "arriving"
    MISSING = "missing"
    """Far longer than usual none has come."""
    RARE = "rare"
    """So few come, or are known of, that none is no news."""


class Inbound(Enum):
    """What follows."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    """Not well, and not surely dead: nothing is moved, in either direction."""
    DEAD = "dead"
    UNKNOWN = "unknown"


JUDGED: Final[dict[tuple[Reach, Arrivals], Inbound]] = {
    (Reach.ANSWERS, Arrivals.ARRIVING): Inbound.ALIVE,
    (Reach.ANSWERS, Arrivals.RARE): Inbound.ALIVE,
    (Reach.ANSWERS, Arrivals.MISSING): Inbound.SUSPECT,
    (Reach.FAILS, Arrivals.ARRIVING): Inbound.SUSPECT,  # whatever it does not answer, it brings calls
    (Reach.FAILS, Arrivals.RARE): Inbound.SUSPECT,  # or dead, once it has lasted
    (Reach.FAILS, Arrivals.MISSING): Inbound.DEAD,
    (Reach.UNKNOWN, Arrivals.ARRIVING): Inbound.ALIVE,
    (Reach.UNKNOWN, Arrivals.RARE): Inbound.UNKNOWN,
    (Reach.UNKNOWN, Arrivals.MISSING): Inbound.SUSPECT,
}


@dataclass(frozen=True, slots=True)
class InboundPolicy:
    """When is what. Times in seconds."""

    failures_min: int = 2
    """Questions in a row that nobody answers, until it is out of reach; one for each of its addresses at least."""
    arrivals_min: int = 10
    """Before anything is expected."""
    weight: float = 0.1
    """Of the latest gap between two calls, in what is usual."""
    gaps: float = 10.0
    """So many usual gaps without a call are far longer than usual,"""
    missing_s_min: float = 1.0
    """and no less than this."""
    gap_s_max: float = 60.0
    """Where gaps are longer, none is no news."""
    forgets_gaps: float = 60.0
    """After so many usual gaps what was usual is forgotten: the day has changed,"""
    forgets_s_min: float = 1_800.0
    """and no sooner than this."""


POLICY: Final = InboundPolicy()


@dataclass(frozen=True, slots=True)
class InboundView:
    """A carrier's inbound side at one instant."""

    inbound: Inbound
    reach: Reach
    arrivals: Arrivals
    evidence: str
    since_s: float
    """When it became so, as far as is known."""


class InboundHealth:
    """The machine of one carrier. It is told what was heard; `view` says how it is."""

    __slots__ = (
        "_arrivals",
        "_failing_since_s",
        "_failures",
        "_first_failed_s",
        "_gap_s",
        "_heard_s",
        "_last_arrival_s",
        "_policy",
        "_since_s",
        "_state",
        "_why",
        "addresses",
    )  # fmt: skip

    def __init__(self, addresses: int = 1, policy: InboundPolicy = POLICY) -> None:
        """`addresses` is how many the carrier has: each is asked before it is out of reach."""
        self._policy = policy
        self.addresses = addresses
        self._arrivals = 0
        self._gap_s = 0.0
        self._last_arrival_s = float("-inf")
        self._heard_s = float("-inf")
        self._failures = 0
        self._failing_since_s: float | None = None
        self._first_failed_s = 0.0
        self._why = ""
        self._state, self._since_s = Inbound.UNKNOWN, float("-inf")

    # What is heard ----------------------------------------------------------------------------------------------------

    def arrived(self, now_s: float) -> None:
        """A call came by it."""
        if self._arrivals:
            gap_s = now_s - self._last_arrival_s
            weight = max(self._policy.weight, 1.0 / self._arrivals)
            self._gap_s += (gap_s - self._gap_s) * weight
        self._arrivals += 1
        self._last_arrival_s = now_s
        self.heard(now_s)

    def heard(self, now_s: float) -> None:
        """It answered, or sent something."""
        self._heard_s = now_s
        self._failures, self._failing_since_s = 0, None

    def failed(self, now_s: float, why: str) -> None:
        """It was asked, and did not answer."""
        if not self._failures:
            self._first_failed_s = now_s
        self._failures += 1
        self._why = why
        if self._failing_since_s is None and self._failures >= self._failures_min:
            self._failing_since_s = self._first_failed_s

    def expect_none(self) -> None:
        """Its calls go elsewhere from now on."""
        self._arrivals, self._gap_s = 0, 0.0

    # How it is --------------------------------------------------------------------------------------------------------

    @property
    def heard_s(self) -> float:
        """When anything was heard of it last."""
        return self._heard_s

    @property
    def missing_after_s(self) -> float | None:
        """How long no call may come before that is strange; None where it never is."""
        policy = self._policy
        if self._arrivals < policy.arrivals_min or self._gap_s > policy.gap_s_max:
            return None
        return max(policy.missing_s_min, policy.gaps * self._gap_s)

    def arrivals(self, now_s: float) -> Arrivals:
        """Whether calls come as they did."""
        limit_s = self.missing_after_s
        if limit_s is None:
            return Arrivals.RARE
        silent_s = now_s - self._last_arrival_s
        if silent_s < limit_s:
            return Arrivals.ARRIVING
        forgets_s = max(self._policy.forgets_s_min, self._policy.forgets_gaps * self._gap_s)
        if silent_s < forgets_s or self.reach is Reach.FAILS:
            return Arrivals.MISSING
        self.expect_none()
        return Arrivals.RARE

    @property
    def reach(self) -> Reach:
        """Whether it is there."""
        if self._failing_since_s is not None:
            return Reach.FAILS
        return Reach.UNKNOWN if self._heard_s == float("-inf") else Reach.ANSWERS

    def is_in_doubt(self, now_s: float) -> bool:
        """The last question was not answered, or it is about time that a call came."""
        limit_s = self.missing_after_s
        return self._failures > 0 or (limit_s is not None and now_s - self._last_arrival_s > limit_s / 2)

    def view(self, now_s: float, silent_s: float) -> InboundView:
        """How it is; `silent_s` is how long it may be out of reach while no calls are expected."""
        reach, arrivals = self.reach, self.arrivals(now_s)
        inbound = JUDGED[reach, arrivals]
        failing_s = now_s - self._failing_since_s if self._failing_since_s is not None else 0.0
        if (reach, arrivals) == (Reach.FAILS, Arrivals.RARE) and failing_s >= silent_s:
            inbound = Inbound.DEAD
        if inbound is not self._state:
            self._state, self._since_s = inbound, now_s
        return InboundView(inbound, reach, arrivals, self._evidence(now_s, reach, arrivals, failing_s), self._since_s)

    @property
    def _failures_min(self) -> int:
        return max(self._policy.failures_min, self.addresses)

    def _evidence(self, now_s: float, reach: Reach, arrivals: Arrivals, failing_s: float) -> str:
        words = []
        if reach is Reach.FAILS:
            words.append(f"out of reach for {failing_s:.0f} s ({self._why})")
        elif reach is Reach.ANSWERS:
            words.append(f"heard {max(0.0, now_s - self._heard_s):.0f} s ago")
        else:
            words.append("not heard of yet")
        if arrivals is Arrivals.MISSING:
            silent_s = now_s - self._last_arrival_s
            words.append(f"no call for {silent_s:.1f} s, where one came every {self._gap_s:.1f} s")
        elif arrivals is Arrivals.ARRIVING:
            words.append(f"a call every {self._gap_s:.1f} s")
        return ", ".join(words)
