"""Simulated calls a CPU-second, with SIP as text and as objects, in calm worlds and in those of `make sim`.

The same worlds are counted in function calls by tests/sim/test_figures.py, which keeps them from falling.
"""

import gc
import time
from collections.abc import Callable
from typing import Any

from tests.sim.figures import WORLDS

ROUNDS = 5
"""The best one counts: the others had to share the processor."""


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Calls a CPU-second by the kind of world."""
    gc.set_threshold(50_000, 50, 100)  # as in a node
    found = {}
    for name in WORLDS:
        found[name] = round(max(_calls_a_cpu_second(name) for _ in range(ROUNDS)))
        say(f"  {name}: {found[name]} simulated calls a CPU-second")
    return found


def _calls_a_cpu_second(name: str) -> float:
    gc.collect()  # what the world before has left behind: memory that grows is the kernel's time, and no call's
    scenes = WORLDS[name]()
    began_s = time.process_time()
    for scene in scenes:
        assert scene.run() == []
    return sum(len(scene.callers) for scene in scenes) / (time.process_time() - began_s)
