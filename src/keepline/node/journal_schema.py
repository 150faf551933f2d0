"""The journal's file: its tables, how it is opened, and how it becomes one of this version. It knows no fact's words.

SQLite with a write-ahead log (WAL): readers never wait for the writer. https://www.sqlite.org/wal.html
"""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from keepline.model.errors import KeeplineError
from keepline.proof.entry import SALT_BYTES, digest_of
from keepline.succession import epochs

FILE_NAME: Final = "journal.db"
SCHEMA_VERSION: Final = 3
BUSY_TIMEOUT_S: Final = 10.0
FACTS_OF_CALLS: Final = "FROM calls CROSS JOIN facts USING (call)"
"""The calls first: SQLite keeps the order of a CROSS JOIN, and would else read all facts to have them in order."""

RETENTION_TABLES: Final = """
CREATE TABLE IF NOT EXISTS erased (block INTEGER PRIMARY KEY, facts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS segments (first INTEGER PRIMARY KEY, facts INTEGER NOT NULL, root BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS work_by_call ON work (call);
CREATE INDEX IF NOT EXISTS events_heard ON events (at) WHERE NOT kept;
"""
"""Made after the others: they speak of those."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (seq INTEGER PRIMARY KEY, call TEXT NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL,
  salt BLOB NOT NULL, digest BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS facts_by_call ON facts (call);
CREATE INDEX IF NOT EXISTS facts_placed ON facts (seq) WHERE kind = 'call_placed.1';
CREATE INDEX IF NOT EXISTS facts_incidents ON facts (seq) WHERE kind = 'incident_opened.1';
CREATE TABLE IF NOT EXISTS calls (call TEXT PRIMARY KEY, ended_at REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS calls_by_end ON calls (ended_at);
CREATE TABLE IF NOT EXISTS work (item TEXT PRIMARY KEY, call TEXT NOT NULL, closed_at REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS work_open ON work (call) WHERE closed_at IS NULL;
CREATE TABLE IF NOT EXISTS checkpoints (size INTEGER PRIMARY KEY, at_s REAL NOT NULL, frontier BLOB NOT NULL,
  note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, flow TEXT NOT NULL, key TEXT NOT NULL, operation TEXT NOT NULL,
  parent TEXT NOT NULL, began_at REAL NOT NULL, since REAL NOT NULL, due_at REAL, subject TEXT NOT NULL, ended_at REAL,
  ending TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_due ON runs (due_at, run) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_by_subject ON runs (subject, since, run) WHERE subject != '';
CREATE INDEX IF NOT EXISTS runs_open ON runs (began_at) WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS runs_by_end ON runs (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, event TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL,
  kept INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_kept ON events (at, id) WHERE kept;
INSERT OR IGNORE INTO meta VALUES ('epoch', 0);
"""


class EpochOver(KeeplineError):  # noqa: N818
    """Another process has taken over: this one must not write any more."""


class JournalFailed(KeeplineError):  # noqa: N818
    """The journal cannot be written; the text says what the disk said."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to the journal, in WAL mode; `read_only` never creates it.

    Raises `JournalFailed` where it was written by a newer version, `sqlite3.Error` where it cannot be opened.
    """
    if read_only:
        uri = f"file:{quote(path.absolute().as_posix())}?mode=ro"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None
        )
    else:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise JournalFailed(
                f"{path} was written by a newer version of Keepline (schema {version}, this one knows {SCHEMA_VERSION})"
            )
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")
            # NORMAL syncs when the WAL is folded or begun anew; commits are synced by our own fdatasync of the WAL.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=0")
    except BaseException:
        connection.close()
        raise
    return connection


def create(data: Path) -> Path:
    """Make sure the journal exists, on the disk too, with its tables and its key; returns its path.

    Raises `JournalFailed`, and `NoLogKey` where its key cannot be used.
    """
    from keepline.proof.key import log_key  # readers do without it, and without what it imports

    path = data / FILE_NAME
    log_key(data)
    try:
        connection = connect(path)
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] == 1:
                _give_digests(connection)
            connection.executescript(_SCHEMA + RETENTION_TABLES)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise JournalFailed(f"{path} cannot be used: {error}") from None
    sync_directory(data)
    with contextlib.suppress(PermissionError):  # the directory above may be somebody else's
        sync_directory(data.absolute().parent)
    return path


def _give_digests(connection: sqlite3.Connection) -> None:
    """A journal of the first version becomes one of the second: what is there is digested as it stands."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ALTER TABLE facts ADD COLUMN salt BLOB NOT NULL DEFAULT x''")
    connection.execute("ALTER TABLE facts ADD COLUMN digest BLOB NOT NULL DEFAULT x''")
    for seq, body in connection.execute("SELECT seq, body FROM facts ORDER BY seq").fetchall():
        salt = os.urandom(SALT_BYTES)
        row = (salt, digest_of(salt, seq, body), seq)
        connection.execute("UPDATE facts SET salt = ?, digest = ? WHERE seq = ?", row)
    connection.execute("COMMIT")


def sync_directory(path: Path) -> None:
    """Flush a directory: without it a power cut may take a new file's name, and the file with it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def next_epoch(path: Path, before: int = 0) -> int:
    """Begin an epoch: whoever wrote before may write no more. `before` is the last that is known otherwise.

    Where the disk takes nothing the epoch begins all the same, and is written with the first facts that it takes.
    """
    connection = connect(path)
    try:
        stored = int(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
        try:
            connection.execute("BEGIN IMMEDIATE")
            stored = int(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
            connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epochs.next_epoch(stored, before),))
            connection.execute("COMMIT")
        except sqlite3.OperationalError:  # stands in memory, and is written with the first facts
            pass
    finally:
        connection.close()
    return epochs.next_epoch(stored, before)
