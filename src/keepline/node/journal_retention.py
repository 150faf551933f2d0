"""What the journal lets go of: the words of what ended long ago (calls, runs, events), and then the lines that only
said they were.

In small pieces, each a transaction of the writing thread while nothing waits to be written, so that no call waits for
one. First a call's facts lose their words and their salts: their digests stay in the tree, and say nothing any more.
Once a whole block of facts is erased its rows go, and its subtree's root stands for them; roots of neighbours become
one. So the tree stands, and `keepline verify` proves what is left. Source: RFC 6962 §2.1 (complete subtrees).
"""

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from keepline.model.limits import JOURNAL_BLOCK_FACTS, JOURNAL_PIECE_FACTS_MAX
from keepline.node.journal_schema import RETENTION_TABLES
from keepline.proof.entry import entry_of
from keepline.proof.merkle import leaf_hash, node_hash, root_of

DAY_S: Final = 86_400.0
LOOK_EVERY_S: Final = 60.0
"""When nothing is old enough; and after a disk that took nothing."""
PAUSE_S_MIN: Final = 0.005
PAUSE_FACTOR: Final = 9.0
"""The pause after a piece, by how long that took: at most a tenth of the thread's time goes into this."""
_OLD: Final = """SELECT call FROM calls WHERE ended_at < ?
  AND NOT EXISTS (SELECT 1 FROM work WHERE work.call = calls.call AND closed_at IS NULL) ORDER BY ended_at LIMIT 1"""
_OLD_RUN: Final = """SELECT run FROM runs WHERE ended_at < ?
  AND NOT EXISTS (SELECT 1 FROM work WHERE work.call = runs.run AND closed_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM runs AS above WHERE above.run = runs.parent AND above.ended_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.call = runs.parent AND calls.ended_at IS NULL)
  ORDER BY ended_at LIMIT 1"""
"""Who started it may still ask what came of it."""
_OLD_EVENT: Final = "SELECT id FROM events WHERE NOT kept AND at < ? ORDER BY at LIMIT 1"
log = structlog.get_logger("calls")


class Retention:
    """The pieces of one journal, for the thread that writes it."""

    __slots__ = ("_due_at_s", "_has_tables", "_keep_s", "_now_s", "_waits")

    def __init__(self, now_s: Callable[[], float], waits: threading.Condition) -> None:
        """`now_s` is the time of day; the thread waits for `waits`. Nothing is let go of until `keep` is called."""
        self._now_s = now_s
        self._waits = waits
        self._keep_s: float | None = None
        self._due_at_s = 0.0
        self._has_tables = False

    def keep(self, days: float | None) -> None:
        """Let go of calls that ended longer ago; None keeps all. For another thread than that which writes."""
        with self._waits:
            self._keep_s = None if days is None else days * DAY_S
            self._waits.notify()

    def wait_s(self, patience_s: float | None) -> float | None:
        """How long to wait for something to write, at most `patience_s`, before a piece is due."""
        if self._keep_s is None:
            return patience_s
        left_s = max(0.0, self._due_at_s - time.monotonic())
        return left_s if patience_s is None else min(left_s, patience_s)

    def work(self, connection: sqlite3.Connection, signed: int) -> bool:
        """Do one piece, if one is due; whether something was written. `signed` facts have a checkpoint.

        Never raises what the disk does: there is no hurry.
        """
        began_s = time.monotonic()
        if self._keep_s is None or began_s < self._due_at_s:
            return False
        try:
            self._prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            before_s = self._now_s() - self._keep_s
            did = join_block(connection, signed) or any(erase(connection, before_s) for erase in ERASERS)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            did = False
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            log.warning("retention_failed", what=str(error), meaning=f"tried again in {LOOK_EVERY_S:g} s")
        ended_s = time.monotonic()
        pause_s = max(PAUSE_S_MIN, PAUSE_FACTOR * (ended_s - began_s)) if did else LOOK_EVERY_S
        self._due_at_s = ended_s + pause_s
        return did

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if not self._has_tables:
            connection.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten in the file
            connection.executescript(RETENTION_TABLES)  # a supervisor of before an upgrade has not made them
            self._has_tables = True


def erase_some(connection: sqlite3.Connection, before_s: float) -> bool:
    """Erase facts of the call that ended first, within a transaction; False where none ended before that time.

    The last facts go first: what is left of a call that is half erased still begins with its beginning.
    """
    row = connection.execute(_OLD, (before_s,)).fetchone()
    if row is None:
        return False
    if _erase_facts(connection, row[0], JOURNAL_PIECE_FACTS_MAX) < JOURNAL_PIECE_FACTS_MAX:
        connection.execute("DELETE FROM calls WHERE call = ?", row)
        connection.execute("DELETE FROM work WHERE call = ?", row)
    return True


def erase_run(connection: sqlite3.Connection, before_s: float) -> bool:
    """Erase the run that ended first, within a transaction; False where none ended before that time.

    In one go, however many facts it has: half of them could be taken for a run that has not ended.
    """
    row = connection.execute(_OLD_RUN, (before_s,)).fetchone()
    if row is None:
        return False
    _erase_facts(connection, row[0], -1)
    connection.execute("DELETE FROM runs WHERE run = ?", row)
    connection.execute("DELETE FROM work WHERE call = ?", row)
    return True


def erase_event(connection: sqlite3.Connection, before_s: float) -> bool:
    """Erase an event that was told before that time, and heard or forgotten since; False where there is none."""
    row = connection.execute(_OLD_EVENT, (before_s,)).fetchone()
    if row is None:
        return False
    _erase_facts(connection, row[0], -1)
    connection.execute("DELETE FROM events WHERE id = ?", row)
    return True


ERASERS: Final = (erase_some, erase_run, erase_event)


def _erase_facts(connection: sqlite3.Connection, call: str, most: int) -> int:
    """Empty the last facts of a call, run or event, `most` of them or all (-1); how many."""
    found = connection.execute(
        "SELECT seq FROM facts WHERE call = ? AND body != x'' ORDER BY seq DESC LIMIT ?", (call, most)
    ).fetchall()
    connection.executemany("UPDATE facts SET body = x'', salt = x'' WHERE seq = ?", found)
    blocks = Counter((seq - 1) // JOURNAL_BLOCK_FACTS for (seq,) in found)
    connection.executemany(
        "INSERT INTO erased (block, facts) VALUES (?, ?) ON CONFLICT DO UPDATE SET facts = facts + excluded.facts",
        blocks.items(),
    )
    return len(found)


def join_block(connection: sqlite3.Connection, signed: int) -> bool:
    """Let a subtree's root stand for a block that is all erased, within a transaction; False where there is none.

    A checkpoint must come after the block: the tree goes on from there.
    """
    row = connection.execute(
        "SELECT block FROM erased WHERE facts = ? AND (block + 1) * ? < ? ORDER BY block LIMIT 1",
        (JOURNAL_BLOCK_FACTS, JOURNAL_BLOCK_FACTS, signed),
    ).fetchone()
    if row is None:
        return False
    first, facts = row[0] * JOURNAL_BLOCK_FACTS + 1, JOURNAL_BLOCK_FACTS
    rows = connection.execute(
        "SELECT seq, kind, call, digest FROM facts WHERE seq BETWEEN ? AND ? AND body = x'' ORDER BY seq",
        (first, first + facts - 1),
    ).fetchall()
    connection.execute("DELETE FROM erased WHERE block = ?", row)
    if len(rows) < facts:  # somebody else has been at it: it stays as it is, for `keepline verify` to tell
        return True
    root = root_of(leaf_hash(entry_of(*each)) for each in rows)
    connection.execute("DELETE FROM facts WHERE seq BETWEEN ? AND ?", (first, first + facts - 1))
    while (beside := _neighbour(connection, first, facts)) is not None:
        is_left, other = beside
        root = node_hash(other, root) if is_left else node_hash(root, other)
        first, facts = first - facts if is_left else first, 2 * facts
    connection.execute("INSERT INTO segments (first, facts, root) VALUES (?, ?, ?)", (first, facts, root))
    # Nothing can be compared with what was signed in the midst of it.
    connection.execute("DELETE FROM checkpoints WHERE size >= ? AND size < ?", (first, first + facts - 1))
    return True


def _neighbour(connection: sqlite3.Connection, first: int, facts: int) -> tuple[bool, bytes] | None:
    """Take out the segment that is the other half of the next larger subtree: whether it is the left one, its root."""
    is_left = (first - 1) // facts % 2 == 1
    wanted = (first - facts if is_left else first + facts, facts)
    row = connection.execute("SELECT root FROM segments WHERE first = ? AND facts = ?", wanted).fetchone()
    if row is None:
        return None
    connection.execute("DELETE FROM segments WHERE first = ?", wanted[:1])
    return is_left, row[0]
