"""Twice as many calls a second as a node can take: it must go on serving nearly as many as at its best.

The peak is looked for in steps of `2000`, each a little higher than the last; then twice its load is offered. Goodput
is calls that were good from INVITE to BYE, a second, as the callers count them, and over while calls were still being
offered: what is answered when the flood has passed does not count. A refusal is no good call.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from bench.capacity import CROWD_CORES, NODE_CORES, STEPS_2000
from bench.machine import SLOTS, a_node, udp_overflows
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode

GOODPUT_SHARE_MIN = 0.9
PEAK_FALLS_AT = 0.95
"""Steps end where a step's goodput falls below this share of the best one's or of what was offered."""


@dataclass(frozen=True, slots=True)
class Flood:
    """One load that was offered."""

    offered: int
    """Calls a second that were meant."""
    started: float
    """And made."""
    good: float
    """Good ones a second, in the last two thirds of the time."""
    answer_ms_p99: float | None
    faults: dict[str, int]
    overflows: int
    """Packets that a full socket buffer cost this machine."""

    def words(self) -> str:
        """For a person."""
        return (f"{self.offered} calls/s offered, {self.started:.0f} made, {self.good:.0f} good; INVITE to 200 p99 "
                f"{self.answer_ms_p99} ms; {self.overflows} packets overflowed; {self.faults}")  # fmt: skip


def flood(node: LocalNode, rate: int, seconds: float) -> Flood:
    """Offer that many calls a second, all hung up as soon as they are answered."""
    overflows = udp_overflows()
    options = ["--rate", str(rate), "--seconds", str(seconds), "--hang-up-after", "0", "--rtp", "none", "--drain", "5",
               "--give-up-after", "90"]  # fmt: skip
    with Crowd(node.uri("2000"), options, CROWD_CORES) as crowd:
        summary = crowd.wait(seconds + 120)
    begun = min(report["invited_at"] for report in crowd.reports)
    since, until = begun + seconds / 3, begun + seconds
    good = sum(1 for report in crowd.reports if report["good"] and since <= report["ended_at"] < until)
    return Flood(rate, summary["started"] / seconds, good / (until - since), summary["answer_ms"]["p99"],
                 summary["faults"], udp_overflows() - overflows)  # fmt: skip


def measure(seconds: float, say: Callable[[str], None], first: int = 0) -> dict[str, Any]:
    """The best goodput, and that at twice the load that it was had at."""
    best: Flood | None = None
    steps: list[Flood] = []
    with a_node(SLOTS, NODE_CORES) as node:
        flood(node, STEPS_2000[0], 3.0)  # Everything is imported.
        for load in (each for each in STEPS_2000 if each >= first):
            step = flood(node, load, seconds)
            steps.append(step)
            say(f"  {step.words()}")
            best = step if best is None or step.good > best.good else best
            if step.good < PEAK_FALLS_AT * min(load, best.good):
                break
        if best is None:
            return {"peak": 0.0, "load": 0, "at_twice": 0.0, "share": 0.0, "holds": False, "steps": []}
        twice = flood(node, 2 * best.offered, seconds)
    share = twice.good / best.good if best.good else 0.0
    say(f"  {twice.words()}: {share:.0%} of the peak")
    return {"peak": round(best.good, 1), "load": best.offered, "at_twice": round(twice.good, 1),
            "share": round(share, 3), "holds": share >= GOODPUT_SHARE_MIN,
            "steps": [asdict(step) for step in steps], "twice": asdict(twice)}  # fmt: skip
