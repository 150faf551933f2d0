"""A small journal with checkpoints, for tests that do things to it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from keepline.node import journal
from keepline.node.journal import Journal
from tests.unit.node.journal_facts import Told, life, pressed

Tamper = Callable[[sqlite3.Connection], object]


def write(data: Path, *, calls: int = 5) -> Path:
    """Calls in several processes' lives, each closed properly: a checkpoint each."""
    path = journal.create(data)
    for number in range(calls):
        told = Told()
        made = Journal(path, journal.next_epoch(path), told)
        told.of(made.submit(life(f"{number:016x}")))
        told.of(made.submit([pressed(f"{number:016x}", 2)]))
        made.close()
    return path


def tamper(path: Path, do: Tamper) -> None:
    """Do something to the file that Keepline never would."""
    connection = sqlite3.connect(path)
    with connection:
        do(connection)
    connection.close()
