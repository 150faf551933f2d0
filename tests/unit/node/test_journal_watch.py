"""Damage under a running node is found by who stands by, told, and noted for the next start."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keepline.demo_node import wait_until
from keepline.node.journal import Journal, create, next_epoch
from keepline.node.journal_rescue import aside_in, damage, note, noted
from keepline.node.journal_rescue import create as create_again
from keepline.node.journal_watch import JournalWatch
from tests.unit.node.journal_facts import PATIENCE_S, Told, life, received

EVERY_S = 0.01


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a journal with a call that is over and one that is not."""
    path = create(tmp_path)
    told = Told()
    journal = Journal(path, next_epoch(path), told)
    told.of(journal.submit([*life("over"), received("open")]))
    journal.close()
    return path


@pytest.fixture
def watched(path: Path) -> Iterator[None]:
    """Somebody looks all the time."""
    watch = JournalWatch(path, EVERY_S)
    watch.start()
    yield
    watch.stop()
    ends = [thread for thread in threading.enumerate() if thread.name == "journal-watch"]
    wait_until("it looks no more", lambda: not any(thread.is_alive() for thread in ends), PATIENCE_S)


def flip(path: Path) -> None:
    """One byte of what a call said, as a disk may give it back."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE facts SET body = replace(body, 'loopback', 'loopbacc') WHERE call = 'open'")
        connection.commit()


@pytest.mark.usefixtures("watched")
def test_damage_is_noted_for_the_status_and_for_the_next_start(path: Path) -> None:
    assert noted(path.parent) == ""
    flip(path)
    wait_until("it is found", lambda: noted(path.parent), PATIENCE_S)
    assert noted(path.parent) == damage(path) == "fact 5 is not as it was written, found while it was in use"
    create_again(path.parent, alone=True)
    assert len(aside_in(path.parent)) == 1
    assert damage(path) == noted(path.parent) == ""


@pytest.mark.usefixtures("watched")
def test_a_file_that_is_no_database_any_more_is_damage(path: Path) -> None:
    path.write_bytes(b"x" * 8192)
    wait_until("it is found", lambda: noted(path.parent), PATIENCE_S)
    assert noted(path.parent) == "file is not a database, found while it was in use"


def test_what_was_noted_first_stands(path: Path) -> None:
    note(path, "one")
    note(path, "another")
    assert damage(path) == "one"
