"""Reads call records and timelines from a journal, whether its node runs or not. It never writes."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keepline.call.facts import Fact
from keepline.call.facts.run import RunEnded
from keepline.call.record import CallRecord, record_of
from keepline.call.unfinished.book import WorkItem
from keepline.incident.book import IncidentBook
from keepline.incident.plays import PlaybookRun, PlaybookRuns
from keepline.model.errors import KeeplineError, LocalError
from keepline.node.journal_callbacks import TicketLine, ticket_lines
from keepline.node.journal_file import FACTS_OF_CALLS, FILE_NAME, JournalFailed, connect, decode
from keepline.node.journal_incidents import incident_facts
from keepline.node.journal_plays import play_facts
from keepline.node.journal_runs import RunLine, run_lines
from keepline.node.journal_work import work_items
from keepline.node.ladder import LadderLine, ladder_of
from keepline.node.removed import no_journal


class NoJournal(KeeplineError):  # noqa: N818
    """There is no journal to read; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One fact as it stands in the journal."""

    seq: int
    at_s: float
    kind: str
    fields: dict[str, object]


class JournalReader:
    """A reader of one data directory's journal. Each of its methods raises `NoJournal` where that cannot be read."""

    def __init__(self, data: Path) -> None:
        path = data / FILE_NAME
        if not path.exists():
            raise NoJournal(no_journal(data))
        self._path = path
        with self._reading():
            self._connection = connect(path, read_only=True)
        with self._reading():
            self._connection.execute("SELECT 1 FROM facts LIMIT 1").fetchall()

    def close(self) -> None:
        self._connection.close()

    def records(self, limit: int) -> list[CallRecord]:
        """The records of the last `limit` calls, newest last."""
        rows = self._rows("SELECT call FROM calls ORDER BY call DESC LIMIT ?", limit)
        found = []
        for row in reversed(rows):
            with suppress(KeyError):  # it has been let go of meanwhile
                found.append(self.record(row[0]))
        return found

    def find(self, prefix: str) -> list[str]:
        """Ids that begin with `prefix`; at most 20."""
        if not prefix.isascii():
            return []
        found = "SELECT call FROM calls WHERE call >= ? AND call < ? ORDER BY call LIMIT 20"
        return [row[0] for row in self._rows(found, prefix, prefix + "\x7f")]

    def record(self, call: str) -> CallRecord:
        """The record of one call. Raises `KeyError` where there is no such call."""
        facts = [fact for _, fact in self._facts(call)]
        if not facts:
            raise KeyError(call)
        with self._reading():
            return record_of(facts)

    def runs(self, *, ended: int = 0, prefix: str = "") -> list[RunLine]:
        """Every run that has not ended and the `ended` last of the others, or those whose id begins with `prefix`."""
        with self._reading():
            return run_lines(self._connection, ended=ended, prefix=prefix)

    def run(self, run: str) -> dict[str, object] | None:
        """One run as programs read it, with its result where it has ended; None where there is none."""
        line = next((each for each in self.runs(prefix=run) if each.id == run), None)
        if line is None:
            return None
        each = next((fact for _, fact in self._facts(run) if isinstance(fact, RunEnded)), None)
        result = {"outcome": each.outcome, "value": json.loads(each.value), "error": each.error} if each else {}
        return line.told() | result

    def call_ids(self, before: str, limit: int) -> list[tuple[str, float | None]]:
        """The `limit` newest calls before one (empty: of all), the newest first, with when they ended."""
        older = "WHERE call < ? " if before else ""
        query = f"SELECT call, ended_at FROM calls {older}ORDER BY call DESC LIMIT ?"
        return [(row[0], row[1]) for row in self._rows(query, *([before] if before else []), limit)]

    def open_calls(self, kinds: Sequence[str], limit: int) -> list[Fact]:
        """The first `limit` facts of these kinds of the calls that have not ended."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT kind, body {FACTS_OF_CALLS} WHERE ended_at IS NULL AND kind IN ({marks}) LIMIT ?"
        rows = self._rows(query, *kinds, limit)
        with self._reading():
            return [decode(kind, body) for kind, body in rows]

    def last_position(self) -> int:
        """Of the last fact; 0 where there is none."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM facts")[0][0])

    def facts_after(self, position: int, kinds: Sequence[str], limit: int) -> list[tuple[int, Fact]]:
        """The next `limit` facts of these kinds after a position, in order, with theirs."""
        marks = ", ".join("?" * len(kinds))
        wanted = f"seq > ? AND kind IN ({marks}) AND body != x''"
        query = f"SELECT seq, kind, body FROM facts WHERE {wanted} ORDER BY seq LIMIT ?"
        rows = self._rows(query, position, *kinds, limit)
        with self._reading():
            return [(seq, decode(kind, body)) for seq, kind, body in rows]

    def facts_within(self, first: str, end: str) -> list[tuple[int, Fact]]:
        """The facts of everything whose id is `first` or after it, and before `end`; in order, with their positions."""
        query = "SELECT seq, kind, body FROM facts WHERE call >= ? AND call < ? AND body != x'' ORDER BY seq"
        with self._reading():
            return [(seq, decode(kind, body)) for seq, kind, body in self._rows(query, first, end)]

    def events(self, call: str) -> list[StoredEvent]:
        """The facts of one call, in order."""
        return [StoredEvent(seq, fact.at_s, fact.kind, asdict(fact)) for seq, fact in self._facts(call)]

    def ladder(self, call: str) -> list[LadderLine]:
        """The SIP messages of one call, in order, repetitions left out."""
        return ladder_of(fact for _, fact in self._facts(call))

    def work(self, *, with_closed: bool = False) -> list[WorkItem]:
        """The work list, and uses that are pending; the oldest first."""
        with self._reading():
            return work_items(self._connection, with_closed=with_closed)

    def callbacks(self, *, ended: int = 0) -> list[TicketLine]:
        """Every ticket that is open and the `ended` last of the others, in the order of their promises."""
        with self._reading():
            return ticket_lines(self._connection, ended=ended)

    def incidents(self) -> IncidentBook:
        """The latest incidents, open or not, and the mode."""
        last = self.last_position()
        with self._reading():
            return IncidentBook(incident_facts(self._connection, last))

    def play(self, incident: str) -> PlaybookRun | None:
        """The playbook of an incident at work, or as it ended; None where it has none."""
        last = self.last_position()
        with self._reading():
            return PlaybookRuns(play_facts(self._connection, [incident], last)).plays.get(incident)

    def _facts(self, call: str) -> list[tuple[int, Fact]]:
        rows = self._rows("SELECT seq, kind, body FROM facts WHERE call = ? AND body != x'' ORDER BY seq", call)
        with self._reading():
            return [(seq, decode(kind, body)) for seq, kind, body in rows]

    def _rows(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._reading():
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Whatever is wrong with the file is said of the file."""
        try:
            yield
        except JournalFailed as error:
            raise NoJournal(str(error)) from None
        except (sqlite3.Error, LocalError) as error:
            raise NoJournal(f"{self._path} cannot be read: {error}") from None
