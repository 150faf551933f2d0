"""What people want of paths, and how paths were. No state of a call follows from it. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar

PATHS = "paths"
"""What stands in the place of a call's id: all that is said of paths is found by it."""


@dataclass(frozen=True, slots=True)
class PathWished:
    """A person has said what is to become of a path for a while; the latest word counts."""

    kind: ClassVar[str] = "path_wished.1"
    call: str
    """Always `paths`."""
    at_s: float
    path: str
    """`telephony/first`, `billing/crm`."""
    wish: str
    """drain, rest (the same while it is not well), prefer, disable, or release: nothing is wished any more."""
    until_s: float
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class PathStood:
    """A path's condition has changed for the worse, or from that: whoever takes over begins with it."""

    kind: ClassVar[str] = "path_stood.1"
    call: str
    """Always `paths`."""
    at_s: float
    path: str
    """`telephony/first`."""
    condition: str
    """healthy, degraded, down or unknown."""
    breaker: str
    """closed, open, half-open or returning."""
    evidence: str
    since_s: float
    """When what the evidence speaks of began."""
    opened_at_s: float
    """With the two that follow: of its breaker, which opened last then."""
    until_s: float
    openings: int
    """So many in a row: each doubles its times."""


@dataclass(frozen=True, slots=True)
class CarrierDrilled:
    """A drill has a carrier away for marked test calls alone, or has ended that; prolonging it is no fact."""

    kind: ClassVar[str] = "carrier_drilled.1"
    call: str
    """Always `paths`."""
    at_s: float
    carrier: str
    fault: str
    """silent, 503, or empty: it was ended."""
    until_s: float
    """When it ends by itself, unless it is prolonged."""
    by: str


PathFact = PathWished | PathStood | CarrierDrilled
PATH_TYPES: tuple[type[PathFact], ...] = (PathWished, PathStood, CarrierDrilled)
