"""Twice as many calls a second as a node can take: it must go on serving nearly as many as at its best.

The peak is looked for in steps of `2000`, each a little higher than the last; then twice its load is offered. Goodput
is calls that were good from INVITE to BYE, a second, as the callers count them, and over while calls were still being
offered: what is answered when the flood has passed does not count. A refusal is no good call.

What a call and a refusal cost in processor time follows from the peak and the flood together: twice it is known what so
many served and so many refused cost, beyond an idle node. On a machine that others use, too, these two are steadier
than calls a second.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from bench.capacity import CROWD_CORES, NODE_CORES, STEPS_2000
from bench.machine import SLOTS, Meter, a_node, flat_pids, udp_overflows
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode

GOODPUT_SHARE_MIN = 0.9
IDLE_S = 2.0
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
    served: int
    """Calls that were good, at any time."""
    refused: int
    cpu_s: dict[str, float]
    """That the node's processes used, by their names."""
    took_s: float
    """That they had, until the last call was over."""
    resent: int
    """INVITEs that callers sent again, for want of an answer within half a second."""
    crowd_cpu: float
    """Share of a core that the callers used themselves: near 1 they measure themselves."""
    faults: dict[str, int]
    overflows: int
    """Packets that a full socket buffer cost this machine."""

    def words(self) -> str:
        """For a person."""
        return (f"{self.offered} calls/s offered, {self.started:.0f} made, {self.good:.0f} good; INVITE to 200 p99 "
                f"{self.answer_ms_p99} ms; {self.served} served, {self.refused} refused and {self.resent} INVITEs sent "
                f"again for {sum(self.cpu_s.values()):.1f} s of processor time ({_shares(self.cpu_s)}); the callers "
                f"used {self.crowd_cpu:.0%} of a core; {self.overflows} packets overflowed; {self.faults}")  # fmt: skip


def _shares(cpu_s: dict[str, float]) -> str:
    return ", ".join(f"{name} {used:.1f}" for name, used in cpu_s.items() if used >= 0.05)


def idle_share(node: LocalNode) -> float:
    """Share of a core that the node uses while nobody calls."""
    meter = Meter(flat_pids(node.glance()["processes"]))
    time.sleep(IDLE_S)
    return meter.cpu()["all"]


def costs(one: Flood, other: Flood, idle: float) -> tuple[float, float] | None:
    """Processor time of a call served, in ms, and of one refused, in us, beyond what an idle node uses.

    None where the two floods do not tell.
    """
    both = one.served * other.refused - other.served * one.refused
    if not both:
        return None
    used = [sum(each.cpu_s.values()) - idle * each.took_s for each in (one, other)]
    served_s = (used[0] * other.refused - used[1] * one.refused) / both
    refused_s = (used[1] * one.served - used[0] * other.served) / both
    return 1000 * served_s, 1e6 * refused_s


def flood(node: LocalNode, rate: int, seconds: float) -> Flood:
    """Offer that many calls a second, all hung up as soon as they are answered."""
    overflows = udp_overflows()
    meter, since_s = Meter(flat_pids(node.glance()["processes"])), time.monotonic()
    options = ["--rate", str(rate), "--seconds", str(seconds), "--hang-up-after", "0", "--rtp", "none", "--drain", "5",
               "--give-up-after", "90"]  # fmt: skip
    with Crowd(node.uri("2000"), options, CROWD_CORES) as crowd:
        summary = crowd.wait(seconds + 120)
    cpu_s, took_s = meter.cpu_s(), time.monotonic() - since_s
    begun = min(report["invited_at"] for report in crowd.reports)
    since, until = begun + seconds / 3, begun + seconds
    good = sum(1 for report in crowd.reports if report["good"] and since <= report["ended_at"] < until)
    return Flood(
        offered=rate,
        started=summary["started"] / seconds,
        good=good / (until - since),
        answer_ms_p99=summary["answer_ms"]["p99"],
        served=sum(1 for report in crowd.reports if report["good"]),
        refused=sum(1 for report in crowd.reports if report["status"] == 503),
        cpu_s=cpu_s,
        took_s=took_s,
        resent=sum(report["resent"]["invite"] for report in crowd.reports),
        crowd_cpu=(summary.get("own") or {}).get("cpu", 0.0),
        faults=summary["faults"],
        overflows=udp_overflows() - overflows,
    )


def measure(seconds: float, say: Callable[[str], None], first: int = 0) -> dict[str, Any]:
    """The best goodput, and that at twice the load that it was had at."""
    best: Flood | None = None
    steps: list[Flood] = []
    with a_node(SLOTS, NODE_CORES) as node:
        flood(node, STEPS_2000[0], 3.0)  # Everything is imported.
        idle = idle_share(node)
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
    cost = costs(best, twice, idle)
    if cost is not None:
        say(f"  a call served cost {cost[0]:.2f} ms of processor time, one refused {cost[1]:.0f} us")
    return {"peak": round(best.good, 1), "load": best.offered, "at_twice": round(twice.good, 1),
            "share": round(share, 3), "holds": share >= GOODPUT_SHARE_MIN,
            "served_cpu_ms": cost and round(cost[0], 3), "refused_cpu_us": cost and round(cost[1], 1),
            "steps": [asdict(step) for step in steps], "twice": asdict(twice)}  # fmt: skip
