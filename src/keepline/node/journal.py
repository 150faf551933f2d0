"""The journal: an append-only log of facts in SQLite (WAL), committed in groups by a thread of its own.

Two levels of saved. *Written*: committed, so it survives the death of this process (the bytes are the kernel's).
*Synced*: flushed by fdatasync, so it survives a power cut. Everything is synced soon (`journal_sync`); who
needs it at once says so. It refuses to write for an epoch that is over.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact
from keepline.model.limits import JOURNAL_QUEUE_FACTS_MAX, JOURNAL_WRITE_S_MAX
from keepline.node.journal_file import FILE_NAME, EpochOver, JournalFailed, connect, create, decode
from keepline.node.journal_index import note_facts
from keepline.node.journal_late import JournalFigures, Lateness
from keepline.node.journal_log import CHECKPOINT_EVERY_S, INSERT_CHECKPOINT, JournalLog, insert_facts
from keepline.node.journal_rescue import note_damage
from keepline.node.journal_retention import Retention
from keepline.node.journal_schema import next_epoch
from keepline.node.journal_sync import SLOW_FLUSH_S, Syncing, Written
from keepline.node.journal_tail import Tail
from keepline.proof.key import log_key
from keepline.succession.epochs import is_over

__all__ = [
    "FILE_NAME", "EpochOver", "Journal", "JournalFailed", "JournalFigures", "Tail", "Written", "connect", "create",
    "decode", "next_epoch",
]  # fmt: skip

WRITE_EVERY_S: Final = 0.003
"""Between the beginnings of two transactions: what is submitted meanwhile shares the cost of the second one. What is to
be synced waits no longer than the flush before it takes."""
GROW_AFTER_S: Final = 0.0001
"""By then what was written is being flushed, and this process has nothing else to do."""
WRITE_BUSY_TIMEOUT_S: Final = 1.0
"""How long a commit waits for another writer; every call waits with it."""
RETRY_EVERY_S: Final = 0.5
RETRY_FACTS: Final = 500
"""Tried at once while the disk is in trouble."""


@dataclass(frozen=True, slots=True)
class _Group:
    number: int
    facts: Sequence[Fact]
    synced: bool
    at_s: float
    """Of the monotonic clock, when it was submitted."""
    quiet: bool


class Journal:
    """The writing end, for the one active process. Groups are written in order, each batch in one transaction.

    What the disk does not take is kept, tried again and written before anything newer, so that the journal has no
    holes in its middle; the groups concerned are told of the error at once, and calls need not wait for the disk.
    Facts that were written late are followed by one that says so (`JournalGap`).
    """

    def __init__(
        self, path: Path, epoch: int, tell: Callable[[Written], None], now_s: Callable[[], float] = time.time
    ) -> None:
        """`tell` is called from the journal's threads: of each group in order, and of those to be synced once more."""
        self._now_s = now_s
        self._path = path
        self._epoch = epoch
        self._tell = tell
        self._condition = threading.Condition()
        self._queue: list[_Group] = []
        self._queued_facts = 0
        self._is_idle = self._is_hurried = False
        """The writing thread waits for whatever comes; a group that waits is to be synced."""
        self._late = Lateness()
        self.retention = Retention(now_s, self._condition)
        self._busy_at_s = 0.0
        self._lost: list[Fact] = []
        """There was no room for them; the writing thread counts them."""
        self._unwritten: list[Fact] = []
        self._write_error = ""
        self._retry_at_s = 0.0
        self._closed = False
        self._groups = 0
        self._connection = connect(path)
        self._set_patience(WRITE_BUSY_TIMEOUT_S)
        row = self._connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()
        self._next_seq = int(row[0]) + 1
        self._log = JournalLog(self._connection, log_key(path.parent))
        self._syncing = Syncing(path, tell, self._tell_trouble, self._on_flushed)
        self._thread = threading.Thread(target=self._write_loop, name="journal-write", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """What is wrong with the journal now; empty while all is well. A change is told of by `Written`."""
        slow = f"the disk is slow: a flush takes {SLOW_FLUSH_S:g} s and more" if self._syncing.is_slow else ""
        return self.failure or slow

    @property
    def failure(self) -> str:
        """What keeps facts from being written, or synced; empty where it only takes long."""
        return self._write_error or self._syncing.error

    @property
    def figures(self) -> JournalFigures:
        """For who looks after the node."""
        return JournalFigures(self._queued_facts if self.trouble else 0, self.lost, round(self._syncing.flush_s, 1))

    @property
    def backlog(self) -> int:
        """Facts that are not written yet."""
        return self._queued_facts

    @property
    def lost(self) -> int:
        """Facts that there was no room for, since the process began."""
        return self._late.lost + len(self._lost)

    def submit(self, facts: Sequence[Fact], *, synced: bool = False, quiet: bool = False) -> int:
        """Queue a group for one transaction; returns its number. `synced` has it flushed, and told of once more then.

        `quiet`: it is not told of as written, but only when that failed, or when it is synced.
        Raises `JournalFailed` when it is closed, or more is queued than the limit: the disk does not keep up.
        """
        with self._condition:
            if self._closed:
                raise JournalFailed("the journal is closed")
            if self._queued_facts + len(facts) > JOURNAL_QUEUE_FACTS_MAX:
                self._lost += facts
                raise JournalFailed(f"more than {JOURNAL_QUEUE_FACTS_MAX} facts wait for the disk")
            self._groups += 1
            self._queue.append(_Group(self._groups, facts, synced, time.monotonic(), quiet))
            self._queued_facts += len(facts)
            self._is_hurried |= synced
            if self._is_idle or (synced and not self._syncing.is_busy):
                self._condition.notify()
            return self._groups

    def close(self) -> None:
        """Write and sync what is queued, and end the threads."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._thread.join()
        self._syncing.close()
        self._connection.close()

    # Written --------------------------------------------------------------------------------------------------------

    def _write_loop(self) -> None:
        began_s = 0.0
        while True:
            with self._condition:
                self._await_groups(began_s)
                groups, self._queue, self._is_hurried = self._queue, [], False
                lost, self._lost = self._lost, []
                closed = self._closed
            self._late.note_lost(lost)
            if self._log.is_behind and not (groups or closed):
                self._log.grow()
                continue
            began_s, had_trouble = time.monotonic(), self._write_error
            self._unwritten += [fact for group in groups for fact in group.facts]
            waiting = len(self._unwritten)
            self._write(hurry=closed)
            now_s = time.monotonic()
            self._busy_at_s = now_s if groups else self._busy_at_s
            if closed or now_s > self._busy_at_s + CHECKPOINT_EVERY_S * 0.9:
                self._sign()
            with self._condition:
                self._queued_facts -= waiting - len(self._unwritten)
            self._report(groups, self._write_error)
            if had_trouble and not self._write_error:
                self._tell_trouble()
            if closed and not groups:
                return
            if not (closed or self._queue or self.failure) and self.retention.work(self._connection, self._log.signed):
                self._syncing.committed()

    def _await_groups(self, began_s: float) -> None:
        """Until there is something to write, and it is time: at once for what the next flush should take along."""
        if not self._queue and not self._closed:
            self._is_idle = True
            self._condition.wait(self.retention.wait_s(self._patience_s()))
            self._is_idle = False
        until_s = began_s + WRITE_EVERY_S
        while not self._closed and (self._syncing.is_busy or not self._is_hurried):
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            self._condition.wait(min(left_s, WRITE_EVERY_S))

    def _patience_s(self) -> float | None:
        """How long to wait for a group before there is something else to do."""
        if self._log.is_behind:
            return GROW_AFTER_S
        if self._unwritten or self._late:
            return RETRY_EVERY_S
        return CHECKPOINT_EVERY_S if self._log.has_unsigned else None

    def _sign(self) -> None:
        """Nothing more comes for now: sign what came last."""
        if self._log.has_unsigned and not self._unwritten and not self._write_error:
            with contextlib.suppress(sqlite3.Error, EpochOver):  # the next checkpoint covers it too
                self._commit((), sign=True)

    def _write(self, *, hurry: bool) -> None:
        """Commit all that is unwritten. While the disk is in trouble only a little of it is tried, now and then."""
        failing = bool(self._write_error)
        if not (self._unwritten or self._late) or (failing and not hurry and time.monotonic() < self._retry_at_s):
            return
        try:
            while self._unwritten or self._late:
                chunk = self._unwritten[:RETRY_FACTS] if failing else self._unwritten
                is_last = len(chunk) == len(self._unwritten)
                self._commit([*chunk, *self._late.gaps(self._now_s())] if is_last and self._late else chunk)
                self._unwritten = self._unwritten[len(chunk) :]
                if is_last:
                    self._late.clear()
            if failing:
                self._set_patience(WRITE_BUSY_TIMEOUT_S)
                self._write_error = ""
        except EpochOver as over:
            self._unwritten = []
            self._write_error = f"EpochOver: {over}"
        except Exception as problem:  # whatever it is, those who wait must hear of it
            self._write_error = f"{type(problem).__name__}: {problem}"
            self._retry_at_s = time.monotonic() + RETRY_EVERY_S
            if not failing:
                note_damage(self._path, problem)
                self._set_patience(0.0)

    def _set_patience(self, busy_timeout_s: float) -> None:
        self._connection.execute(f"PRAGMA busy_timeout={int(busy_timeout_s * 1000)}")

    def _report(self, groups: "list[_Group]", error: str) -> None:
        """Tell of the groups in order, and have those synced that are to be."""
        slow_since_s = time.monotonic() - JOURNAL_WRITE_S_MAX
        for group in groups:
            if error or group.at_s < slow_since_s:  # calls have gone on without it
                self._late.note(group.facts)
            if error or not group.quiet:
                self._tell(Written(group.number, error))
        self._syncing.committed([] if error else [group.number for group in groups if group.synced])

    def _commit(self, facts: Sequence[Fact], *, sign: bool = False) -> None:
        draft = self._log.draft(self._next_seq, facts, sign=sign)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
            if is_over(self._epoch, epoch):
                raise EpochOver(f"epoch {epoch} has begun; this process is of epoch {self._epoch}")
            if epoch < self._epoch:  # it began while the disk took nothing
                connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (self._epoch,))
            insert_facts(connection, draft.rows)
            note_facts(connection, facts)
            if draft.checkpoint is not None:
                connection.execute(INSERT_CHECKPOINT, draft.checkpoint)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._log.accept(draft)
        self._next_seq += len(draft.rows)

    # Synced ---------------------------------------------------------------------------------------------------------

    def _on_flushed(self) -> None:
        """What the next flush should take along is committed at once."""
        with self._condition:
            if self._is_hurried:
                self._condition.notify()

    def _tell_trouble(self) -> None:
        self._tell(Written(0, self.trouble))
