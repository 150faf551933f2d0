"""The crash matrix as tables: boundaries x outcomes of each story and gateway, and what all of them come to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from keepline.call.facts import Fact

NOTHING, WRONG, ALL = "(nothing dies)", "WRONG", "all"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "crash-matrix.md"
BEGIN, END = "<!-- make matrix ARGS=--page -->", "<!-- so far -->"
BOUNDARY_CHARS_MAX = 78


@dataclass
class Table:
    """Boundaries x outcomes of one story and gateway."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    facts: list[list[Fact]] = field(default_factory=list)
    """Of every run, for the journal."""

    def note(self, boundary: str, outcome: str, wrong: list[str], facts: list[Fact], where: str) -> None:
        """One run, with its deaths before this boundary."""
        self.outcomes.setdefault(boundary, Counter())[WRONG if wrong else outcome] += 1
        if wrong:
            self.failed.append(f"{where}: {wrong[0]}")
        self.facts.append(facts)

    def take(self, other: "Table") -> None:
        """Add the runs of another one."""
        for boundary, counts in other.outcomes.items():
            self.outcomes.setdefault(boundary, Counter()).update(counts)
        self.failed += other.failed
        self.facts += other.facts

    @property
    def totals(self) -> Counter[str]:
        return sum(self.outcomes.values(), Counter())

    @property
    def count(self) -> int:
        return self.totals.total()

    def lines(self) -> list[str]:
        """For a terminal, the totals last."""
        widths = [max(map(len, column)) for column in zip(*self.rows(), strict=True)]
        return ["  ".join(_aligned(row, widths)) for row in self.rows()]

    def markdown(self) -> list[str]:
        """For a page."""
        head, *rows = self.rows()
        return [_row(head), _row(["---"] + ["---:"] * (len(head) - 1)), *map(_row, rows)]

    def rows(self, what: str = "boundary") -> list[list[str]]:
        """The head, a row a boundary, and the totals."""
        columns = sorted(self.totals)
        rows = [[name[:BOUNDARY_CHARS_MAX], *_cells(counts, columns)] for name, counts in sorted(self.outcomes.items())]
        return [[what, *columns, ALL], *rows, [ALL, *_cells(self.totals, columns)]]


class Sums:
    """What the tables come to: by story, and by gateway."""

    def __init__(self) -> None:
        self._by_story: dict[str, Table] = {}
        self._by_gateway = Table()

    def add(self, story: str, how: str, table: Table) -> None:
        """One of them."""
        found = self._by_story.setdefault(story, Table())
        for boundary, counts in table.outcomes.items():
            found.outcomes.setdefault(boundary, Counter()).update(counts)
        self._by_gateway.outcomes.setdefault(f"{story}: the gateway {how}", Counter()).update(table.totals)

    @property
    def count(self) -> int:
        return self._by_gateway.count

    def lines(self) -> list[str]:
        """For a terminal: by gateway."""
        return self._by_gateway.lines()

    def write(self, page: Path) -> None:
        """Put the tables between the page's marks."""
        text = page.read_text(encoding="utf-8")
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        tables = ["", f"{self.count} runs.", "", *self._by_gateway.markdown()]
        for story, table in self._by_story.items():
            tables += ["", f"## {story.capitalize()}", *table.markdown()]
        page.write_text("\n".join([before, *tables, after]), encoding="utf-8")


def _cells(counts: Counter[str], columns: list[str]) -> list[str]:
    return [*(str(counts[name] or "") for name in columns), str(counts.total())]


def _aligned(row: list[str], widths: list[int]) -> Iterable[str]:
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.rjust(width) if place else cell.ljust(width)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
