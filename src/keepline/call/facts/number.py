"""Where numbers point, and what was asked of those who point them. No state of a call follows from it. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar

NUMBERS = "numbers"
"""What stands in the place of a call's id: all facts of numbers are found by it."""


@dataclass(frozen=True, slots=True)
class NumberAsked:
    """A number is to point elsewhere: a request, made until it is done or let go of. Synced before it is sent."""

    kind: ClassVar[str] = "number_asked.1"
    call: str
    """Always `numbers`."""
    at_s: float
    number: str
    to: str
    """`away` or `home`."""
    target: str
    """What the other side calls that."""
    request: int
    """Counts the requests for this number, from 1."""
    key: str
    """Its idempotency key, the same for each attempt."""
    why: str
    by: str = ""
    """Who wants it; empty where the node does by itself."""


@dataclass(frozen=True, slots=True)
class NumberTried:
    """An attempt at a request came to nothing, or it is not known what it came to."""

    kind: ClassVar[str] = "number_tried.1"
    call: str
    at_s: float
    number: str
    request: int
    attempt: int
    why: str
    was_sent: bool
    """It may have been done."""
    next_at_s: float
    """When it is made again."""


@dataclass(frozen=True, slots=True)
class NumberPointed:
    """The other side says that a number points where it was asked to."""

    kind: ClassVar[str] = "number_pointed.1"
    call: str
    at_s: float
    number: str
    request: int
    to: str
    attempts: int


@dataclass(frozen=True, slots=True)
class NumberLeft:
    """A request is over and nothing was done: it was refused, or is not wanted any more and was never sent."""

    kind: ClassVar[str] = "number_left.1"
    call: str
    at_s: float
    number: str
    request: int
    why: str
    next_at_s: float = 0.0
    """Before that no other request is made by itself; 0 where nothing was refused."""


NumberFact = NumberAsked | NumberTried | NumberPointed | NumberLeft
NUMBER_TYPES: tuple[type[NumberFact], ...] = (NumberAsked, NumberTried, NumberPointed, NumberLeft)
