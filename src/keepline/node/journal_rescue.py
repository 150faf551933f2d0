"""A journal that is damaged is set aside whole, and another one begun with the calls that were open: a node serves.

What a power cut leaves is no damage: SQLite drops what was not committed. Damage is what the disk gives back otherwise
than it was written. It is looked for at the start, in what a start reads anyway: the tables, the tail, the facts of
open calls and of unfinished work. The rest is `keepline verify`'s. It refuses to mend: what was set aside stays as it
is, with the key that proves it, and the new journal has a key of its own.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from keepline.node import journal_schema
from keepline.node.journal_schema import FILE_NAME, JournalFailed
from keepline.proof.entry import digest_of

if TYPE_CHECKING:
    from keepline.call.facts import Fact

ASIDE: Final = "journal-damaged-"
"""What the directory's name begins with."""
MARK: Final = f"{FILE_NAME}-damaged"
"""A file that says what was wrong when somebody wrote to the journal: the next start need not find it again."""
_FILES: Final = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm", MARK, "log.key", "log.pub")
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_OPEN_CALLS: Final = (
    "SELECT call FROM calls WHERE ended_at IS NULL UNION SELECT call FROM work WHERE closed_at IS NULL ORDER BY call"
)
_OF_CALL: Final = "SELECT seq, kind, body, salt, digest FROM facts WHERE call = ? ORDER BY seq"
_TAIL_FACTS: Final = 1_000
"""The last ones, which a start reads to go on with the log."""
_LOST_SHOWN: Final = 20
log = structlog.get_logger("supervisor")


def create(data: Path, *, alone: bool) -> Path:
    """Make sure that there is a journal that can be used; returns its path.

    `alone`: no process uses the one that is there, so it may be replaced. Raises `JournalFailed` as `journal_schema`.
    """
    path = data / FILE_NAME
    why = damage(path) if alone and path.exists() else ""
    if why:
        replace(data, why)
    return journal_schema.create(data)


def is_damage(error: Exception) -> bool:
    """The file itself is wrong, not the disk under it just now."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


def note_damage(path: Path, error: Exception) -> None:
    """Leave word of what was met while writing, where it is damage; a disk that takes not even that is let be."""
    if is_damage(error):
        with contextlib.suppress(OSError):
            path.with_name(MARK).write_text(f"{error}, met while it was written", encoding="utf-8")


def damage(path: Path) -> str:
    """What is wrong with a journal, as far as a start would meet it; empty where nothing is."""
    with contextlib.suppress(OSError):
        return path.with_name(MARK).read_text(encoding="utf-8", errors="replace")
    try:
        with contextlib.closing(journal_schema.connect(path)) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] != journal_schema.SCHEMA_VERSION:
                return ""  # empty, or of another version: whose turn it is to say so
            connection.execute("SELECT value FROM meta").fetchall()
            connection.execute("SELECT size, frontier FROM checkpoints ORDER BY size DESC LIMIT 1").fetchall()
            tail = "SELECT seq, kind, body, salt, digest FROM facts ORDER BY seq DESC LIMIT ?"
            wrong = _wrong(connection.execute(tail, (_TAIL_FACTS,)))
            for (call,) in connection.execute(_OPEN_CALLS).fetchall():
                wrong = wrong or _wrong(connection.execute(_OF_CALL, (call,)))
            return wrong
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else ""
    except JournalFailed:
        return ""  # of a newer version


def _wrong(facts: Iterable[tuple[int, str, bytes, bytes, bytes]]) -> str:
    """The first fact that is not what its digest says; one whose words were erased proves nothing."""
    for seq, _, body, salt, digest in facts:
        is_whole = isinstance(body, bytes) and isinstance(salt, bytes)
        if not is_whole or ((body or salt) and digest_of(salt, seq, body) != digest):
            return f"fact {seq} is not as it was written"
    return ""


def replace(data: Path, why: str) -> Path:
    """Set the journal aside and begin another one with the calls that were open; returns where the old one is.

    A call any of whose facts cannot be read is left behind: to go on from half of them could repeat what was done.
    """
    aside = _set_aside(data)
    log.error("journal_damaged", what=why, aside=str(aside), meaning="a new one is begun; calls that can be read go on")
    path = journal_schema.create(data)
    found, lost, epoch = _salvage(aside / FILE_NAME)
    _write(path, epoch, found, aside.name, why)
    log.warning("journal_replaced", aside=str(aside), calls=len(found), lost=lost[:_LOST_SHOWN], lost_calls=len(lost))
    return aside


def aside_in(data: Path) -> list[str]:
    """Names of the damaged journals that wait for somebody to look at them."""
    with contextlib.suppress(OSError):
        return sorted(entry.name for entry in os.scandir(data) if entry.name.startswith(ASIDE))
    return []


def _set_aside(data: Path) -> Path:
    name = time.strftime(f"{ASIDE}%Y%m%dT%H%M%SZ", time.gmtime())
    aside = next(each for each in _names(data / name) if not each.exists())
    aside.mkdir(mode=0o700)
    for name in _FILES:
        with contextlib.suppress(FileNotFoundError):
            (data / name).rename(aside / name)
    journal_schema.sync_directory(aside)
    journal_schema.sync_directory(data)
    return aside


def _names(first: Path) -> Iterator[Path]:
    yield first
    number = 1
    while True:
        number += 1
        yield first.with_name(f"{first.name}-{number}")


def _salvage(path: Path) -> tuple[dict[str, list["Fact"]], list[str], int]:
    """The facts of each call that was open and can be read, the calls that cannot, and the last epoch."""
    from keepline.model.errors import LocalError
    from keepline.node.journal_file import decode  # it knows every fact, which no other start needs

    found: dict[str, list[Fact]] = {}
    lost: list[str] = []
    epoch = 0
    try:
        with contextlib.closing(journal_schema.connect(path, read_only=True)) as connection:
            with contextlib.suppress(sqlite3.Error, TypeError):
                epoch = int(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
            for (call,) in connection.execute(_OPEN_CALLS).fetchall():
                try:
                    rows = connection.execute(_OF_CALL, (call,)).fetchall()
                    if _wrong(rows):
                        raise LocalError(_wrong(rows))
                    found[call] = [decode(kind, body) for _, kind, body, _, _ in rows]
                except (sqlite3.Error, LocalError):
                    lost.append(call)
    except sqlite3.Error as error:
        log.error("journal_unreadable", what=str(error), meaning="no call that was open can go on")
    return found, lost, epoch


def _write(path: Path, epoch: int, found: dict[str, list["Fact"]], aside: str, why: str) -> None:
    from keepline.call.facts import JournalReplaced
    from keepline.node.journal import Journal, next_epoch

    facts = [fact for each in found.values() for fact in each]
    journal = Journal(path, next_epoch(path, epoch), lambda _written: None)
    journal.submit([JournalReplaced("", time.time(), aside, why, len(found), len(facts)), *facts], synced=True)
    journal.close()
