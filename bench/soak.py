"""Many calls in a row: what each process of a node holds in memory and descriptors, call after thousand calls.

What grows with calls would end a node that runs for months. Calls that are over are remembered for 64*T1 (32 s), so a
sample counts from the first that was taken after that; from there on, memory may grow by `GROWTH_SHARE_MAX` and
`GROWTH_BYTES_MAX` together, descriptors by `GROWTH_FDS_MAX`.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.machine import SLOTS, a_node, cost, flat_pids
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode

RATE = 100.0
SAMPLES = 10
REMEMBERED_S = 32.0
GROWTH_SHARE_MAX = 0.05
GROWTH_BYTES_MAX = 2 << 20
GROWTH_FDS_MAX = 3
OPTIONS = ("--hang-up-after", "0.2", "--rtp", "light", "--drain", "40")


@dataclass(frozen=True, slots=True)
class Sample:
    """What every process held when that many calls were over."""

    calls: int
    at_s: float
    """Since the first call."""
    bytes: dict[str, int]
    """Proportional set size by process."""
    fds: dict[str, int]


def sample(node: LocalNode, calls: int, at_s: float) -> Sample:
    """Look at every process now."""
    pids = flat_pids(node.glance()["processes"])
    held = {name: cost(pid).memory_bytes for name, pid in pids.items()}
    return Sample(calls, round(at_s, 1), held, {name: descriptors(pid) for name, pid in pids.items()})


def descriptors(pid: int) -> int:
    """Open files of a process; 0 where it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def growth(samples: list[Sample]) -> list[str]:
    """What grew by more than it may, in words."""
    counted = [each for each in samples[:-1] if each.at_s >= REMEMBERED_S]
    if len(counted) < 2:
        return [f"too few calls to tell: {RATE:.0f} a second for less than {2 * REMEMBERED_S:.0f} s"]
    first, last = counted[0], counted[-1]
    found = []
    for name, before in first.bytes.items():
        after = last.bytes.get(name, 0)
        if after > before * (1 + GROWTH_SHARE_MAX) + GROWTH_BYTES_MAX:
            found.append(
                f"{name}: {before / 1e6:.1f} MB after {first.calls} calls, {after / 1e6:.1f} MB after the last"
            )
        fds_before, fds_after = first.fds[name], last.fds.get(name, 0)
        if fds_after > fds_before + GROWTH_FDS_MAX:
            found.append(f"{name}: {fds_before} descriptors after {first.calls} calls, {fds_after} after the last")
    return found


def measure(calls: int, say: Callable[[str], None]) -> dict[str, Any]:
    """`calls` in a row at `RATE` a second, ten samples on the way and one when all is forgotten."""
    samples: list[Sample] = []
    with a_node(SLOTS) as node:
        node.prompts()
        samples.append(sample(node, 0, 0.0))
        begun_s = time.monotonic()
        options = ["--calls", str(calls), "--rate", str(RATE), *OPTIONS]
        with Crowd(node.uri("2000"), options) as crowd:
            for part in range(1, SAMPLES + 1):
                _wait_for(crowd, calls * part // SAMPLES)
                samples.append(sample(node, len(crowd.reports), time.monotonic() - begun_s))
                say(f"  {words(samples[-1])}")
            summary = crowd.wait(120)
        time.sleep(REMEMBERED_S + 3)
        samples.append(sample(node, calls, time.monotonic() - begun_s))
        records = len(node.calls(calls + 1))
    grown = growth(samples)
    say(f"  {words(samples[-1])}; {'; '.join(grown) or 'flat'}")
    return {
        "calls": calls, "good": summary.get("good", 0), "faults": summary.get("faults"), "records": records,
        "grown": grown, "samples": [{"calls": it.calls, "at_s": it.at_s, "bytes": it.bytes, "fds": it.fds}
                                    for it in samples],
    }  # fmt: skip


def words(held: Sample) -> str:
    """A sample on one line."""
    parts = [f"{name} {held.bytes[name] / 1e6:.1f} MB {held.fds[name]} fds" for name in held.bytes]
    return f"{held.calls} calls: {', '.join(parts)}"


def _wait_for(crowd: Crowd, calls: int) -> None:
    while len(crowd.reports) < calls and crowd.process.poll() is None:
        time.sleep(0.05)
