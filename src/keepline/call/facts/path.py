"""What people want of paths. No state of a call follows from it. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar

PATHS = "paths"
"""What stands in the place of a call's id: all wishes are found by it."""


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
    """drain, prefer, disable, or release: nothing is wished any more."""
    until_s: float
    why: str
    by: str


PathFact = PathWished
PATH_TYPES: tuple[type[PathFact], ...] = (PathWished,)
