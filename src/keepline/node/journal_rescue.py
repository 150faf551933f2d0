"""A journal that is damaged is set aside whole, and another one begun with what was open: a node serves.

What a power cut leaves is no damage: SQLite drops what was not committed. Damage is what the disk gives back otherwise
than it was written. It is looked for at the start, in what a start reads anyway: the tables, the tail, the facts of
open calls, of runs that are due and of unfinished work. The rest is `keepline verify`'s. It refuses to mend: what was
set aside stays as it is, with the key that proves it, and the new journal has a key of its own.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from keepline.node import journal_schema
from keepline.node.journal_salvage import DUE_RUNS, OF_CALL, OPEN_CALLS, Salvage, has_runs, salvage, wrong_in
from keepline.node.journal_schema import FILE_NAME, JournalFailed

ASIDE: Final = "journal-damaged-"
"""What the directory's name begins with."""
MARK: Final = f"{FILE_NAME}-damaged"
"""A file that says what was wrong when somebody wrote to the journal: the next start need not find it again."""
MEANING: Final = "calls go on; the next start sets the journal aside and begins another with the calls that can be read"
_FILES: Final = (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm", MARK, "log.key", "log.pub")
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TAIL_FACTS: Final = 1_000
"""The last ones, which a start reads to go on with the log."""
_DUE_RUNS_MAX: Final = 1_000
"""Of those that a start goes on with, whose facts are looked at."""
_DUE_WITHIN_S: Final = 120.0
_FACTS_AT_ONCE: Final = 10_000
_LOOK_EVERY_S: Final = 0.05
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
        note(path, f"{error}, met while it was written")


def note(path: Path, why: str) -> None:
    """Leave word for the status and for the next start of what is wrong with a journal; the first word stands."""
    with contextlib.suppress(OSError), path.with_name(MARK).open("x", encoding="utf-8") as file:
        file.write(why)


def noted(data: Path) -> str:
    """What somebody found to be wrong with the journal that is in use; empty where nothing was."""
    with contextlib.suppress(OSError):
        return (data / MARK).read_text(encoding="utf-8", errors="replace")
    return ""


def damage(path: Path, *, read_only: bool = False) -> str:
    """What is wrong with a journal, as far as a start would meet it; empty where nothing is."""
    if why := noted(path.parent):
        return why
    try:
        with contextlib.closing(journal_schema.connect(path, read_only=read_only)) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] != journal_schema.SCHEMA_VERSION:
                return ""  # empty, or of another version: whose turn it is to say so
            connection.execute("SELECT value FROM meta").fetchall()
            connection.execute("SELECT size, frontier FROM checkpoints ORDER BY size DESC LIMIT 1").fetchall()
            tail = "SELECT seq, kind, body, salt, digest FROM facts ORDER BY seq DESC LIMIT ?"
            wrong = wrong_in(connection.execute(tail, (_TAIL_FACTS,)))
            ids = connection.execute(OPEN_CALLS).fetchall()
            if has_runs(connection):
                ids += connection.execute(DUE_RUNS, (time.time() + _DUE_WITHIN_S, _DUE_RUNS_MAX)).fetchall()
                connection.execute("SELECT id FROM events WHERE kept").fetchall()
            for (id_,) in ids:
                wrong = wrong or wrong_in(connection.execute(OF_CALL, (id_,)))
            return wrong
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else ""
    except JournalFailed:
        return ""  # of a newer version


def replace(data: Path, why: str) -> Path:
    """Set the journal aside and begin another one with what was open; returns where the old one is."""
    aside = _set_aside(data)
    log.error(
        "journal_damaged",
        what=why,
        aside=str(aside),
        meaning="a new one is begun; what was open and can be read goes on",
    )
    path = journal_schema.create(data)
    found = salvage(aside / FILE_NAME, aside.name)
    _write(path, found, aside.name, why)
    lost = {"lost": found.lost[:_LOST_SHOWN], "lost_count": len(found.lost)}
    log.warning("journal_replaced", aside=str(aside), calls=found.calls, runs=found.runs, **lost)
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


def _write(path: Path, found: Salvage, aside: str, why: str) -> None:
    """Written in pieces, each before the next one: what waits for a disk has a limit."""
    from keepline.call.facts import JournalReplaced
    from keepline.node.journal import Journal, next_epoch

    written = threading.Event()
    journal = Journal(path, next_epoch(path, found.epoch), lambda _written: written.set())
    replaced = JournalReplaced("", time.time(), aside, why, found.calls, len(found.facts), found.runs)
    facts = [replaced, *found.facts]
    for first in range(0, len(facts), _FACTS_AT_ONCE):
        journal.submit(facts[first : first + _FACTS_AT_ONCE], synced=True)
        while journal.backlog:
            written.wait(_LOOK_EVERY_S)
            written.clear()
    journal.close()
