"""The death table as text: what must be, what was measured, and whether it is good.

`python -m bench.deaths_table bench/results/DATE.json docs/reference/deaths.md` writes it into that page, between its
two marks.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.switchover import percentile

EDGES_MS = (5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000, 3000)
BEGIN, END = "<!-- measured {} -->", "<!-- /measured -->"
"""Around the table for so many calls at once."""
HEAD = ["| event | must | measured | good |", "|---|---|---|---|"]


@dataclass(frozen=True, slots=True)
class Must:
    """What a row asks for besides: no call lost, nothing wrong with any. 0: nothing is asked for."""

    gap_ms: int = 0
    """The longest gap in the audio of a stream that was struck."""
    gap_at: str = "max"
    """Of all those streams: `max`, `p99`."""
    next_ms: int = 0
    """The p99 of the first request after each event."""
    away_ms: int = 0
    """From the death of everything to the node that serves again."""


def figures(values: list[float]) -> dict[str, Any]:
    """p50, p99, the worst, and the histogram."""
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    found: dict[str, Any] = {"count": len(values)}
    for name, share in shares.items():
        value = percentile(values, share)
        found[name] = None if value is None else round(value, 1)
    return found | {"histogram": histogram(values)}


def histogram(values: list[float]) -> dict[str, int]:
    """How many lie at or below each edge and above the one before."""
    counts = {f"<={edge}": 0 for edge in EDGES_MS} | {"more": 0}
    for value in values:
        counts[next((f"<={edge}" for edge in EDGES_MS if value <= edge), "more")] += 1
    return {name: count for name, count in counts.items() if count}


def asked(must: Must) -> str:
    """What a row asks for, in words."""
    words = ["0 calls lost, nothing wrong"]
    if must.gap_ms:
        words.append(f"gap {must.gap_at} ≤ {must.gap_ms} ms")
    if must.next_ms:
        words.append(f"next request p99 ≤ {must.next_ms} ms")
    if must.away_ms:
        words.append(f"serves again within {must.away_ms / 1000:g} s")
    return "; ".join(words)


def shortfalls(result: dict[str, Any]) -> list[str]:
    """What a row lacks; empty where it is good. That nothing was struck is no proof of anything."""
    must = Must(**result["must"])
    found = [result["failed"]] if result.get("failed") else []
    found += [f"{result['lost']} lost"] if result["lost"] else []
    found += [f"{result['wrong']} wrong"] if result["wrong"] else []
    found += [] if result["struck"] else ["no call was struck"]
    for what, at, most in (
        ("gap_ms", must.gap_at, must.gap_ms),
        ("next_request_ms", "p99", must.next_ms),
        ("away_ms", "max", must.away_ms),
    ):
        value = result[what][at]
        if most and (value is None or value > most):
            found.append(f"{what} {at} {value}")
    return found


def told(result: dict[str, Any]) -> str:
    """What was measured, in words."""
    gap, wait = result["gap_ms"], result["next_request_ms"]
    text = (
        f"{result['lost']} of {result['calls']} calls lost ({result['struck']} struck), {result['wrong']} wrong; "
        f"gap p50 {gap['p50']}, p99 {gap['p99']}, max {gap['max']} ms; next request p99 {wait['p99']} ms"
    )
    if result["detection_ms"]["count"]:
        text += f"; noticed after {result['detection_ms']['p50']} ms"
    if result["take_over_ms"]["count"]:
        text += f", taken over {result['take_over_ms']['p50']} ms later"
    if result["away_ms"]["count"]:
        text += f"; serves again after {result['away_ms']['max']} ms"
    own = result.get("own") or {}
    if own.get("stalls"):
        text += f"; the callers themselves were held up {own['stalls']} times, up to {own['stall_ms_max']} ms"
    return text + (f"; {result['failed']}" if result.get("failed") else "")


def rows(results: dict[str, Any]) -> list[tuple[str, str]]:
    """The death table for the screen."""
    return [
        (f"{_event(it)} ({asked(Must(**it['must']))})", f"{told(it)}: {', '.join(shortfalls(it)) or 'good'}")
        for it in results.get("events", {}).values()
    ]


def table(results: dict[str, Any]) -> list[str]:
    """The death table as Markdown; nothing where nothing was measured."""
    found = [
        f"| {_event(it)} | {asked(Must(**it['must']))} | {told(it)} | {', '.join(shortfalls(it)) or 'yes'} |"
        for it in results.get("events", {}).values()
    ]
    return [*HEAD, *found] if found else []


def _event(it: dict[str, Any]) -> str:
    return f"{it['words']}, {it['times']} times, {it['peak']} calls at once"


def histograms(results: dict[str, Any]) -> list[str]:
    """The histograms of every row as text."""
    lines = []
    titles = {"gap_ms": "longest gap of each stream that was struck", "next_request_ms": "the next request",
              "longest_near_ms": "the slowest request near it", "detection_ms": "until it is noticed",
              "take_over_ms": "from there until it is taken over",
              "away_ms": "until the node serves again"}  # fmt: skip
    for it in results.get("events", {}).values():
        lines += ["", f"## {it['words']}", "```"]
        for name, title in titles.items():
            if it[name]["count"]:
                lines += bars(title, it[name])
        lines.append("```")
    return lines


def bars(title: str, found: dict[str, Any]) -> list[str]:
    """A histogram as lines of text."""
    counts = found["histogram"]
    most = max(counts.values(), default=1)
    lines = [f"{title}: {found['count']}, p50 {found['p50']}, p99 {found['p99']}, max {found['max']} ms"]
    return lines + [f"  {edge:>7} {count:6} {'#' * max(1, round(40 * count / most))}" for edge, count in counts.items()]


def filled(page: str, report: dict[str, Any]) -> str:
    """The page with this table between its marks, and when and on what it was measured. Raises ValueError without."""
    begin = BEGIN.format(report["arguments"]["concurrent"])
    before = page.index(begin) + len(begin)
    after = page.index(END, before)
    machine = report["machine"]
    on = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}"
    lines = ["", f"Measured {report['measured_at']} ({machine['commit']}) on {on}.", ""]
    return page[:before] + "\n".join([*lines, *table(report["results"]["deaths"]), ""]) + page[after:]


def main() -> int:
    """Write a table into a page."""
    results, page = Path(sys.argv[1]), Path(sys.argv[2])
    report = json.loads(results.read_text(encoding="utf-8"))
    page.write_text(filled(page.read_text(encoding="utf-8"), report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
