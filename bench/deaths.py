"""The death table: what callers in every state notice when something of the node dies, hangs or is replaced.

Each event happens several times to one node with its crowd. Calls, digits, steps and streams are judged by callers, by
those they talk with, and by the back office; the milliseconds are the kernel's stamps at the callers, but for detection
and take-over, which the node's own log tells.
"""

import argparse
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.deaths_table import Must, figures, shortfalls, told
from bench.killing import complete
from bench.mixing import Setting, Stage, a_stage
from bench.switchover import NEAR_KILL_S
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeFailedError, keepline_command, wait_until

PAUSE_S = (0.5, 1.5)
"""Between a complete node and the next event, at random between the two."""
ALONE_S = 1.5
"""How long calls go on without a supervisor."""
ONE_CALL_WITHIN_S = 90.0
SOON_S = 30.0
AROUND_S = 5.0
"""What a call lasts beside the state that it is about, on average."""
RAMP_S = 10.0
"""Within which there are as many calls as there may be."""
RING_S_MAX = 20.0
DRAIN_S = 12.0
"""How long calls may go on after the last event; those that are longer are hung up, and judged as far as they came."""
NOISE_CALLS_MAX = 400
"""Beyond that most callers send a packet a second: their own load would be what is measured."""
Strike = Callable[[Stage], None]


# What happens ---------------------------------------------------------------------------------------------------------


def strike(role: str, number: int) -> Strike:
    """A signal to one process."""

    def happen(stage: Stage) -> None:
        pid = stage.complete()[role]
        stage.struck_at.append(time.time())
        os.kill(pid, number)
        stage.dead.append(pid)

    return happen


def busy_loop(stage: Stage) -> None:
    """A flow that loops without an end, once: its process works, and does nothing for anybody."""
    active = stage.complete()["active"]
    stage.flag.touch()
    with Crowd(stage.node.uri("6667"), ["--calls", "1", "--give-up-after", "60"]) as caller:
        wait_until("the flow loops", lambda: not stage.flag.exists(), SOON_S)
        stage.struck_at.append(time.time())
        stage.dead.append(active)
        summary = caller.wait(ONE_CALL_WITHIN_S)
    if summary["failed"]:
        raise AssertionError(f"the call whose flow looped was lost: {summary['examples']}")


def deadly_call(stage: Stage) -> None:
    """A call that ends its process whenever its flow gets so far, twice."""
    active = stage.complete()["active"]
    with Crowd(stage.node.uri("6666"), ["--calls", "1", "--give-up-after", "60"]) as caller:
        dead: list[int] = []
        for _ in range(2):
            pid = wait_until("it has died", lambda: gone_active(stage.node, [active, *dead][-1]), SOON_S)
            stage.struck_at.append(time.time())
            dead.append(pid)
        caller.wait(ONE_CALL_WITHIN_S)
    stage.dead += [active, dead[0]]


def gone_active(node: LocalNode, before: int) -> int:
    """The process id of the active calls process, once it is another one."""
    pid = node.pid("active")
    return pid if pid not in (0, before) else 0


def supervisor_gone(number: int) -> Strike:
    """The supervisor dies or is stopped; calls go on, and `keepline up` takes everything over."""

    def happen(stage: Stage) -> None:
        before = stage.complete()
        former = stage.node.process
        stage.struck_at.append(time.time())
        stage.node.kill("supervisor", number)
        ended = len(stage.reports)
        wait_until("calls end without a supervisor", lambda: len(stage.reports) > ended, SOON_S)
        time.sleep(ALONE_S)  # nothing depends on how long it is
        stage.node.process = None  # a stopped one ends only when its successor ends it
        stage.struck_at.append(time.time())
        stage.node.up()
        put_away(former)
        after = wait_until("the node is complete again", lambda: complete(stage.node), SOON_S)
        if after != before:
            raise AssertionError(f"not adopted but replaced: {before} are {after}")

    return happen


def upgrade(stage: Stage) -> None:
    """New processes, on an operation that has a number more."""
    before = stage.complete()
    file = stage.operation / "keepline.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("numbers:\n", f"numbers:\n  {7000 + len(stage.struck_at)}: {{flow: prompt}}\n", 1))
    stage.struck_at.append(time.time())
    command = [*keepline_command(), "upgrade", str(stage.operation), "--data", str(stage.node.settings.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ONE_CALL_WITHIN_S)
    stage.struck_at.append(time.time())
    if done.returncode:
        raise AssertionError(f"not upgraded: {done.stdout}{done.stderr}")
    stage.dead += [before["active"], before["warm"]]


def everything_dies(stage: Stage) -> None:
    """Every process of the node at once; it is started again as soon as the last one is gone."""
    stage.complete()
    former = stage.node.process
    stage.struck_at.append(time.time())
    for found in stage.node.processes():
        os.kill(found.pid, signal.SIGKILL)
    wait_until("all of it is gone", lambda: not stage.node.processes(), SOON_S)
    stage.node.process = None
    stage.node.up()
    stage.away_ms.append((time.time() - stage.struck_at[-1]) * 1000)
    put_away(former)


def put_away(former: "subprocess.Popen[str] | None") -> None:
    """What is left of a supervisor that has ended."""
    if former is not None:
        former.wait(SOON_S)
        if former.stdout is not None:
            former.stdout.close()


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the table."""

    words: str
    happen: Strike
    must: Must
    media_deaths: bool = False
    all_dies: bool = False
    is_long: bool = False
    """It takes several seconds each time, and happens half as often."""

    def times(self, kills: int) -> int:
        """How often it happens."""
        return (kills + 1) // 2 if self.is_long else kills


UNHEARD = Must(gap_ms=40)
UNNOTICED = Must(gap_ms=40, next_ms=250)
SOON = Must(gap_ms=40, next_ms=1500)
SHORT = Must(gap_ms=300, gap_at="p99")
EVENTS = {
    "active-killed": Event("`kill -9` of the active calls process", strike("active", signal.SIGKILL), UNNOTICED),
    "active-stopped": Event("SIGSTOP of the active calls process", strike("active", signal.SIGSTOP), SOON),
    "active-looping": Event("a busy loop in the active calls process", busy_loop, SOON, is_long=True),
    "media-killed": Event("`kill -9` of media", strike("media", signal.SIGKILL), SHORT, True),
    "media-stopped": Event("SIGSTOP of media", strike("media", signal.SIGSTOP), SHORT, True),
    "supervisor-killed": Event(
        "`kill -9` of the supervisor, then `keepline up`, which adopts all",
        supervisor_gone(signal.SIGKILL),
        UNHEARD,
        is_long=True,
    ),
    "supervisor-stopped": Event(
        "SIGSTOP of the supervisor, then `keepline up`, which adopts all",
        supervisor_gone(signal.SIGSTOP),
        UNHEARD,
        is_long=True,
    ),
    "upgraded": Event("`keepline upgrade` to another operation", upgrade, UNHEARD),
    "deadly-call": Event("a call that kills its process twice", deadly_call, UNHEARD, is_long=True),
    "everything-killed": Event(
        "`kill -9` of everything, then `keepline up`",
        everything_dies,
        Must(away_ms=5000),
        True,
        True,
        is_long=True,
    ),
}


def besiege(stage: Stage, event: Event, times: int) -> None:
    """Let it happen several times, and let the crowd come to its end."""
    rng = random.Random(times)
    for _ in range(times):
        stage.complete()
        # The instant is random with regard to every call; nothing waits for this pause to be long enough.
        time.sleep(rng.uniform(*PAUSE_S))
        event.happen(stage)
    stage.complete()
    stage.finish()


# What it came to ------------------------------------------------------------------------------------------------------


def gaps_ms(stage: Stage) -> list[float]:
    """The longest gap of each stream, of callers and of those they talk with, that was struck."""
    found = []
    for report in stage.reports:
        if any(report["answered_at"] and report["answered_at"] < at < report["ended_at"] for at in stage.struck_at):
            found += [ms for ms in (report["gap_ms_max"], report["far_gap_ms_max"]) if ms]
    return found


def waits_ms(stage: Stage) -> tuple[list[float], list[float]]:
    """(what the first request after each event waited for its answer, the longest such wait near each event)."""
    sent = sorted((at, ms) for report in stage.reports for _, at, ms in report["requests"] if ms is not None)
    nexts, longest = [], []
    for struck_at in stage.struck_at:
        nexts += [ms for at, ms in sent if at >= struck_at][:1]
        near = [ms for at, ms in sent if struck_at + NEAR_KILL_S[0] <= at <= struck_at + NEAR_KILL_S[1]]
        longest += [max(near)] if near else []
    return nexts, longest


def take_overs_ms(stage: Stage) -> tuple[list[float], list[float]]:
    """(from an event to its detection, from there to the successor's first turn), as the node's log has it."""
    log = stage.log()
    detected, taken = [], []
    for struck_at in stage.struck_at:
        noticed = [e["at"] for e in log if e["event"] in ("hung", "died") and struck_at <= e["at"] < struck_at + 5]
        promoted = [e["at"] for e in log if e["event"] == "promoted" and struck_at <= e["at"] < struck_at + 10]
        if noticed:
            detected.append((min(noticed) - struck_at) * 1000)
        if noticed and promoted:
            # The kernel hands on the lock by itself, now and then before the supervisor has noticed.
            taken.append(max(0.0, min(promoted) - min(noticed)) * 1000)
    return detected, taken


def setting_of(args: argparse.Namespace, event: Event) -> Setting:
    """The command line as a stage: calls last as long as it takes to have so many with so many new ones a second."""
    dwell_s = max(4.0, args.concurrent / args.rate - AROUND_S)
    return Setting(
        concurrent=args.concurrent, rate=args.rate, ramp_rate=max(args.rate, args.concurrent / RAMP_S),
        dwell_s=(0.7 * dwell_s, 1.3 * dwell_s), ring_s=min(RING_S_MAX, dwell_s),
        tcp_share=0.0 if event.all_dies else args.tcp_share, mix=args.mix,
        rtp="light" if args.concurrent > NOISE_CALLS_MAX else "noise", drain_s=DRAIN_S,
        media_deaths=event.media_deaths, all_dies=event.all_dies, seed=args.kills,
    )  # fmt: skip


def measure(args: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """All rows that were asked for, by event."""
    results = {}
    with tempfile.TemporaryDirectory(prefix="keepline-spoken-") as spoken:
        for name in args.events.split(","):
            say(f"deaths: {EVENTS[name].words}")
            results[name] = measure_one(
                EVENTS[name], EVENTS[name].times(args.kills), setting_of(args, EVENTS[name]), Path(spoken), say
            )
    return {"events": results, "lost": sum(bool(shortfalls(it)) for it in results.values())} if results else {}


def measure_one(
    event: Event, times: int, setting: Setting, spoken: Path, say: Callable[[str], None]
) -> dict[str, Any]:  # fmt: skip
    """One row; times in ms. What does not happen as it should is a row too, that says so."""
    failed, begun = "", time.monotonic()
    with a_stage(setting, spoken=spoken) as stage:
        try:
            besiege(stage, event, times)
        except (AssertionError, NodeFailedError, subprocess.TimeoutExpired) as failure:
            failed = str(failure).partition("\n")[0]
            stage.finish()
        faults = stage.faults()
        detected, taken = take_overs_ms(stage)
    for fault in faults[:10]:
        say(f"  {fault}")
    nexts, longest = waits_ms(stage)
    bad = sum(not report["good"] for report in stage.reports) + stage.summary.get("left", 0)
    result = {
        "words": event.words, "must": asdict(event.must), "times": times, "calls": len(stage.reports), "lost": bad,
        "wrong": len(faults) - bad, "failed": failed, "faults": faults[:20], "peak": stage.summary.get("peak"),
        "struck": stage.struck(),
        "struck_by_kind": {kind: stage.struck(kind) for kind in stage.summary.get("kinds", {})},
        "charges": sum(count.total() for count in stage.office.charges.values()),
        "payers": len(stage.office.charges), "charge_requests": stage.office.requests.total(),
        "gap_ms": figures(gaps_ms(stage)), "next_request_ms": figures(nexts), "away_ms": figures(stage.away_ms),
        "longest_near_ms": figures(longest), "detection_ms": figures(detected), "take_over_ms": figures(taken),
        "own": stage.summary.get("own"), "took_s": round(time.monotonic() - begun, 1),
    }  # fmt: skip
    say(f"  {told(result)}; in {result['took_s']} s")
    return result
