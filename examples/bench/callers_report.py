"""What the crowd tells the world: an object for each call that ended, one for those that live, a summary at the end."""

from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Any

from callers_rtp import GAP_BUCKET_NS
from callers_sip import Caller, State
from callers_verdict import FRAME_MS, QUIET, Expectation, Frames, Heard, Recogniser, barge_in_frames, judge, runs

TAIL_FRAMES = 150
"""How far back one looks to tell what a caller hears now."""

LATE_BUCKET = 40_000_000 // GAP_BUCKET_NS
"""A packet that comes 40 ms after the one before is late: where one was due, there was none."""


def milliseconds(later: float, earlier: float) -> float | None:
    """None where one of the two never happened."""
    return round((later - earlier) * 1000, 3) if later and earlier else None


def call_report(caller: Caller, expect: Expectation, prompts: Mapping[str, Frames] | Recogniser) -> dict[str, Any]:
    """One ended call as JSON: times in ms, instants in seconds of the wall clock."""
    times, facts = caller.times, caller.facts
    heard = caller.leg.receiver.heard if caller.leg else Heard()
    found = runs(heard.frames, prompts) if caller.leg else []
    faults = judge(expect, facts, heard, found)
    first_s = caller.leg.receiver.first_ns / 1e9 if caller.leg else 0.0
    cut = barge_in_frames(facts, found)
    return {
        "event": "call", "call": caller.index, "caller": caller.name, "call_id": caller.call_id, "number": caller.user,
        "good": not faults, "faults": list(faults), "status": facts.status, "answered": facts.answered,
        "cancelled": facts.cancelled, "bye": facts.bye,
        "invited_at": times.invited, "answered_at": times.answered, "ended_at": times.ended,
        "response_ms": milliseconds(times.first_response, times.invited),
        "answer_ms": milliseconds(times.answered, times.invited),
        "refused_ms": milliseconds(times.refused, times.invited),
        "first_packet_ms": milliseconds(first_s, times.answered),
        "bye_sent_at": times.bye_sent, "bye_ms": milliseconds(times.bye_answered, times.bye_sent),
        "pressed": [{"digit": digit, "frame": at} for digit, at in facts.pressed],
        "barge_in_ms": None if cut is None else cut * FRAME_MS,
        "heard": [
            {"prompt": run.prompt, "at_ms": run.heard_at * FRAME_MS, "from_ms": run.first * FRAME_MS,
             "ms": run.frames * FRAME_MS, "complete": run.complete, "crc": f"{run.crc:08x}"} for run in found
        ],
        "packets": heard.packets, "sent": caller.leg.sender.sent if caller.leg else 0, "lost": heard.lost,
        "sequence_gaps": heard.sequence_gaps, "doubled": heard.doubled,
        "timestamp_jumps": heard.timestamp_jumps, "stalls": len(facts.stalls), "markers": heard.markers,
        "sources": heard.sources, "ssrcs": heard.ssrcs,
        "gap_ms_max": round(heard.gap_ms_max, 3), "gap_max_at_ms": heard.gap_max_at * FRAME_MS,
        "resent": {"invite": caller.resent_invite, "bye": caller.resent_bye},
        "repeated": {"200": max(0, caller.seen_200 - 1), "bye": max(0, caller.seen_bye - 1)},
    }  # fmt: skip


def hears_now(caller: Caller, prompts: Mapping[str, Frames] | Recogniser) -> tuple[str, int]:
    """(prompt, ms into it) that a live caller hears now; where it is none: "silence", "ringing" or "audio", and 0."""
    if caller.state in (State.CALLING, State.RINGING):
        return "ringing", 0
    if caller.leg is None or not len(caller.leg.receiver.frames):
        return "silence", 0
    frames = caller.leg.receiver.frames
    loud = next((back for back in range(1, min(25, len(frames)) + 1) if frames[-back] not in QUIET), 0)
    if not loud:
        return "silence", 0
    found = runs(frames[-TAIL_FRAMES:], prompts)
    if not found or not found[-1].prompt:
        return "audio", 0
    return found[-1].prompt, (found[-1].first + found[-1].frames) * FRAME_MS


def live_report(callers: list[Caller], prompts: Mapping[str, Frames] | Recogniser, ended: int) -> dict[str, Any]:
    """One line for all who are on the phone now."""
    rows = []
    for caller in callers:
        receiver = caller.leg.receiver if caller.leg else None
        name, position_ms = hears_now(caller, prompts)
        rows.append({
            "call": caller.index, "number": caller.user, "state": caller.state.value, "hears": name,
            "position_ms": position_ms, "pressed": "".join(digit for digit, _ in caller.facts.pressed),
            "packets": receiver.heard.packets if receiver else 0,
            "gap_ms_max": round(receiver.gap_ns / 1e6, 1) if receiver else 0.0,
        })  # fmt: skip
    return {"event": "live", "calls": rows, "ended": ended}


def percentile(values: list[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of them lie; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


def bucket_percentile(gaps: "array[int]", share: float) -> float | None:
    """Of a histogram of gaps: the upper edge of the bucket, in ms."""
    rest = share * sum(gaps)
    for bucket, count in enumerate(gaps):
        rest -= count
        if rest <= 0 and sum(gaps):
            return (bucket + 1) * GAP_BUCKET_NS / 1e6
    return None


class Tally:
    """Sums over the calls that ended; it keeps numbers, not calls."""

    def __init__(self) -> None:
        self.calls = self.good = self.packets = self.lost = 0
        self.faults: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.examples: list[str] = []
        self.gap_ms_max = 0.0
        self.times: dict[str, array[float]] = {
            name: array("d") for name in ("response_ms", "answer_ms", "bye_ms", "first_packet_ms", "barge_in_ms")
        }

    def add(self, report: dict[str, Any]) -> None:
        self.calls += 1
        self.good += report["good"]
        self.packets += report["packets"]
        self.lost += report["lost"]
        self.statuses[str(report["status"])] += 1
        self.gap_ms_max = max(self.gap_ms_max, report["gap_ms_max"])
        for fault in report["faults"]:
            self.faults[fault.partition(":")[0]] += 1
            if len(self.examples) < 20:
                self.examples.append(f"call {report['call']}: {fault}")
        for name, values in self.times.items():
            if report[name] is not None:
                values.append(report[name])

    def summary(self, gaps: "array[int]") -> dict[str, Any]:
        """The last line of a run."""
        times = {}
        for name, values in self.times.items():
            kept = list(values)
            times[name] = {"p50": percentile(kept, 0.5), "p99": percentile(kept, 0.99), "max": percentile(kept, 1.0)}
        return {
            "event": "summary", "calls": self.calls, "good": self.good, "failed": self.calls - self.good,
            "statuses": dict(self.statuses), "faults": dict(self.faults), "examples": self.examples,
            "packets": self.packets, "lost": self.lost, "late": sum(gaps[LATE_BUCKET:]), **times,
            "gap_ms": {"p50": bucket_percentile(gaps, 0.5), "p99": bucket_percentile(gaps, 0.99),
                       "p99.9": bucket_percentile(gaps, 0.999), "max": round(self.gap_ms_max, 3)},
        }  # fmt: skip
