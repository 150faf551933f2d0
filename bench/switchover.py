"""What a caller notices when a process dies: the longest gap in the audio and the wait of the next SIP request.

The siege is the one of the live tests, larger. By default it is short; the proof is
`--kills 200 --concurrent 300 --rate 20`.
"""

import signal
from collections.abc import Callable
from typing import Any

from bench.killing import Outcome, Siege, besiege
from bench.machine import a_node

SLOTS = 600
NEAR_KILL_S = (-0.1, 1.0)
"""Requests sent from this long before to this long after a kill may have noticed it."""
BUCKETS_MS = (5, 10, 20, 50, 100, 150, 200, 250, 500, 1000, 2000)
SIEGES = {
    "active-killed": ("active", signal.SIGKILL),
    "active-stopped": ("active", signal.SIGSTOP),
    "media-killed": ("media", signal.SIGKILL),
    "media-stopped": ("media", signal.SIGSTOP),
}


def percentile(values: list[float], share: float) -> float | None:
    """The value below which `share` of them lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


def histogram(values: list[float]) -> dict[str, int]:
    """How many lie below each edge and above the one before."""
    counts = {f"<={edge}": 0 for edge in BUCKETS_MS} | {"more": 0}
    for value in values:
        name = next((f"<={edge}" for edge in BUCKETS_MS if value <= edge), "more")
        counts[name] += 1
    return counts


def waits_ms(outcome: Outcome) -> tuple[list[float], list[float]]:
    """(INVITE to 200 of the first call begun after each kill, the longest such time near each kill)."""
    calls = sorted((it["invited_at"], it["answer_ms"]) for it in outcome.reports if it["answer_ms"] is not None)
    nexts, longest = [], []
    for killed_at in outcome.killed_at:
        after = [answer_ms for invited_at, answer_ms in calls if invited_at >= killed_at]
        near = [ms for at, ms in calls if killed_at + NEAR_KILL_S[0] <= at <= killed_at + NEAR_KILL_S[1]]
        nexts += after[:1]
        longest += [max(near)] if near else []
    return nexts, longest


def gaps_ms(outcome: Outcome) -> list[float]:
    """The longest gap of each call that was on the phone when a process died."""
    return [
        report["gap_ms_max"]
        for report in outcome.reports
        if report["answered_at"] and any(report["answered_at"] < at < report["ended_at"] for at in outcome.killed_at)
    ]


def measure(name: str, kills: int, concurrent: int, rate: float, say: Callable[[str], None]) -> dict[str, Any]:
    """One kind of siege; times in ms."""
    role, number = SIEGES[name]
    with a_node(SLOTS) as node:
        outcome = besiege(node, Siege(role, number, kills, concurrent=concurrent, rate=rate, seed=kills))
        records = len([record for record in node.calls() if record.get("ended_at")])
    nexts, longest = waits_ms(outcome)
    gaps = gaps_ms(outcome)
    for failure in outcome.failed[:10]:
        say(f"  {failure}")
    calls = len(outcome.reports)
    result = {
        "kills": len(outcome.killed), "calls": calls, "lost": calls - outcome.summary.get("good", 0),
        "records": records,
        "struck": outcome.struck(), "peak": outcome.summary.get("peak"), "gap_ms_p99": percentile(gaps, 0.99),
        "gap_ms_max": percentile(gaps, 1.0), "next_invite_ms_p50": percentile(nexts, 0.5),
        "next_invite_ms_p99": percentile(nexts, 0.99), "next_invite_ms_max": percentile(nexts, 1.0),
        "longest_near_kill_ms_p99": percentile(longest, 0.99), "next_invite_ms_histogram": histogram(nexts),
        "own": outcome.summary.get("own"), "barge_in_ms": outcome.summary.get("barge_in_ms"),
        "failures": outcome.failed[:20],
    }  # fmt: skip
    say(
        f"  {name}: {result['kills']} kills, {calls} calls, {result['lost']} lost; "
        f"longest gap {result['gap_ms_max']} ms; next INVITE answered after {result['next_invite_ms_p99']} ms (p99)"
    )
    return result
