"""Twice as many calls a second as a node can take: it must go on serving nearly as many as at its best.

The peak is looked for in steps of `2000`, each a little longer than the last; then twice its load is offered. Goodput
is calls that were good from INVITE to BYE, a second, as the callers count them. A refusal is no good call.
"""

from collections.abc import Callable
from typing import Any

from bench.capacity import NODE_CORES, STEPS_2000, Rig, Step
from bench.machine import SLOTS, a_node

GOODPUT_SHARE_MIN = 0.9
PEAK_FALLS_AT = 0.95
"""Steps end where a step's goodput falls below this share of the best one's or of what was offered."""


def goodput(step: Step, seconds: float) -> float:
    """Good calls a second."""
    return float(step.summary.get("good", 0)) / seconds


def measure(seconds: float, say: Callable[[str], None], first: int = 0) -> dict[str, Any]:
    """The best goodput, and that at twice the load that it was had at."""
    best, best_load, steps = 0.0, 0, []
    with a_node(SLOTS, NODE_CORES) as node:
        rig = Rig(node)
        rig.rate_2000(STEPS_2000[0], 3.0)  # Everything is imported.
        for load in (each for each in STEPS_2000 if each >= first):
            step = rig.rate_2000(load, seconds)
            found = goodput(step, seconds)
            steps.append(step.row() | {"goodput": round(found, 1)})
            say(f"  {load} calls/s offered, {found:.0f} good; node {step.cpu['all']:.0%} of its core")
            if found > best:
                best, best_load = found, load
            if found < PEAK_FALLS_AT * min(load, best):
                break
        twice = rig.rate_2000(2 * best_load, seconds)
    at_twice = goodput(twice, seconds)
    share = at_twice / best if best else 0.0
    say(f"  {2 * best_load} calls/s offered, {at_twice:.0f} good: {share:.0%} of the peak; {twice.words()}")
    return {"peak": round(best, 1), "load": best_load, "at_twice": round(at_twice, 1), "share": round(share, 3),
            "holds": share >= GOODPUT_SHARE_MIN, "steps": steps, "twice": twice.row()}  # fmt: skip
