"""Facts of a call whose flow lets it talk to somebody else. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class LegPlaced:
    """A step has placed a leg, which is a call with facts of its own; written with the first of them."""

    kind: ClassVar[str] = "leg_placed.1"
    call: str
    at_s: float
    step: int
    number: str


@dataclass(frozen=True, slots=True)
class LegJoined:
    """The leg that a step placed was answered: from here on the caller and the callee hear one another."""

    kind: ClassVar[str] = "leg_joined.1"
    call: str
    at_s: float
    step: int
    leg: str
    """Id of the call that was placed."""


LegFact = LegPlaced | LegJoined
LEG_TYPES: tuple[type[LegFact], ...] = (LegPlaced, LegJoined)
