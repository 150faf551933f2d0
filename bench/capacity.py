"""How much one core carries: calls a second of `2000`, concurrent calls of `1000`, steady calls of `3000`.

The whole node runs on one core, journal, switch-over and warm process included; the callers on another one. A step is
good as long as it meets the bounds below; steps grow until one is not, and the last good one is the figure. What is not
met is written beside it, and so is the crowd's own load: a crowd that is out of breath measures itself.
"""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench import books
from bench.machine import SLOTS, Meter, a_node, flat_pids, udp_overflows
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode

NODE_CORES, CROWD_CORES = (0,), (1,)
FAILED_SHARE_MAX = 0.001
GAP_P999_MS_MAX, GAP_MS_MAX = 30.0, 60.0
ANSWER_P99_MS_MAX = 100.0
RATE_REACHED_MIN = 0.95
CALL_1000_S = 6.0
"""A key after three seconds, then the second prompt of three."""
RAMP_3000_PER_S = 100.0

STEPS_2000 = (50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 1000)
STEPS_1000 = (50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200)
STEPS_3000 = (100, 250, 500, 750, 1000, 1250, 1500, 1750, 2000, 2250)


@dataclass(frozen=True, slots=True)
class Step:
    """One load that was tried."""

    load: int
    summary: dict[str, Any]
    cpu: dict[str, float]
    bytes_per_call: float
    short: tuple[str, ...]
    """What it did not meet; () is a good step."""
    calls_per_s: float = 0.0
    """That the load meant; 0 where calls do not end."""

    @property
    def cpu_ms_per_call(self) -> dict[str, float]:
        """Processor time of a call from its INVITE to its end, by process, and "all"; {} where calls do not end."""
        if not self.calls_per_s:
            return {}
        return {name: round(1000 * share / self.calls_per_s, 3) for name, share in self.cpu.items()}

    def words(self) -> str:
        """How it went, for a person."""
        own = self.summary.get("own") or {}
        text = f"{self.load}: {'; '.join(self.short) or 'good'}; node {self.cpu['all']:.0%} of its core"
        if self.calls_per_s:
            text += f", {self.cpu_ms_per_call['all']:.2f} ms a call"
        if own.get("stalls"):
            text += f"; the callers themselves were held up {own['stalls']} times, up to {own['stall_ms_max']} ms"
        return text

    def row(self) -> dict[str, Any]:
        """What of it is worth keeping."""
        names = ("calls", "failed", "faults", "peak", "packets", "lost", "answer_ms", "gap_ms", "own", "took_s",
                 "udp_overflows", "examples")  # fmt: skip
        kept = {name: self.summary.get(name) for name in names}
        return kept | {
            "load": self.load,
            "short": list(self.short),
            "cpu": self.cpu,
            "cpu_ms_per_call": self.cpu_ms_per_call,
            "kb_per_call": round(self.bytes_per_call / 1000, 1),
        }


def shortcomings(summary: dict[str, Any], audio: bool) -> tuple[str, ...]:
    """Every bound that a run did not meet."""
    calls = summary.get("started") or 0
    if not calls:
        return ("no calls at all",)
    failed = calls - summary["good"]
    short = []
    if failed > FAILED_SHARE_MAX * calls:
        short.append(f"{failed} of {calls} failed ({', '.join(summary['faults']) or 'never ended'})")
    answer_ms = summary["answer_ms"]["p99"]
    if answer_ms is not None and answer_ms > ANSWER_P99_MS_MAX:
        short.append(f"INVITE to 200 p99 {answer_ms:.0f} ms")
    if audio:
        gaps = summary["gap_ms"]
        if summary["lost"]:
            short.append(f"{summary['lost']} packets lost")
        if (gaps["p99.9"] or 0) > GAP_P999_MS_MAX:
            short.append(f"gap p99.9 {gaps['p99.9']:.1f} ms")
        if gaps["max"] > GAP_MS_MAX:
            short.append(f"gap max {gaps['max']:.0f} ms")
    return tuple(short)


class Rig:
    """A node on one core and the means to load it from another."""

    def __init__(self, node: LocalNode) -> None:
        self.node = node
        self.prompts = prompt_options(node.prompts())
        self.answered: set[str] = set()
        """Call-IDs of calls that callers had."""
        self.idle_bytes = Meter(flat_pids(node.glance()["processes"])).memory_bytes()

    def load(self, number: str, load: int, seconds: float, options: Sequence[str], audio: bool) -> Step:
        """Run a crowd; its cost is measured in the last third of its time, when all are on the phone."""
        meter = Meter(flat_pids(self.node.glance()["processes"]))
        overflows = udp_overflows()
        with Crowd(self.node.uri(number), [*options, "--give-up-after", "90"], CROWD_CORES) as crowd:
            full_bytes = self._wait(crowd, seconds * 2 / 3, meter)
            meter = Meter(meter.pids)
            self._wait(crowd, seconds / 4, meter)
            cpu = meter.cpu()
            summary = _summary(crowd, seconds) | {"udp_overflows": udp_overflows() - overflows}
        self.answered |= {report["call_id"] for report in crowd.reports if report["answered"]}
        live = max(1, min(load, summary.get("peak", 1)))
        return Step(load, summary, cpu, (full_bytes - self.idle_bytes) / live, shortcomings(summary, audio))

    @staticmethod
    def _wait(crowd: Crowd, seconds: float, meter: Meter) -> int:
        """Let that much time of the run pass; the node's memory at the end of it."""
        deadline = time.monotonic() + seconds
        while crowd.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return meter.memory_bytes()

    def rate_2000(self, rate: int, seconds: float) -> Step:
        options = [
            "--rate",
            str(rate),
            "--seconds",
            str(seconds),
            "--hang-up-after",
            "0",
            "--rtp",
            "none",
            "--drain",
            "5",
        ]
        step = self.load("2000", rate, seconds, options, audio=False)
        reached = step.summary.get("started", 0) / seconds
        if reached < RATE_REACHED_MIN * rate:
            short = (*step.short, f"only {reached:.0f} calls/s were made")
            step = replace(step, short=short)
        return replace(step, calls_per_s=reached)

    def concurrent_1000(self, calls: int, seconds: float) -> Step:
        options = ["--rate", str(calls / CALL_1000_S), "--seconds", str(seconds), "--digits", "4@3", "--expect",
                   "welcome*,goodbye", "--rtp", "silence", "--drain", "20", *self.prompts]  # fmt: skip
        step = self.load("1000", calls, seconds, options, audio=True)
        return replace(step, calls_per_s=calls / CALL_1000_S)

    def steady_3000(self, calls: int, seconds: float) -> Step:
        ramp_s = calls / RAMP_3000_PER_S
        options = ["--rate", str(RAMP_3000_PER_S), "--calls", str(calls), "--hang-up-after", str(ramp_s + seconds),
                   "--rtp", "light", "--expect", "music+", "--drain", str(ramp_s + seconds + 20)]  # fmt: skip
        options += self.prompts
        return self.load("3000", calls, ramp_s + seconds, options, audio=True)


Run = Callable[[int, float], Step]


def _summary(crowd: Crowd, seconds: float) -> dict[str, Any]:
    try:
        return crowd.wait(seconds + 120)
    except subprocess.TimeoutExpired:
        return {"started": 1, "good": 0, "faults": {"stuck": 1}, "answer_ms": {"p99": None}, "lost": 0,
                "took_s": seconds, "gap_ms": {"p99.9": None, "max": 0.0}}  # fmt: skip


def climb(run: Run, steps: Sequence[int], seconds: float, say: Callable[[str], None], times: int = 1) -> list[Step]:
    """Steps until one is short twice: a machine has other things to do as well. Each must be good so many times."""
    done: list[Step] = []
    for load in [load for load in steps for _ in range(times)]:
        step = run(load, seconds)
        if step.short:
            done.append(step)
            say(f"  {step.words()}; once more")
            step = run(load, seconds)
        done.append(step)
        say(f"  {step.words()}")
        if step.short:
            break
    return done


def measure(
    which: str, seconds: float, say: Callable[[str], None], bounds: range = range(10**6), times: int = 1
) -> dict[str, Any]:
    """One of "2000", "1000", "3000": the highest load that was good `times` times, of the steps within `bounds`."""
    steps = {"2000": STEPS_2000, "1000": STEPS_1000, "3000": STEPS_3000}[which]
    beyond = None
    with a_node(SLOTS, NODE_CORES) as node:
        rig = Rig(node)
        run = {"2000": rig.rate_2000, "1000": rig.concurrent_1000, "3000": rig.steady_3000}[which]
        run(steps[0], 3.0)  # Everything is imported and every prompt read once.
        done = climb(run, [load for load in steps if load in bounds], seconds, say, times)
        held = Counter(step.load for step in done if not step.short)
        good = [step for step in done if not step.short and held[step.load] >= times]
        if which == "2000" and good:
            beyond = rig.rate_2000(2 * good[-1].load, seconds).row()
        kept = books.close_books(node, rig.answered)
        say(f"  {books.words(kept)}")
    best = good[-1].load if good else 0
    return {"best": best, "steps": [step.row() for step in done], "books": kept} | (
        {"at_twice": beyond} if beyond else {}
    )
