"""The journal: an append-only log of facts in SQLite (WAL), committed in groups by a thread of its own.

Two levels of saved. *Written*: committed, so it survives the death of this process (the bytes are the kernel's).
*Synced*: flushed by fdatasync, so it survives a power cut. Everything is synced within `SYNC_EVERY_S`; who needs it
sooner says so. It refuses to write for an epoch that is over.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepline.call.facts import CallBegun, CallEnded, Fact
from keepline.model.limits import JOURNAL_QUEUE_FACTS_MAX, JOURNAL_WAL_BYTES_MAX, JOURNAL_WRITE_S_MAX
from keepline.node.journal_file import FILE_NAME, EpochOver, JournalFailed, connect, create, decode
from keepline.node.journal_index import note_facts
from keepline.node.journal_late import JournalFigures, Lateness
from keepline.node.journal_log import CHECKPOINT_EVERY_S, INSERT_CHECKPOINT, INSERT_FACTS, JournalLog
from keepline.node.journal_rescue import note_damage
from keepline.node.journal_retention import Retention
from keepline.node.journal_schema import next_epoch, sync_directory
from keepline.node.journal_tail import Tail
from keepline.node.journal_wal import fold
from keepline.proof.key import log_key
from keepline.succession.epochs import is_over

__all__ = [
    "FILE_NAME", "EpochOver", "Journal", "JournalFailed", "JournalFigures", "Tail", "Written", "connect", "create",
    "decode", "next_epoch",
]  # fmt: skip

SYNC_EVERY_S: Final = 0.02
WRITE_EVERY_S: Final = 0.003
"""Between the beginnings of two transactions: what is submitted meanwhile shares the cost of the second one."""
WRITE_BUSY_TIMEOUT_S: Final = 1.0
"""How long a commit waits for another writer; every call waits with it."""
FOLD_BUSY_TIMEOUT_S: Final = 0.05
"""How long folding the WAL waits for readers: the writer waits with it."""
RETRY_EVERY_S: Final = 0.5
SLOW_FLUSH_S: Final = 1.0
"""A disk whose flushes take so long is said to be slow."""
SLOW_FOLD_FACTOR: Final = 16
"""On a slow disk the WAL may be so much larger before it is folded, which holds up the writer for two flushes."""
RETRY_FACTS: Final = 500
"""Tried at once while the disk is in trouble."""


@dataclass(frozen=True, slots=True)
class Written:
    """A group is committed; or it is not, and why."""

    group: int
    """0 where no group is meant: the journal fell into trouble, or is well again."""
    error: str = ""
    synced: bool = False
    """It is flushed as well: told of groups that asked for it, after they were told of as written."""


@dataclass(frozen=True, slots=True)
class _Group:
    number: int
    facts: Sequence[Fact]
    synced: bool
    at_s: float
    """Of the monotonic clock, when it was submitted."""


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
        self._late = Lateness()
        self.retention = Retention(now_s, self._condition)
        self._busy_at_s = 0.0
        self._lost: list[Fact] = []
        """There was no room for them; the writing thread counts them."""
        self._unwritten: list[Fact] = []
        self._write_error = ""
        self._retry_at_s = 0.0
        self._sync_error = ""
        self._flush_began_s = self._flushed_in_s = 0.0
        self._closed = False
        self._ending = threading.Event()
        self._dirty = threading.Event()
        self._hurry = threading.Event()
        self._fold = threading.Event()
        self._groups = 0
        self._held: list[int] = []
        """Groups that are written and to be told of when they are synced."""
        self._held_lock = threading.Lock()
        self._connection = connect(path)
        self._set_patience(WRITE_BUSY_TIMEOUT_S)
        row = self._connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()
        self._next_seq = int(row[0]) + 1
        self._log = JournalLog(self._connection, log_key(path.parent))
        self._wal_fd = -1
        self._has_synced_directory = False
        self._folding = connect(path)
        self._folding.execute(f"PRAGMA busy_timeout={int(FOLD_BUSY_TIMEOUT_S * 1000)}")
        self._threads = [
            threading.Thread(target=self._write_loop, name="journal-write", daemon=True),
            threading.Thread(target=self._sync_loop, name="journal-sync", daemon=True),
            threading.Thread(target=self._fold_loop, name="journal-fold", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def trouble(self) -> str:
        """What is wrong with the journal now; empty while all is well. A change is told of by `Written`."""
        slow = f"the disk is slow: a flush takes {SLOW_FLUSH_S:g} s and more" if self._is_slow else ""
        return self.failure or slow

    @property
    def failure(self) -> str:
        """What keeps facts from being written, or synced; empty where it only takes long."""
        return self._write_error or self._sync_error

    @property
    def figures(self) -> JournalFigures:
        """For who looks after the node."""
        return JournalFigures(self._queued_facts if self.trouble else 0, self.lost, round(self._flush_s, 1))

    @property
    def _flush_s(self) -> float:
        began_s = self._flush_began_s
        return max(self._flushed_in_s, time.monotonic() - began_s) if began_s else self._flushed_in_s

    @property
    def _is_slow(self) -> bool:
        return self._flush_s >= SLOW_FLUSH_S

    @property
    def backlog(self) -> int:
        """Facts that are not written yet."""
        return self._queued_facts

    @property
    def lost(self) -> int:
        """Facts that there was no room for, since the process began."""
        return self._late.lost + len(self._lost)

    def submit(self, facts: Sequence[Fact], *, synced: bool = False) -> int:
        """Queue a group for one transaction; returns its number. `synced` reports it only once it is flushed.

        Raises `JournalFailed` when it is closed, or more is queued than the limit: the disk does not keep up.
        """
        with self._condition:
            if self._closed:
                raise JournalFailed("the journal is closed")
            if self._queued_facts + len(facts) > JOURNAL_QUEUE_FACTS_MAX:
                self._lost += facts
                raise JournalFailed(f"more than {JOURNAL_QUEUE_FACTS_MAX} facts wait for the disk")
            self._groups += 1
            self._queue.append(_Group(self._groups, facts, synced, time.monotonic()))
            self._queued_facts += len(facts)
            self._condition.notify()
            return self._groups

    def close(self) -> None:
        """Write and sync what is queued, and end the threads."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._threads[0].join()
        self._ending.set()
        self._dirty.set()
        self._hurry.set()
        self._threads[1].join()
        self._fold.set()
        self._threads[2].join()
        if self._wal_fd >= 0:
            os.close(self._wal_fd)
        self._folding.close()
        self._connection.close()

    # Written --------------------------------------------------------------------------------------------------------

    def _write_loop(self) -> None:
        began_s = 0.0
        while True:
            with self._condition:
                if not self._queue and not self._closed:
                    self._condition.wait(self.retention.wait_s(self._patience_s()))
            time.sleep(max(0.0, min(WRITE_EVERY_S, began_s + WRITE_EVERY_S - time.monotonic())))
            began_s = time.monotonic()
            with self._condition:
                groups, self._queue = self._queue, []
                lost, self._lost = self._lost, []
                closed = self._closed
            had_trouble = self._write_error
            self._late.note_lost(lost)
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
                self._dirty.set()

    def _patience_s(self) -> float | None:
        """How long to wait for a group before there is something else to do."""
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
            self._tell(Written(group.number, error))
        to_sync = [] if error else [group.number for group in groups if group.synced]
        with self._held_lock:
            self._held += to_sync
        self._dirty.set()
        if to_sync:
            self._hurry.set()

    def _commit(self, facts: Sequence[Fact], *, sign: bool = False) -> None:
        draft = self._log.draft(self._next_seq, facts, sign=sign)
        begun = [(fact.call,) for fact in facts if isinstance(fact, CallBegun)]
        ended = [(fact.at_s, fact.call) for fact in facts if isinstance(fact, CallEnded)]
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
            if is_over(self._epoch, epoch):
                raise EpochOver(f"epoch {epoch} has begun; this process is of epoch {self._epoch}")
            if epoch < self._epoch:  # it began while the disk took nothing
                connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (self._epoch,))
            connection.executemany(INSERT_FACTS, draft.rows)
            if begun:
                connection.executemany("INSERT OR IGNORE INTO calls (call) VALUES (?)", begun)
            if ended:
                connection.executemany("UPDATE calls SET ended_at = ? WHERE call = ?", ended)
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

    def _sync_loop(self) -> None:
        while True:
            self._dirty.wait()
            if not self._closed:
                self._hurry.wait(SYNC_EVERY_S / 2)
            is_last = self._ending.is_set()  # looked at first: then nothing can come after what is held now
            self._hurry.clear()
            self._dirty.clear()
            with self._held_lock:
                count = len(self._held)
            had_trouble = self._sync_error
            self._flush_began_s = time.monotonic()
            self._sync()
            self._flushed_in_s, self._flush_began_s = time.monotonic() - self._flush_began_s, 0.0
            self._release(count, self._sync_error)
            if self._sync_error != had_trouble:
                self._tell_trouble()
            if is_last:
                return
            wal_bytes_max = JOURNAL_WAL_BYTES_MAX * (SLOW_FOLD_FACTOR if self._is_slow else 1)
            if self._sync_error or self._wal_bytes() > wal_bytes_max:
                self._fold.set()

    def _sync(self) -> None:
        """Flush the WAL. After a failure nothing counts as flushed until all of it is in the database proper.

        The kernel reports a failed flush once and then forgets which pages it has lost.
        """
        if self._sync_error:
            return
        try:
            if not self._has_synced_directory:
                if self._wal_fd < 0:
                    # The writing connection keeps it from being deleted or replaced: only the last one to close does.
                    wal = self._path.with_name(self._path.name + "-wal")
                    self._wal_fd = os.open(wal, os.O_RDONLY | os.O_CLOEXEC)
                sync_directory(self._path.parent)
                self._has_synced_directory = True
            os.fdatasync(self._wal_fd)
            if os.fstat(self._wal_fd).st_nlink == 0:
                self._sync_error = f"{self._path}-wal was deleted while in use"
        except OSError as problem:
            self._sync_error = f"fdatasync: {problem}"

    def _wal_bytes(self) -> int:
        return os.fstat(self._wal_fd).st_size if self._wal_fd >= 0 else 0

    def _release(self, count: int, error: str) -> None:
        """Tell of the first `count` groups that wait for the sync."""
        with self._held_lock:
            released, self._held = self._held[:count], self._held[count:]
        for number in released:
            self._tell(Written(number, error, synced=True))

    def _tell_trouble(self) -> None:
        self._tell(Written(0, self.trouble))

    # The WAL is folded into the database ----------------------------------------------------------------------------

    def _fold_loop(self) -> None:
        while True:
            self._fold.wait()
            self._fold.clear()
            if self._ending.is_set():
                return
            if self._fold_now():
                if self._sync_error:
                    self._sync_error = ""
                    self._tell_trouble()
            else:
                self._ending.wait(RETRY_EVERY_S)
                if self._sync_error:
                    self._fold.set()

    def _fold_now(self) -> bool:
        """Empty the WAL; False where a reader or the disk is in the way, or where its file is no more."""
        try:
            if self._wal_fd >= 0 and not os.fstat(self._wal_fd).st_nlink:
                return False
            return fold(self._folding, self._path, was_lost=bool(self._sync_error))
        except (sqlite3.Error, OSError):
            return False
