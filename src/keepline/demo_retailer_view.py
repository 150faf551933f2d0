"""What the retailer's demo shows: each caller's persona, what it hears and does, and what it took to have happened.

All of it is told by the callers themselves; the last lines are those of the comparison.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from keepline.demo_view import EVENTS_SHOWN, NUMERIC, Picture, Row, many, process_ids

GOOD = ("done", "hung up", "gave up")
"""How a call may end for its caller; every other way is a call lost."""
COLUMNS = ("caller", "who", "hears", "did last", "packets", "longest gap", "result")


@dataclass(slots=True)
class RetailerPicture(Picture):
    """All that the demo knows of the retailer's callers."""

    believes: Counter[str] = field(default_factory=Counter)
    """What they took to have happened."""
    agreed: bool | None = None
    """Whether callers, records and ledger tell the same; None where they were not compared."""
    comparison: str = ""

    def take(self, line: dict[str, Any]) -> None:
        if line["event"] == "live":
            self._take_live(line["calls"])
        elif line["event"] == "experience":
            self._take_experience(line)

    def _take_experience(self, told: dict[str, Any]) -> None:
        self.packets += told["packets"]
        self.packets_lost += told["lost"]
        self.digits += told["keys"]
        self.believes.update(told["believes"])
        self.gap_ms_max = max(self.gap_ms_max, told["gap_ms_max"])
        faults = list(told["faults"])
        if told["how"] not in GOOD:
            faults.append(f"{told['how']} {told['where'] and 'waiting for '}{told['where']}".strip())
        if faults:
            self.lost += 1
            self.faults += [f"call {told['call']}, {told['persona']}: {fault}" for fault in faults]
            self.say(f"call {told['call']}, {told['persona']}, went wrong: {'; '.join(faults)}")
        else:
            self.completed += 1
        for row in self.all_rows():
            if row.call == told["call"]:
                row.report, row.ended_at = told | {"faults": faults}, time.monotonic()

    def compared(self, agreed: bool, words: str) -> None:
        """The comparison is through."""
        self.agreed, self.comparison = agreed, words

    def summary(self) -> dict[str, Any]:
        said = Picture.summary(self)
        said |= {
            "good": said["good"] and self.agreed is not False, "believes": dict(self.believes), "agreed": self.agreed,
            "comparison": self.comparison, "packets_lost": self.packets_lost,
        }  # fmt: skip
        return {name: value for name, value in said.items() if name not in ("answer_ms", "gap_ms")}

    def words(self) -> str:
        said = Picture.words(self)
        believed = f"Callers' own count: {counted(self.believes)}."
        return "\n".join(filter(None, (said, believed, self.comparison)))

    def drawn(self) -> Group:
        table = Table(expand=False, box=None, pad_edge=False)
        for column in COLUMNS:
            table.add_column(column, justify="right" if column in NUMERIC else "left", no_wrap=True)
        for row in self.all_rows():
            table.add_row(*_cells(row), style="dim" if row.report is not None else "")
        verdict = ("0 lost", "bold green") if not self.lost else (f"{self.lost} lost", "bold red")
        figures = Text.assemble(
            (many(self.kills, "kill"), "bold yellow"), f"   {many(self.completed, 'call')} complete   ", verdict,
            f"   {self.digits} digits   longest gap {self.gap_ms_max:.0f} ms   ",
            (f"{min(self.elapsed_s, self.seconds):.0f} of {self.seconds:.0f} s", "dim"),
        )  # fmt: skip
        happened = Text.assemble(("callers' own count   ", "dim"), counted(self.believes))
        events = Text("\n".join(self.events(EVENTS_SHOWN)))
        head = Panel(Group(process_ids(self.pids), figures, happened), title="keepline demo: the retailer")
        return Group(head, table, Text(), events)


def counted(believes: Counter[str]) -> str:
    """What callers took to have happened, the most frequent first."""
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in believes.most_common()) or "nothing yet"


def _cells(row: Row) -> tuple[str | Text, ...]:
    live, report = row.live, row.report
    hears, result = live["hears"].replace("_", " "), Text()
    if hears not in ("silence", "ringing", "audio"):
        hears = f"{hears} {live['position_ms'] / 1000:.1f} s"
    if report is not None:
        told = ", ".join(report["believes"]).replace("_", " ") or report["how"]
        result = Text("; ".join(report["faults"]), "red") if report["faults"] else Text(told, "green")
    packets = report["packets"] if report is not None else live["packets"]
    gap_ms = report["gap_ms_max"] if report is not None else live["gap_ms_max"]
    who = live["persona"].replace("_", " ")
    return str(row.call), who, "" if report else hears, live["did"], str(packets), f"{gap_ms:.0f} ms", result
