"""What is asked about numbers and what it tells. Part of `inputs` and `effects`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PointNumber:
    """A person says where a number is to point; answered with `NumberAnswered`."""

    asked: str
    """Id of the request."""
    number: str
    to: str
    """`away` or `home`."""
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class NumberAnswered:
    """What became of it: it is on record, or cannot be."""

    asked: str
    mistake: str = ""
