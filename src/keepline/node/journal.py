"""The journal: an append-only log of facts in SQLite (WAL), committed in groups by a thread of its own.

Two levels of saved. *Written*: committed, so it survives the death of this process (the bytes are the kernel's).
*Synced*: flushed by fdatasync, so it survives a power cut. Everything is synced within `SYNC_EVERY_S`; who needs it
sooner says so. It refuses to write for an epoch that is over.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from keepline.call.facts import FACT_TYPES, CallEnded, CallReceived, Fact
from keepline.model.errors import KeeplineError, LocalError
from keepline.model.limits import JOURNAL_QUEUE_FACTS_MAX, JOURNAL_WAL_BYTES_MAX

SYNC_EVERY_S: Final = 0.02
BUSY_TIMEOUT_S: Final = 10.0
FILE_NAME: Final = "journal.db"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (seq INTEGER PRIMARY KEY, call TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS facts_by_call ON facts (call);
CREATE TABLE IF NOT EXISTS calls (call TEXT PRIMARY KEY, ended_at REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_by_end ON calls (ended_at);
INSERT OR IGNORE INTO meta VALUES ('epoch', 0);
"""
_DECODERS: Final = {kind.kind: msgspec.json.Decoder(kind) for kind in FACT_TYPES}
_encode = msgspec.json.Encoder().encode


class EpochOver(KeeplineError):
    """Another process has taken over: this one must not write any more."""


class JournalFailed(KeeplineError):
    """The journal cannot be written; the text says what the disk said."""


@dataclass(frozen=True, slots=True)
class Written:
    """A group is committed."""

    group: int
    error: str = ""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the journal, in WAL mode; `read_only` never creates it."""
    if read_only:
        uri = f"file:{path.absolute().as_posix().replace('?', '%3f').replace('#', '%23')}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    # NORMAL syncs at checkpoints only; commits are synced by our own fdatasync of the WAL.
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    return connection


def create(data: Path) -> Path:
    """Make sure the journal exists with its tables; returns its path."""
    path = data / FILE_NAME
    connection = connect(path)
    try:
        connection.executescript(_SCHEMA)
    finally:
        connection.close()
    return path


def decode(kind: str, body: bytes) -> Fact:
    """One stored fact. Raises `LocalError` for a kind this version does not know."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise LocalError(f"the journal holds a fact of kind {kind!r}, which this version does not know")
    return decoder.decode(body)


def next_epoch(path: Path) -> int:
    """Begin an epoch: whoever wrote before may write no more."""
    connection = connect(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'epoch'")
        epoch = int(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
        connection.execute("COMMIT")
    finally:
        connection.close()
    return epoch


class Journal:
    """The writing end, for the one active process. Groups are written in order, each in one transaction."""

    def __init__(self, path: Path, epoch: int, tell: Callable[[Written], None]) -> None:
        """`tell` is called from the journal's threads for each group, in order."""
        self._path = path
        self._epoch = epoch
        self._tell = tell
        self._condition = threading.Condition()
        self._queue: list[tuple[int, Sequence[Fact], bool]] = []
        self._queued_facts = 0
        self._closed = False
        self._dirty = threading.Event()
        self._hurry = threading.Event()
        self._checkpoint = threading.Event()
        self._groups = 0
        self._awaiting_sync: list[int] = []
        self._sync_lock = threading.Lock()
        self._connection = connect(path)
        row = self._connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()
        self._next_seq = int(row[0]) + 1
        self._connection.execute("BEGIN IMMEDIATE")  # makes the WAL file exist before it is opened for syncing
        self._connection.execute("UPDATE meta SET value = value WHERE key = 'epoch'")
        self._connection.execute("COMMIT")
        self._wal_path = path.with_name(path.name + "-wal")
        self._wal_fd = os.open(self._wal_path, os.O_RDONLY | os.O_CLOEXEC)
        self._threads = [
            threading.Thread(target=self._write_loop, name="journal-write", daemon=True),
            threading.Thread(target=self._sync_loop, name="journal-sync", daemon=True),
            threading.Thread(target=self._checkpoint_loop, name="journal-checkpoint", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, facts: Sequence[Fact], *, synced: bool = False) -> int:
        """Queue a group for one transaction; returns its number. `synced` reports it only once it is flushed.

        Raises `JournalFailed` when more is queued than the limit: the disk does not keep up.
        """
        with self._condition:
            if self._queued_facts + len(facts) > JOURNAL_QUEUE_FACTS_MAX:
                raise JournalFailed(f"more than {JOURNAL_QUEUE_FACTS_MAX} facts wait for the disk")
            self._groups += 1
            self._queue.append((self._groups, facts, synced))
            self._queued_facts += len(facts)
            self._condition.notify()
            return self._groups

    def close(self) -> None:
        """Write and sync what is queued, and end the threads."""
        with self._condition:
            self._closed = True
            self._condition.notify()
        self._threads[0].join()
        self._dirty.set()
        self._hurry.set()
        self._threads[1].join()
        self._threads[2].join()
        os.close(self._wal_fd)
        self._connection.close()

    # Threads --------------------------------------------------------------------------------------------------------

    def _write_loop(self) -> None:
        while True:
            with self._condition:
                while not self._queue and not self._closed:
                    self._condition.wait()
                if not self._queue:
                    return
                groups, self._queue = self._queue, []
                self._queued_facts = 0
            error = ""
            try:
                self._commit(fact for _, facts, _ in groups for fact in facts)
            except (sqlite3.Error, KeeplineError, OSError) as problem:
                error = f"{type(problem).__name__}: {problem}"
            self._report(groups, error)

    def _report(self, groups: list[tuple[int, Sequence[Fact], bool]], error: str) -> None:
        hurry = False
        with self._sync_lock:
            for number, _, synced in groups:
                if synced and not error:
                    self._awaiting_sync.append(number)
                    hurry = True
        self._dirty.set()
        if hurry:
            self._hurry.set()
        for number, _, synced in groups:
            if not synced or error:
                self._tell(Written(number, error))

    def _commit(self, facts: Iterable[Fact]) -> None:
        rows, begun, ended = [], [], []
        seq = self._next_seq
        for fact in facts:
            rows.append((seq, fact.call, fact.kind, _encode(fact)))
            seq += 1
            if isinstance(fact, CallReceived):
                begun.append((fact.call,))
            elif isinstance(fact, CallEnded):
                ended.append((fact.at_s, fact.call))
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
            if epoch != self._epoch:
                raise EpochOver(f"epoch {epoch} has begun; this process is of epoch {self._epoch}")
            connection.executemany("INSERT INTO facts (seq, call, kind, body) VALUES (?, ?, ?, ?)", rows)
            if begun:
                connection.executemany("INSERT OR IGNORE INTO calls (call) VALUES (?)", begun)
            if ended:
                connection.executemany("UPDATE calls SET ended_at = ? WHERE call = ?", ended)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._next_seq = seq

    def _sync_loop(self) -> None:
        while True:
            self._dirty.wait()
            if not self._closed:
                self._hurry.wait(SYNC_EVERY_S / 2)
            self._hurry.clear()
            self._dirty.clear()
            with self._sync_lock:
                waiting, self._awaiting_sync = self._awaiting_sync, []
            error = ""
            try:
                os.fdatasync(self._wal_fd)
            except OSError as problem:
                error = f"fdatasync: {problem}"
            for number in waiting:
                self._tell(Written(number, error))
            if self._closed and not self._threads[0].is_alive():
                self._checkpoint.set()
                return
            if os.fstat(self._wal_fd).st_size > JOURNAL_WAL_BYTES_MAX:
                self._checkpoint.set()

    def _checkpoint_loop(self) -> None:
        connection = connect(self._path)
        try:
            while not self._closed:
                self._checkpoint.wait()
                self._checkpoint.clear()
                if not self._closed:
                    # PASSIVE copies nearly all without stopping the writer; TRUNCATE then has little left to do.
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()


class Tail:
    """The reading end of a process that follows: facts in order, and the calls that are open."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self.seq = 0

    def open_calls(self, ended_since_s: float) -> tuple[dict[str, list[Fact]], list[CallEnded]]:
        """The facts of each call that has not ended, and the ends of those that ended since; then follow from here."""
        connection = self._connection
        connection.execute("BEGIN")
        try:
            self.seq = int(connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()[0])
            calls: dict[str, list[Fact]] = {}
            rows = connection.execute(
                "SELECT facts.kind, facts.body FROM calls JOIN facts USING (call) WHERE ended_at IS NULL ORDER BY seq"
            )
            for kind, body in rows:
                fact = decode(kind, body)
                calls.setdefault(fact.call, []).append(fact)
            rows = connection.execute(
                "SELECT facts.kind, facts.body FROM calls JOIN facts USING (call) "
                "WHERE ended_at > ? AND facts.kind = ? ORDER BY seq",
                (ended_since_s, CallEnded.kind),
            )
            left = [fact for fact in (decode(kind, body) for kind, body in rows) if isinstance(fact, CallEnded)]
        finally:
            connection.execute("COMMIT")
        return calls, left

    def follow(self) -> list[Fact]:
        """The facts written since the last look."""
        rows = self._connection.execute("SELECT seq, kind, body FROM facts WHERE seq > ? ORDER BY seq", (self.seq,))
        facts = []
        for seq, kind, body in rows:
            self.seq = seq
            facts.append(decode(kind, body))
        return facts

    def close(self) -> None:
        self._connection.close()
