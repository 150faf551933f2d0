"""The bill of an outage: counts times the prices that the operation states, line by line, each with what it rests on.

It makes up no price: what has none is a line without one. What never reached this node is an estimate, and says so.
Beside the loss stands what the other paths saved: what would have been lost had there been the first alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from keepline.incident.experience import Minute
from keepline.model.money import NOTHING, MoneySettings, Price


@dataclass(frozen=True, slots=True)
class Damage:
    """What is paid for, counted."""

    lost: int = 0
    unseen: int = 0
    """Estimated: callers whom no carrier brought."""
    delayed: int = 0
    deferred: int = 0
    denied: int = 0
    """Told that it cannot be had now."""
    minutes_without: Mapping[str, float] = field(default_factory=dict)
    """Capability -> minutes in which none of its paths was fit."""
    rerouted: int = 0
    """Calls of ours that another carrier carried than the first."""
    came_elsewhere: int = 0
    """Estimated: callers who came by another carrier than usual."""
    copied: int = 0
    """Questions answered from a copy."""


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a bill."""

    what: str
    count: float
    each: Price | None
    """None: the operation states no price."""
    is_estimate: bool = False

    @property
    def total(self) -> Price:
        """Of all of them."""
        return NOTHING if self.each is None else self.each.times(self.count)


@dataclass(frozen=True, slots=True)
class Bill:
    """What was lost, and what was not."""

    currency: str
    lines: tuple[BillLine, ...]
    saved: tuple[BillLine, ...]

    @property
    def total(self) -> Price:
        """The loss."""
        return _sum(self.lines)

    @property
    def total_saved(self) -> Price:
        """What it would have cost in addition without a second path."""
        return _sum(self.saved)


def damage_of(minutes: Iterable[Minute], unseen: int, came_elsewhere: int, without: Mapping[str, float]) -> Damage:
    """What is paid for of what callers experienced."""
    counted = list(minutes)
    return Damage(
        lost=sum(each.lost for each in counted),
        unseen=unseen,
        delayed=sum(each.delayed for each in counted),
        deferred=sum(each.deferred for each in counted),
        denied=sum(each.denied for each in counted),
        minutes_without=dict(without),
        rerouted=sum(each.rerouted for each in counted),
        came_elsewhere=came_elsewhere,
        copied=sum(each.copied for each in counted),
    )


def bill_of(settings: MoneySettings, damage: Damage) -> Bill:
    """The bill; lines that count nothing are left out."""
    lost = settings.lost_call
    lines = [
        BillLine("calls that were refused, cut or failed", damage.lost, lost),
        BillLine("callers whom no carrier brought", damage.unseen, lost, is_estimate=True),
        BillLine("callers who were told that it cannot be done now", damage.denied, lost),
        BillLine("callers who waited", damage.delayed, settings.delayed_call),
        BillLine("what was promised, and is done later", damage.deferred, settings.deferred),
        *(
            BillLine(f"minutes without {name}", minutes, settings.minute_without.get(name))
            for name, minutes in sorted(damage.minutes_without.items())
        ),
    ]
    saved = [
        BillLine("calls of ours that another carrier carried", damage.rerouted, lost),
        BillLine("callers who came by another carrier than usual", damage.came_elsewhere, lost, is_estimate=True),
        BillLine("questions answered from a copy", damage.copied, lost),
        BillLine("what could be kept, to be done later", damage.deferred, lost),
    ]
    return Bill(settings.currency, _counting(lines), _counting(saved))


def _counting(lines: Sequence[BillLine]) -> tuple[BillLine, ...]:
    return tuple(each for each in lines if each.count)


def _sum(lines: Iterable[BillLine]) -> Price:
    total = NOTHING
    for each in lines:
        total = total.plus(each.total)
    return total
