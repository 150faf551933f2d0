"""What is asked about paths and what it tells. Part of `inputs` and `effects`."""

from dataclasses import dataclass

from keepline.call.facts.path import PathStood


@dataclass(frozen=True, slots=True)
class WishPath:
    """A person says what is to become of a path; answered with `PathAnswered`."""

    asked: str
    """Id of the request."""
    path: str
    """Its whole name; of a carrier its own will do."""
    wish: str
    """drain, rest, prefer, disable or release."""
    for_s: float
    why: str
    by: str


@dataclass(frozen=True, slots=True)
class PathTold:
    """A path of a back office is not well any more, or is again: the shell, which asks them, knows it first."""

    stood: PathStood


@dataclass(frozen=True, slots=True)
class DrillCarrier:
    """For marked test calls alone a carrier is to be away for a while, or no more; answered with `PathAnswered`."""

    asked: str
    """Id of the request."""
    carrier: str
    fault: str
    """silent, 503, or empty: the fault ends."""
    for_s: float
    by: str


@dataclass(frozen=True, slots=True)
class PathAnswered:
    """What became of it: it is on record, or cannot be."""

    asked: str
    mistake: str = ""
