"""The journal's index of runs: two tables that follow from the facts, written in the transaction of the facts.

A start reads the runs that are due and no other, so a hundred thousand that wait cost it nothing. What each fact
changes is the core's to say (`call.runs.index`); here it is SQL.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from keepline.call.facts import Fact
from keepline.call.facts.run import RUN_TYPES
from keepline.call.runs import index

_ADD_RUN: Final = "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', NULL, '')"
_SET_RUN: Final = "UPDATE runs SET due_at = ?, subject = ?, since = ? WHERE run = ?"
_END_RUN: Final = "UPDATE runs SET due_at = NULL, subject = '', since = ?, ended_at = ?, ending = ? WHERE run = ?"
_MAKE_DUE: Final = "UPDATE runs SET due_at = ? WHERE subject = ? AND subject != ''"
_MAKE_FIRST_DUE: Final = (
    "UPDATE runs SET due_at = ? WHERE run = "
    "(SELECT run FROM runs WHERE subject = ? AND subject != '' ORDER BY since, run LIMIT 1)"
)
_KEEP_EVENT: Final = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, 1)"
_DROP_EVENT: Final = "UPDATE events SET kept = 0 WHERE id = ?"
_KINDS: Final = frozenset(RUN_TYPES)


def apply_runs(connection: sqlite3.Connection, facts: Sequence[Fact]) -> None:
    """Have the index follow these facts, within the transaction that writes them."""
    for fact in facts:
        if type(fact) in _KINDS:
            _apply(connection, index.changes_of(fact))


def _apply(connection: sqlite3.Connection, changes: Iterable[index.IndexChange]) -> None:
    for change in changes:
        match change:
            case index.SetRun(run, due_s, subject, since_s):
                connection.execute(_SET_RUN, (due_s, subject, since_s, run))
            case index.AddRun(each):
                row = (each.call, each.flow, each.key, each.operation, each.parent, each.at_s, each.at_s)
                connection.execute(_ADD_RUN, (*row, index.AT_WORK_S))
            case index.EndRun(run, at_s, ending):
                connection.execute(_END_RUN, (at_s, at_s, ending, run))
            case index.MakeDue(subject, at_s, only_first):
                connection.execute(_MAKE_FIRST_DUE if only_first else _MAKE_DUE, (at_s, subject))
            case index.KeepEvent(told):
                connection.execute(_KEEP_EVENT, (told.call, told.event, told.key, told.at_s))
            case index.DropEvent(event):
                connection.execute(_DROP_EVENT, (event,))


# Reading --------------------------------------------------------------------------------------------------------------


def due_runs(
    connection: sqlite3.Connection, after: tuple[float, str], until_s: float, limit: int
) -> list[tuple[float, str]]:
    """Due time and id of the next runs that are due by then, in order."""
    query = "SELECT due_at, run FROM runs WHERE (due_at, run) > (?, ?) AND due_at <= ? ORDER BY due_at, run LIMIT ?"
    return connection.execute(query, (*after, until_s, limit)).fetchall()


def next_due_s(connection: sqlite3.Connection, after_s: float) -> float | None:
    """When the first run is due after that."""
    row = connection.execute("SELECT min(due_at) FROM runs WHERE due_at > ?", (after_s,)).fetchone()
    return cast("float | None", row[0])


def waiting_runs(connection: sqlite3.Connection, subject: str) -> tuple[str, ...]:
    """Who waits for this, the longest first."""
    query = "SELECT run FROM runs WHERE subject = ? AND subject != '' ORDER BY since, run"
    return tuple(row[0] for row in connection.execute(query, (subject,)))


def kept_events(connection: sqlite3.Connection) -> list[str]:
    """Ids of the events that nobody has heard, in order."""
    return [row[0] for row in connection.execute("SELECT id FROM events WHERE kept ORDER BY at, id")]


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run as the index has it. Times are seconds since the epoch."""

    id: str
    flow: str
    key: str
    parent: str
    began_at: float
    since: float
    due_at: float | None
    subject: str
    ended_at: float | None
    ending: str

    @property
    def state(self) -> str:
        """at_work, waiting, or how it ended."""
        return self.ending or ("waiting" if self.subject or self.due_at != index.AT_WORK_S else "at_work")

    @property
    def waits_for(self) -> str:
        """event NAME KEY, run ID, call ID or time; empty where it does not wait."""
        return self.subject or ("time" if self.state == "waiting" else "")

    def told(self) -> dict[str, object]:
        """As programs read it: `docs/reference/commands.md` has the fields."""
        return {
            "id": self.id, "flow": self.flow, "key": self.key, "parent": self.parent, "state": self.state,
            "waits_for": self.waits_for, "since": self.since, "until": self.due_at or None,
            "began_at": self.began_at, "ended_at": self.ended_at,
        }  # fmt: skip


def run_lines(connection: sqlite3.Connection, *, ended: int, prefix: str = "") -> list[RunLine]:
    """Every run that has not ended, and the `ended` last of those that have, in the order of their beginning."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone() is None:
        return []  # a journal that is older than runs are
    columns = "run, flow, key, parent, began_at, since, due_at, subject, ended_at, ending"
    if prefix:
        rows = connection.execute(
            f"SELECT {columns} FROM runs WHERE run >= ? AND run < ? ORDER BY run LIMIT 20", (prefix, prefix + "\x7f")
        ).fetchall()
        return [RunLine(*row) for row in rows]
    rows = connection.execute(f"SELECT {columns} FROM runs WHERE ended_at IS NULL").fetchall()
    rows += connection.execute(
        f"SELECT {columns} FROM runs WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT ?", (ended,)
    ).fetchall()
    return sorted((RunLine(*row) for row in rows), key=lambda line: (line.began_at, line.id))
