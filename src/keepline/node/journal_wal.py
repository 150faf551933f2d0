"""The write-ahead log is folded into the database; after a flush that failed it is written over itself first.

The kernel reports a failed flush once, and then takes the pages that it could not write for clean. A checkpoint that
copied them into the database would have no log behind it: a power cut half-way would leave neither whole. Otherwise the
log keeps its file and is begun anew in it, since a flush of a file that grows has its new size to write as well.
Source: https://www.sqlite.org/walformat.html, "The WAL-Index File Format".
"""

import contextlib
import os
import sqlite3
import struct
import time
from pathlib import Path
from typing import Final

TRIES: Final = 8
TRY_EVERY_S: Final = 0.005
"""Readers and the writer are in the way for milliseconds each."""
_CHUNK_BYTES: Final = 1 << 20
_FRAME_HEADER_BYTES: Final = 24
_INDEX_HEAD: Final = struct.Struct("=14xHI76xI")
"""Of the log's index: the size of a page, its last frame, and the last that is in the database already."""


def unfolded_bytes(index_fd: int) -> int:
    """What of the log is not in the database yet; `index_fd` is its index, the file `-shm`. Raises `OSError`."""
    head = os.pread(index_fd, _INDEX_HEAD.size, 0)
    if len(head) < _INDEX_HEAD.size:
        return 0
    page_bytes, last, folded = _INDEX_HEAD.unpack(head)
    return max(0, int(last) - int(folded)) * (int(page_bytes) + _FRAME_HEADER_BYTES)


def fold(connection: sqlite3.Connection, path: Path, *, was_lost: bool, keeps_file: bool = False) -> bool:
    """Empty the log; False where a reader is in the way. The writer waits for its last bit alone, and for no reader.

    `was_lost`: a flush has failed. `keeps_file`: what comes next is written over what is there, else the file is cut.
    Raises `OSError` and `sqlite3.Error` as the disk does.
    """
    if was_lost:
        with contextlib.suppress(FileNotFoundError):  # deleted under way: SQLite still has it open
            write_again(connection, path.with_name(f"{path.name}-wal"))
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    how = "RESTART" if keeps_file and not was_lost else "TRUNCATE"
    # SQLite would wait for readers while it keeps the writer out; between these tries nobody waits.
    [patience_ms] = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout=0")
    try:
        for attempt in range(TRIES):
            if attempt:
                time.sleep(TRY_EVERY_S)
            busy, _, _ = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
            if not busy:
                return True
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout={patience_ms}")


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
