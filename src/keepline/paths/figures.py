"""What is measured of a path, and when it is measurably worse than it was, or than its peers.

A figure is worse by a ratio *and* a margin: twice as slow means nothing at two milliseconds. The baseline moves slowly
and learns from good times alone, so a path that grows worse does not teach it that this is how it is.
Source: ITU-T E.411 (the ASR and the NER of a carrier).
"""

from dataclasses import dataclass
from typing import Final

BASELINE_SHARE: Final = 0.005
"""What one more sample counts of a baseline."""
BASELINE_SAMPLES_MIN: Final = 50
"""Before a path is compared with its own past."""


@dataclass(frozen=True, slots=True)
class FigureRule:
    """When a figure is worse."""

    is_high_bad: bool
    ratio: float
    """Against what it is compared with: 2 is twice as slow, 0.9 a tenth less."""
    margin: float
    """And by at least so much."""
    before: str
    shape: str
    after: str = ""
    """Words and figure: `answers in`, `0.40 s`."""


FIGURES: Final = {
    "latency_s": FigureRule(True, 2.0, 0.1, "answers in", "{:.2f} s"),
    "post_dial_delay_s": FigureRule(True, 2.0, 0.5, "rings after", "{:.1f} s"),
    "mos": FigureRule(False, 0.9, 0.3, "has a MOS of", "{:.1f}"),
    "answered": FigureRule(False, 0.7, 0.15, "has", "{:.0%}", " of its calls answered"),
    "effective": FigureRule(False, 0.9, 0.1, "is effective for", "{:.0%}", " of its calls"),
}
"""Of one attempt; `answered` and `effective` are 1 or 0, and their means are ASR and NER."""


class Total:
    """The mean of a figure over outcomes that come and go."""

    __slots__ = ("_sum", "count")

    def __init__(self) -> None:
        self._sum, self.count = 0.0, 0

    def add(self, value: float) -> None:
        """One more."""
        self._sum += value
        self.count += 1

    def take_away(self, value: float) -> None:
        """One that was added."""
        self.count -= 1
        self._sum = self._sum - value if self.count else 0.0

    @property
    def mean(self) -> float:
        """Of one at least."""
        return self._sum / self.count


class Baseline:
    """What a figure usually is, as an exponential mean."""

    __slots__ = ("_mean", "_samples")

    def __init__(self) -> None:
        self._mean, self._samples = 0.0, 0

    def add(self, value: float) -> None:
        """One more sample; the first ones count alike."""
        self._samples += 1
        self._mean += (value - self._mean) * max(BASELINE_SHARE, 1 / self._samples)

    @property
    def value(self) -> float | None:
        """None while it is too young to say."""
        return self._mean if self._samples >= BASELINE_SAMPLES_MIN else None


def worse_than(rule: FigureRule, value: float, usual: float | None, peers: float | None) -> str:
    """The evidence that a figure is worse than usual, or than that of the peers; empty where it is not."""
    for other, whose in ((usual, "usually"), (peers, "its peers")):
        if other is not None and _is_worse(rule, value, other):
            return f"{rule.before} {rule.shape.format(value)}{rule.after}, {whose} {rule.shape.format(other)}"
    return ""


def _is_worse(rule: FigureRule, value: float, other: float) -> bool:
    if rule.is_high_bad:
        return value >= other * rule.ratio and value >= other + rule.margin
    return value <= other * rule.ratio and value <= other - rule.margin
