"""The tree over the journal's facts grows when the writer has time; every checkpoint is of all that is committed."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keepline.call.facts import Fact
from keepline.node import journal, journal_log
from keepline.node.journal_log import GROW_FACTS_MAX, GROW_FACTS_MIN, INSERT_CHECKPOINT, JournalLog, insert_facts
from keepline.node.journal_proof import verify_data
from keepline.proof.entry import entry_of
from keepline.proof.key import log_key
from keepline.proof.merkle import Frontier, leaf_hash, root_of
from tests.unit.node.journal_facts import Told, opened, pressed

NEVER_S = 3_600.0


@pytest.fixture
def connection(journal_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(journal.connect(journal_path)) as connection:
        yield connection


@pytest.fixture
def log(journal_path: Path, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> JournalLog:
    """Just signed, and not due again."""
    monkeypatch.setattr(journal_log, "CHECKPOINT_EVERY_S", NEVER_S)
    log = JournalLog(connection, log_key(journal_path.parent))
    commit(connection, log, 1, sign=True)
    return log


def commit(connection: sqlite3.Connection, log: JournalLog, count: int, *, sign: bool = False) -> None:
    facts: list[Fact] = [pressed("a", number) for number in range(count)]
    draft = log.draft(log.size + 1, facts, sign=sign)
    insert_facts(connection, draft.rows)
    if draft.checkpoint is not None:
        connection.execute(INSERT_CHECKPOINT, draft.checkpoint)
    log.accept(draft)


def root_in(connection: sqlite3.Connection) -> bytes:
    """Of all facts in the file."""
    rows = connection.execute("SELECT seq, kind, call, digest FROM facts ORDER BY seq")
    return root_of(leaf_hash(entry_of(*row)) for row in rows)


def test_a_checkpoint_is_of_what_the_tree_did_not_have_yet_too(connection: sqlite3.Connection, log: JournalLog) -> None:
    commit(connection, log, GROW_FACTS_MIN + 3)
    assert (log.is_behind, log.has_unsigned, log.size) == (True, True, GROW_FACTS_MIN + 4)
    commit(connection, log, 2, sign=True)
    assert (log.is_behind, log.has_unsigned, log.signed) == (False, False, log.size)
    size, frontier = connection.execute("SELECT size, frontier FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    assert size == log.size == GROW_FACTS_MIN + 6
    assert Frontier.of_bytes(size, frontier).root == root_in(connection)


def test_it_grows_when_it_is_told_to_and_goes_on_from_there(connection: sqlite3.Connection, log: JournalLog) -> None:
    commit(connection, log, GROW_FACTS_MIN)
    log.grow()
    assert (log.is_behind, log.has_unsigned, log.size) == (False, True, GROW_FACTS_MIN + 1)
    commit(connection, log, 5, sign=True)
    assert journal_log.last_frontier(connection).root == root_in(connection)


def test_a_draft_that_is_not_committed_leaves_nothing_in_the_tree(
    connection: sqlite3.Connection, log: JournalLog
) -> None:
    commit(connection, log, 3)
    log.draft(log.size + 1, [pressed("b", 1)], sign=True)
    commit(connection, log, 2, sign=True)
    assert journal_log.last_frontier(connection).root == root_in(connection)


def test_what_is_put_off_is_limited(connection: sqlite3.Connection, log: JournalLog) -> None:
    commit(connection, log, GROW_FACTS_MAX - 1)
    assert log.is_behind
    commit(connection, log, 1)
    assert not log.is_behind
    assert log.has_unsigned


def test_the_writer_lets_it_grow_once_nothing_waits_to_be_written(
    journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown = threading.Event()
    grow = JournalLog.grow

    def noted(log: JournalLog) -> None:
        if log.is_behind:
            grow(log)
            grown.set()

    monkeypatch.setattr(journal_log, "CHECKPOINT_EVERY_S", NEVER_S)
    told = Told()
    with opened(journal_path, told) as made:
        told.of(made.submit([pressed("a", 0)]))  # signed, as the first ones are
        monkeypatch.setattr(JournalLog, "grow", noted)
        told.of(made.submit([pressed("a", number) for number in range(GROW_FACTS_MIN)]))
        assert grown.wait(30)
        monkeypatch.undo()
    verdict = verify_data(journal_path.parent, None, ())
    assert (verdict.wrong, verdict.facts, verdict.signed) == ([], GROW_FACTS_MIN + 1, GROW_FACTS_MIN + 1)
