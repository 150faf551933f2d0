"""The journal's own checkpoints, as others are shown them. It reads, and never writes to the journal."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from keepline.model.errors import LocalError
from keepline.node.journal_file import FILE_NAME, connect
from keepline.node.reader import NoJournal
from keepline.proof.checkpoint import SignedCheckpoint


def newest_checkpoint(data: Path) -> SignedCheckpoint | None:
    """The last that was signed; None where none was yet. Raises `NoJournal`."""
    with _reading(data) as connection:
        row = connection.execute("SELECT size, at_s, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    return SignedCheckpoint(*row) if row is not None else None


def signed_after(data: Path, sizes: list[int]) -> tuple[int, list[float | None]]:
    """How many facts are signed; and of each size when the first checkpoint was signed that has more. `NoJournal`."""
    with _reading(data) as connection:
        newest = connection.execute("SELECT coalesce(max(size), 0) FROM checkpoints").fetchone()[0]
        later = "SELECT at_s FROM checkpoints WHERE size > ? ORDER BY size LIMIT 1"
        rows = [connection.execute(later, (size,)).fetchone() for size in sizes]
    return int(newest), [None if row is None else float(row[0]) for row in rows]


def sync_journal(data: Path) -> None:
    """Have the disk hold what the journal says now: what a witness has seen must not be lost to a power cut.

    Raises OSError as the disk does.
    """
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        try:
            descriptor = os.open(data / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _reading(data: Path) -> Iterator[sqlite3.Connection]:
    path = data / FILE_NAME
    if not path.exists():
        raise NoJournal(f"no journal in {data}: no node has run there yet; --data names the directory of one")
    try:
        with closing(connect(path, read_only=True)) as connection:
            yield connection
    except (sqlite3.Error, LocalError) as error:
        raise NoJournal(f"{path} cannot be read: {error}") from None
