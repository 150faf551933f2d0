"""The write-ahead log is folded into the database; after a flush that failed it is written over itself first.

The kernel reports a failed flush once, and then takes the pages that it could not write for clean. A checkpoint that
copied them into the database would have no log behind it: a power cut half-way would leave neither whole.
"""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

_CHUNK_BYTES: Final = 1 << 20


def fold(connection: sqlite3.Connection, path: Path, *, was_lost: bool) -> bool:
    """Empty the log; False where a reader is in the way. The writer waits for its last bit alone.

    `was_lost`: a flush has failed. Raises `OSError` and `sqlite3.Error` as the disk does.
    """
    if was_lost:
        with contextlib.suppress(FileNotFoundError):  # deleted under way: SQLite still has it open
            write_again(connection, path.with_name(f"{path.name}-wal"))
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def write_again(connection: sqlite3.Connection, wal: Path) -> None:
    """Make every page of the log dirty again while the writer waits, and flush it while it does not.

    Raises `OSError` and `sqlite3.Error` as the disk does.
    """
    descriptor = os.open(wal, os.O_RDWR | os.O_CLOEXEC)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            at = 0
            while chunk := os.pread(descriptor, _CHUNK_BYTES, at):
                os.pwrite(descriptor, chunk, at)
                at += len(chunk)
        finally:
            connection.execute("ROLLBACK")
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
