"""Whether what is left carries the peak when one carrier fails: sums of limits, and the busiest time that there was.

It refuses to hope: a carrier whose limits nobody has written down carries what is known of it, and that is nothing.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

RATE_OVER_S: Final = 10.0
"""Calls a second are those begun in so many, by as many."""


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """One thing that was looked at before it is needed."""

    check: str
    """`capacity`, `node`, `numbers`, `paths` or `loop`."""
    ok: bool
    what: str
    fix: str = ""
    """What would mend it; empty where nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Peak:
    """What must be carried."""

    calls_per_s: float
    channels: int
    """Calls at once."""


@dataclass(frozen=True, slots=True)
class Room:
    """What a carrier takes; None where that is not told."""

    name: str
    calls_per_s: float | None
    channels: int | None


def busiest(spans: Iterable[tuple[float, float]]) -> Peak:
    """The peak of calls that began and ended at these times, in the order of their beginnings."""
    window: deque[float] = deque()
    ends: list[float] = []
    rate, channels = 0, 0
    for begun_s, ended_s in spans:
        window.append(begun_s)
        while window[0] <= begun_s - RATE_OVER_S:
            window.popleft()
        while ends and ends[0] <= begun_s:
            heappop(ends)
        heappush(ends, ended_s)
        rate, channels = max(rate, len(window)), max(channels, len(ends))
    return Peak(rate / RATE_OVER_S, channels)


def without_each(carriers: Sequence[Room], peak: Peak) -> list[PreflightFinding]:
    """For each carrier that may fail: whether the others carry the peak."""
    if len(carriers) < 2:
        name = carriers[0].name if carriers else "none"
        fix = "list a second carrier in `outbound.carriers`"
        return [
            PreflightFinding(
                "capacity", False, f"there is one carrier alone ({name}), and nothing carries its calls", fix
            )
        ]
    found = []
    for failed in carriers:
        rest = [each for each in carriers if each is not failed]
        rates, channels = [each.calls_per_s for each in rest], [each.channels for each in rest]
        found.append(_carries(failed, rest, rates, peak.calls_per_s, ("calls/s", "calls_per_s_max")))
        found.append(_carries(failed, rest, channels, peak.channels, ("channels", "channels_max")))
    return found


def _carries(
    failed: Room, rest: Sequence[Room], limits: Sequence[float | None], needed: float, words: tuple[str, str]
) -> PreflightFinding:
    unit, setting = words
    names = ", ".join(each.name for each in rest)
    sure = sum(each for each in limits if each is not None)
    unknown = [each.name for each, limit in zip(rest, limits, strict=True) if limit is None]
    if sure >= needed:
        return PreflightFinding("capacity", True, f"without {failed.name}: {names} takes {sure:g} of {needed:g} {unit}")
    if unknown:
        what = f"without {failed.name}: whether {names} takes {needed:g} {unit} is not known"
        fix = f"ask {unknown[0]} how much it takes, and write `outbound.carriers.{unknown[0]}.{setting}`"
        return PreflightFinding("capacity", False, what, fix)
    what = f"without {failed.name}: {names} takes {sure:g} {unit}, and the peak has {needed:g}"
    return PreflightFinding(
        "capacity", False, what, f"buy {needed - sure:g} {unit} more at {names}, or list another carrier"
    )
