"""What an outage costs, as the operation's owner reckons: prices of single things, each low, middling and high.

No price is ours: where an operation states none, nothing is priced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Price:
    """What one of something costs, in the operation's currency: at least, likely, at most."""

    low: float
    mid: float
    high: float
    why: str = ""
    """What the three rest on."""

    def times(self, count: float) -> "Price":
        """What so many cost."""
        return Price(self.low * count, self.mid * count, self.high * count, self.why)

    def plus(self, other: "Price") -> "Price":
        """Both; what they rest on is told line by line."""
        return Price(self.low + other.low, self.mid + other.mid, self.high + other.high)


NOTHING = Price(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class SlaStep:
    """Below so much availability, so much of the fee."""

    below: float
    """Per cent of a month."""
    percent: float
    """Of the fee."""


@dataclass(frozen=True, slots=True)
class SlaTerms:
    """What a provider promises of a path, and what it gives back where it does not keep that: its own terms."""

    monthly_fee: float
    steps: tuple[SlaStep, ...]
    claim_days: int
    """So many days after the month a credit can be claimed; 0: nothing is said of that."""
    why: str
    """What they rest on."""


@dataclass(frozen=True, slots=True)
class MoneySettings:
    """`money:` of an operation."""

    currency: str
    """ISO 4217."""
    lost_call: Price | None = None
    """A caller who was not served."""
    delayed_call: Price | None = None
    """A caller who had to wait."""
    deferred: Price | None = None
    """Something that was promised and is done later."""
    minute_without: Mapping[str, Price] = field(default_factory=dict)
    """Capability -> a minute in which none of its paths is fit."""
    sla: Mapping[str, SlaTerms] = field(default_factory=dict)
    """Path, by its whole name -> its provider's terms."""
