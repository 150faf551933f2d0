"""What the journal keeps of unfinished uses and of the work list: a row an item, so that open ones are found at once.

The rows follow from the facts and are committed with them; they hold nothing that is nowhere else.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact, WorkFact
from keepline.call.facts.work import WORK_TYPES, UseResolved, WorkClosed
from keepline.call.unfinished.book import BEGINNINGS, WorkItem
from keepline.flow.capabilities import Reply, read_outcome
from keepline.node.journal_file import connect, decode

_KINDS: Final = tuple(kind.kind for kind in WORK_TYPES)
_MARKS: Final = ", ".join("?" * len(_KINDS))


def note_work(connection: sqlite3.Connection, facts: Iterable[Fact]) -> None:
    """Keep the rows of these facts, within the transaction that writes them."""
    for fact in facts:
        if isinstance(fact, BEGINNINGS):
            connection.execute("INSERT OR IGNORE INTO work (item, call) VALUES (?, ?)", (fact.item, fact.call))
        elif isinstance(fact, WorkClosed) or (isinstance(fact, UseResolved) and is_done(fact)):
            connection.execute("UPDATE work SET closed_at = ? WHERE item = ?", (fact.at_s, fact.item))


def is_done(fact: UseResolved) -> bool:
    """Whether a doubt ended well: what was not done after all is still a person's, who has to say so."""
    return isinstance(read_outcome(fact.outcome), Reply)


def open_work(path: Path, last_seq: int) -> list[Fact]:
    """The facts of every item that is open, in order, up to a position. Reads as much as it returns."""
    connection = connect(path)
    try:
        return [
            fact for _, fact in _facts(connection, "SELECT DISTINCT call FROM work WHERE closed_at IS NULL", last_seq)
        ]
    finally:
        connection.close()


def work_items(connection: sqlite3.Connection, *, with_closed: bool) -> list[WorkItem]:
    """The items, the oldest first; of a journal that was never opened by a version with a work list, none."""
    where = "" if with_closed else "WHERE closed_at IS NULL"
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'work'").fetchone():
        return []
    names = {row[0] for row in connection.execute(f"SELECT item FROM work {where}")}
    last_seq = int(connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()[0])
    items: dict[str, WorkItem] = {}
    for _, fact in _facts(connection, f"SELECT DISTINCT call FROM work {where}", last_seq):
        if not isinstance(fact, WorkFact) or fact.item not in names:
            continue
        if fact.item in items:
            items[fact.item].apply(fact)
        elif isinstance(fact, BEGINNINGS):
            items[fact.item] = WorkItem(fact)
    return list(items.values())


def _facts(connection: sqlite3.Connection, calls: str, last_seq: int) -> Sequence[tuple[int, Fact]]:
    query = (
        f"SELECT seq, kind, body FROM facts WHERE call IN ({calls}) AND kind IN ({_MARKS}) AND seq <= ? ORDER BY seq"
    )
    return [(seq, decode(kind, body)) for seq, kind, body in connection.execute(query, (*_KINDS, last_seq))]
