"""What becomes of a number when the carrier that owns it brings no calls any more, as plain frozen values."""

from dataclasses import dataclass
from typing import Final

ORIGINATION: Final = "origination"
"""The carrier tries our addresses in order."""
API: Final = "api"
"""We ask for the number to be pointed elsewhere."""
SECOND_NUMBER: Final = "second_number"
"""Callers, or who sends them, have another number of another carrier."""
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Failover:
    """One number's way out."""

    method: str
    addresses: tuple[str, ...] = ()
    """Of `origination`: ours, in the order in which the carrier tries them."""
    capability: str = ""
    """Of `api`: who is asked to point the number."""
    action: str = ""
    look: str = ""
    """The action that tells where it points; empty where nobody can be asked."""
    field: str = ""
    """Of the answers: where the number points; empty where every answer says that it is done."""
    home: str = ""
    """What the other side calls the place where the number belongs,"""
    away: str = ""
    """and that where it is pointed meanwhile."""
    arrives_by: str = ""
    """The trunk by which its calls come then."""
    hold_s: float = 300.0
    """How long its carrier must be well before it returns."""
    silent_s: float = 30.0
    """How long its carrier must be out of reach before it moves, where no calls are expected."""
    number: str = ""
    """Of `second_number`: which one."""
