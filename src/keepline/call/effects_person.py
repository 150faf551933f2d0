"""What people ask with their names and roles, and what they are told. Part of `inputs` and `effects`."""

from dataclasses import dataclass

from keepline.call.effects_incident import CloseIncident
from keepline.call.effects_message import DecideMessage, SendMessage
from keepline.call.effects_number import PointNumber
from keepline.call.effects_path import WishPath

Given = WishPath | PointNumber | CloseIncident | SendMessage | DecideMessage


@dataclass(frozen=True, slots=True)
class Decide:
    """A known person decides something; answered with `DecisionAnswered` where nothing follows in the core."""

    asked: str
    """Id of the request: told again, it counts once."""
    by: str
    role: str
    how: str
    action: str
    about: str
    why: str
    given: Given | None = None
    """What follows from it here; None where it was done elsewhere."""
    at_s: float = 0.0
    """When it was decided; 0 now."""


@dataclass(frozen=True, slots=True)
class SettleAction:
    """A second person says yes or no to what waits; answered with `DecisionAnswered`."""

    asked: str
    held: str
    by: str
    role: str
    how: str
    approves: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class DecisionAnswered:
    """What became of it: it is on record, waits, or cannot be."""

    asked: str
    mistake: str = ""
    held_until_s: float = 0.0
    """It waits for a second person until then; 0 where it does not."""
