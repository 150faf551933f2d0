"""What the demo shows: a picture that is filled from the callers' lines, and the same picture as a table or as text.

It starts nothing and decides nothing; whether a call was good is the callers' own verdict.
"""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

PROMPT_MS = {"welcome": 8000, "goodbye": 3000}
BAR_CELLS = 20
EVENTS_SHOWN = 5
NUMERIC = ("caller", "packets", "longest gap")


@dataclass(slots=True)
class Row:
    """One line of the table: a caller, and for a while what became of the call."""

    call: int
    live: dict[str, Any]
    report: dict[str, Any] | None = None
    ended_at: float = 0.0


@dataclass(slots=True)
class Picture:
    """All that the demo knows."""

    seconds: float
    elapsed_s: float = 0.0
    kills: int = 0
    completed: int = 0
    lost: int = 0
    digits: int = 0
    gap_ms_max: float = 0.0
    packets: int = 0
    packets_lost: int = 0
    pids: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    summary_of_crowd: dict[str, Any] = field(default_factory=dict)
    _events: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    _events_printed: int = 0
    _events_total: int = 0
    _next_line_s: float = 0.0
    _rows: dict[int, Row] = field(default_factory=dict)
    """By place in the table, so that nobody jumps about."""

    def say(self, event: str) -> None:
        """Something happened that a person should read."""
        self._events.append(f"{self.elapsed_s:6.1f} s  {event}")
        self._events_total += 1

    def take(self, line: dict[str, Any]) -> None:
        """One line from the callers."""
        if line["event"] == "live":
            self._take_live(line["calls"])
        elif line["event"] == "call":
            self._take_call(line)

    def _take_live(self, calls: list[dict[str, Any]]) -> None:
        places = {row.call: place for place, row in self._rows.items()}
        for live in calls:
            self.gap_ms_max = max(self.gap_ms_max, live["gap_ms_max"])
            place = places.get(live["call"])
            if place is None:
                place = self._free_place()
                self._rows[place] = Row(live["call"], live)
            self._rows[place].live = live

    def _free_place(self) -> int:
        """The place whose call ended longest ago, or a new one."""
        ended = [(row.ended_at, place) for place, row in self._rows.items() if row.report]
        return min(ended)[1] if ended else len(self._rows)

    def _take_call(self, report: dict[str, Any]) -> None:
        self.packets += report["packets"]
        self.digits += len(report["pressed"])
        self.gap_ms_max = max(self.gap_ms_max, report["gap_ms_max"])
        if report["good"]:
            self.completed += 1
        else:
            self.lost += 1
            self.faults += [f"call {report['call']}: {fault}" for fault in report["faults"]]
            self.say(f"call {report['call']} lost something: {'; '.join(report['faults'])}")
        for row in self._rows.values():
            if row.call == report["call"]:
                row.report, row.ended_at = report, time.monotonic()

    def rows(self) -> list[Row]:
        """Those on the phone now."""
        return [row for row in self._rows.values() if row.report is None]

    def all_rows(self) -> list[Row]:
        """In the order of their places."""
        return [row for _, row in sorted(self._rows.items())]

    def events(self, last: int) -> list[str]:
        return list(self._events)[-last:]

    def new_events(self) -> list[str]:
        """Those that were not asked for yet."""
        fresh = self._events_total - self._events_printed
        self._events_printed = self._events_total
        return self.events(fresh) if fresh else []

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        crowd = self.summary_of_crowd
        lost = self.lost + int(crowd.get("left", 0))
        return {
            "good": bool(self.completed) and not lost, "seconds": round(self.elapsed_s, 1), "kills": self.kills,
            "calls": self.completed + lost, "completed": self.completed, "lost": lost, "digits": self.digits,
            "packets": self.packets, "packets_lost": crowd.get("lost", 0), "gap_ms_max": self.gap_ms_max,
            "answer_ms": crowd.get("answer_ms"), "gap_ms": crowd.get("gap_ms"), "faults": self.faults[:20],
        }  # fmt: skip

    def words(self) -> str:
        """The summary for a person."""
        said = self.summary()
        text = (
            f"{many(said['kills'], 'kill')}, {many(said['calls'], 'call')}: {said['completed']} complete, "
            f"{said['lost']} lost; {said['digits']} digits; {said['packets']} packets, {said['packets_lost']} missing; "
            f"longest time between two packets {said['gap_ms_max']:.0f} ms."
        )
        return "\n".join([text, *self.faults[:20]])

    def drawn(self) -> Group:
        """As a table."""
        return draw(self)

    def plain_lines(self) -> list[str]:
        """As text: what is new."""
        return plain_lines(self)


def _doing(row: Row) -> tuple[str, str]:
    """What a caller hears, as words and as a bar."""
    if row.report is not None:
        return "hung up on", ""
    name, at_ms = row.live["hears"], row.live["position_ms"]
    length_ms = PROMPT_MS.get(name)
    if not length_ms:
        return name, ""
    cells = min(BAR_CELLS, round(BAR_CELLS * at_ms / length_ms))
    return f"{name} {at_ms / 1000:4.1f} s", "█" * cells + "·" * (BAR_CELLS - cells)


def process_ids(pids: Mapping[str, int]) -> Text:
    """The node's processes, in a line."""
    names = ("supervisor", "media", "calls active", "calls warm", "speech", "desk")
    return Text("   ").join(Text.assemble((f"{name} ", "dim"), (str(pids.get(name, "—")), "bold")) for name in names)


def many(count: int, word: str) -> str:
    """`1 kill`, `2 kills`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def draw(picture: Picture) -> Group:
    """The picture as a rich renderable."""
    verdict = ("0 lost", "bold green") if not picture.lost else (f"{picture.lost} lost", "bold red")
    figures = Text.assemble(
        (many(picture.kills, "kill"), "bold yellow"), f"   {many(picture.completed, 'call')} complete   ", verdict,
        f"   {picture.digits} digits   longest gap {picture.gap_ms_max:.0f} ms   ",
        (f"{min(picture.elapsed_s, picture.seconds):.0f} of {picture.seconds:.0f} s", "dim"),
    )  # fmt: skip
    table = Table(expand=False, box=None, pad_edge=False)
    for column in ("caller", "hears", "", "pressed", "packets", "longest gap", "result"):
        table.add_column(column, justify="right" if column in NUMERIC else "left", no_wrap=True)
    for row in picture.all_rows():
        table.add_row(*_cells(row), style="dim" if row.report is not None else "")
    events = Text("\n".join(picture.events(EVENTS_SHOWN)))
    return Group(Panel(Group(process_ids(picture.pids), figures), title="keepline demo"), table, Text(), events)


def _cells(row: Row) -> tuple[str | Text, ...]:
    doing, bar = _doing(row)
    result: str | Text = ""
    report = row.report
    if report is not None:
        result = Text("good", "green") if report["good"] else Text("; ".join(report["faults"]), "red")
    packets = report["packets"] if report is not None else row.live["packets"]
    gap_ms = report["gap_ms_max"] if report is not None else row.live["gap_ms_max"]
    return str(row.call), doing, bar, row.live["pressed"], str(packets), f"{gap_ms:.0f} ms", result


def plain_lines(picture: Picture) -> list[str]:
    """What has happened since the last time, and every two seconds how things stand."""
    lines = picture.new_events()
    if picture.elapsed_s >= picture._next_line_s:
        picture._next_line_s = picture.elapsed_s + 2
        hears = [row.live["hears"] for row in picture.rows()]
        counts = Counter(hears)
        count = ", ".join(f"{each} hear{'s' if each == 1 else ''} {name}" for name, each in sorted(counts.items()))
        lines.append(
            f"{picture.elapsed_s:6.1f} s  {many(picture.kills, 'kill')}, {picture.completed} complete, "
            f"{picture.lost} lost, longest gap {picture.gap_ms_max:.0f} ms; on the phone: {count or 'nobody'}"
        )
    return lines
