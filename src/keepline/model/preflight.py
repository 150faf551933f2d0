"""What is looked at before it is needed, as plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

CALLING: Final = "preflight.calling"
ANSWERING: Final = "preflight.answering"
"""The flows of the two ends of a test call; no flow of an operation can be named like these."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """The peak to be ready for, and the numbers of marked test calls."""

    every_s: float = 0.0
    """How often a node looks by itself; 0 never."""
    calls_per_s: float | None = None
    """At the forecast peak; None for the busiest time of the last days,"""
    channels: int | None = None
    """and how many calls at once."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Trunk -> a number of its carrier that nobody else calls: test calls to it are answered, and heard."""
    drill_carriers: tuple[str, ...] = ()
    """Trunks that a drill may have away for test calls, while callers are served;"""
    drill_calls_max: int = 10
    """with so many of these,"""
    drill_spend_max: Decimal | None = None
    """at this price together."""
