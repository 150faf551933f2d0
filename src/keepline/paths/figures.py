"""What is measured of a path, and when it is measurably worse than it was, or than its peers.

A figure is worse by a ratio *and* a margin: twice as slow means nothing at two milliseconds. A share of calls is worse
only beyond what chance makes of so few. The baseline moves slowly and learns from good times alone: a path that grows
worse does not teach it that this is how it is.
Source: ITU-T E.411 (the ASR and the NER of a carrier).
"""

from dataclasses import dataclass
from math import sqrt
from typing import Final

from keepline.paths.samples import Samples

BASELINE_SHARE: Final = 0.005
"""What one more sample counts of a baseline."""
CHANCE_DEVIATIONS: Final = 3.0
"""Chance goes beyond it once in a thousand times."""
BASELINE_SAMPLES_MIN: Final = 50
"""Before a path is compared with its own past;"""
BASELINE_DELAYS_MIN: Final = 20
"""in what is no share: of those fewer say more."""


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
    is_share: bool = False
    """The mean of ones and zeros: chance alone moves it, the more the fewer there are."""
    floor: float | None = None
    """What nothing that works ever falls to: no past and no peers are needed to see that."""
    samples_min: int = 0
    """So few say something, 0: as many as of any figure;"""
    samples: int = 0
    """the latest so many are looked at."""


FIGURES: Final = {
    "latency_s": FigureRule(True, 2.0, 0.1, "answers in", "{:.2f} s"),
    "post_dial_delay_s": FigureRule(True, 2.0, 0.5, "rings after", "{:.1f} s"),
    "mos": FigureRule(False, 0.9, 0.3, "has a MOS of", "{:.1f}"),
    "answered": FigureRule(False, 0.7, 0.15, "has", "{:.0%}", " of its calls answered", is_share=True),
    "audible": FigureRule(False, 0.0, 1.0, "is heard in", "{:.0%}", " of its calls", True, 0.5, 5, 10),
    "effective": FigureRule(False, 0.9, 0.1, "is effective for", "{:.0%}", " of its calls", is_share=True),
}
"""Of one attempt; `answered` and `effective` are 1 or 0, and their means are ASR and NER.

`audible` is of a call that was up for a while, either way: 1 where anything at all was heard. Five mute ones of the
latest ten are a carrier's doing; one or two are telephones that are muted, or behind a firewall.
"""


class Baseline:
    """What a figure usually is, as an exponential mean."""

    __slots__ = ("_least", "_mean", "_samples")

    def __init__(self, rule: FigureRule) -> None:
        self._mean, self._samples = 0.0, 0
        self._least = BASELINE_SAMPLES_MIN if rule.is_share else BASELINE_DELAYS_MIN

    def add(self, value: float) -> None:
        """One more sample; those before it is compared with count alike, later ones little: they may be the worse."""
        self._samples += 1
        share = 1 / self._samples if self._samples <= BASELINE_SAMPLES_MIN else BASELINE_SHARE
        self._mean += (value - self._mean) * share

    @property
    def value(self) -> float | None:
        """None while it is too young to say."""
        return self._mean if self._samples >= self._least else None


class Figure:
    """What is known of one figure of a path: what it usually is, and its latest values."""

    __slots__ = ("baseline", "rule", "samples", "samples_min")

    def __init__(self, rule: FigureRule, samples_min: int, samples: int, window_s: float) -> None:
        """The numbers are those of every figure; its rule may have its own."""
        self.rule, self.baseline = rule, Baseline(rule)
        self.samples = Samples(rule.samples or samples, window_s)
        self.samples_min = rule.samples_min or samples_min


def worse_than(rule: FigureRule, value: float, count: int, usual: float | None, peers: float | None) -> str:
    """The evidence that the mean of `count` values is worse than usual, than that of the peers, or than can be."""
    if rule.floor is not None and value <= rule.floor:
        return f"{rule.before} {rule.shape.format(value)}{rule.after}"
    for other, whose in ((usual, "usually"), (peers, "its peers")):
        if (
            other is not None
            and _is_worse(rule, value, other)
            and not (rule.is_share and _is_chance(value, other, count))
        ):
            return f"{rule.before} {rule.shape.format(value)}{rule.after}, {whose} {rule.shape.format(other)}"
    return ""


def _is_chance(value: float, other: float, count: int) -> bool:
    """Whether a share may differ so much though nothing has changed: by fewer than three standard deviations."""
    return abs(value - other) < CHANCE_DEVIATIONS * sqrt(other * (1.0 - other) / count)


def _is_worse(rule: FigureRule, value: float, other: float) -> bool:
    if rule.is_high_bad:
        return value >= other * rule.ratio and value >= other + rule.margin
    return value <= other * rule.ratio and value <= other - rule.margin
