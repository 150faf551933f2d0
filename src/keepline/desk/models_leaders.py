"""What the API answers to who leads: tool health, customers, money. Times are seconds since the epoch."""

from pydantic import Field

from keepline.desk.models import Model
from keepline.desk.models_board import Served


class PriceNow(Model):
    """Money: at least, likely, at most; in the currency of the answer."""

    low: float
    mid: float
    high: float


class BillLineNow(Model):
    """A count times a price."""

    what: str
    count: float
    each: PriceNow | None
    """None: the operation states no price for it."""
    total: PriceNow
    why: str
    """What the price rests on."""
    is_estimate: bool
    """The count is one."""


class ToolNow(Model):
    """A capability, for somebody who does not know what one is."""

    name: str
    served: Served
    words: str


class IncidentCost(Model):
    """An incident that is open, as it is felt and as it is priced."""

    id: str
    cause: str
    kind: str
    severity: int
    phase: str
    exercise: str
    """Id of its drill; then nothing of it is real, and no total holds it."""
    commander: str
    since: float
    counted_since: float
    """The figures reach back to then: later than `since` where the desk has not looked further back."""
    customers: int
    """Who were not served as usual since it began."""
    attempts: int
    answered: int
    delayed: int
    lost: int
    unseen: int
    """Estimated: callers whom no carrier brought."""
    per_minute: PriceNow | None
    """Of the last five minutes; None where nothing has a price."""
    total: PriceNow | None
    saved: PriceNow | None
    """What it would have cost in addition without a second path."""
    lines: list[BillLineNow]
    saved_lines: list[BillLineNow]
    expected_end: float | None
    """None: nobody can say."""
    expected_why: str


class LeadersNow(Model):
    """The leaders' page."""

    at: float
    served: Served
    headline: str
    summary: str
    currency: str
    """Empty: the operation states no prices, and nothing is priced."""
    tools: list[ToolNow]
    incidents: list[IncidentCost] = Field(default_factory=list)
    """The worst first."""
    customers: int
    """Of all of them together that are no exercises."""
    per_minute: PriceNow | None
    total: PriceNow | None
    saved: PriceNow | None
