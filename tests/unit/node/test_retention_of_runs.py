"""Runs that ended, and events that were heard, are let go of as calls are; what somebody may still ask for is kept."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keepline.call.effects_run import FactsRead, ReadFacts
from keepline.call.facts.run import EventTold, RunEnded, RunStarted, RunStepEnded
from keepline.demo_node import wait_until
from keepline.model.limits import JOURNAL_KEEP_DAYS_MIN, JOURNAL_PIECE_FACTS_MAX
from keepline.node.journal import Journal, create, next_epoch
from keepline.node.journal_proof import verify_data
from keepline.node.journal_retention import ERASERS, erase_event, erase_run
from keepline.node.journal_runs import run_lines
from keepline.node.run_reader import RunReader
from tests.unit.node.journal_facts import PATIENCE_S, Told, ended, received

PARENT, CHILD, LONG, OPEN = (f"r{number:015x}" for number in range(4))
EVENT, HEARD = f"e{1:015x}", f"e{2:015x}"
STEPS = JOURNAL_PIECE_FACTS_MAX + 6
WORDS = b"Elizabeth"


def started(run: str, parent: str = "") -> RunStarted:
    return RunStarted(run, 1.0, "recover", "Elizabeth", "digest", parent, 1 if parent else 0, "{}")


def step(run: str, number: int, verb: str = "use", reason: str = "") -> RunStepEnded:
    return RunStepEnded(run, 2.0, number, verb, "f", "ok", '"Elizabeth"', 1.0, reason)


def over(run: str, at_s: float) -> RunEnded:
    return RunEnded(run, at_s, "returned", "", '"Elizabeth"')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A call, runs that ended at 5, 6 and 7 s, one that has not, an event that was heard and one that was not."""
    path = create(tmp_path)
    told = Told()
    journal = Journal(path, next_epoch(path), told)
    told.of(journal.submit([
        received("call"), started(PARENT), started(CHILD, PARENT), over(CHILD, 5.0), over(PARENT, 6.0),
        started(LONG), *(step(LONG, number) for number in range(STEPS)), over(LONG, 7.0), started(OPEN),
        EventTold(EVENT, 1.0, "paid", "Elizabeth", "{}"), EventTold(HEARD, 1.0, "paid", "Elizabeth", "{}"),
        step(OPEN, 1, "wait_for", HEARD), ended("call"),
    ]))  # fmt: skip
    journal.close()
    return tmp_path


@pytest.fixture
def file(data: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(data / "journal.db", isolation_level=None)) as connection:
        yield connection


def facts_read(data: Path, wanted: str) -> FactsRead:
    """What the calls process would be told of an id."""
    answers: list[object] = []
    reader = RunReader(data / "journal.db", answers.append, lambda _digest: True)
    reader.ask(ReadFacts(wanted))
    wait_until("it is answered", lambda: answers, PATIENCE_S)
    reader.stop()
    (answer,) = answers
    assert isinstance(answer, FactsRead)
    return answer


def test_a_run_goes_at_once_however_long_it_is_and_was_never_there(data: Path, file: sqlite3.Connection) -> None:
    assert len(facts_read(data, LONG).facts) == STEPS + 2
    assert [erase_run(file, 99.0) for _ in range(4)] == [True, True, True, False]
    assert [line.id for line in run_lines(file, ended=99)] == [OPEN]
    assert facts_read(data, LONG) == FactsRead(LONG, ())
    assert len(facts_read(data, OPEN).facts) == 2
    verdict = verify_data(data, None, [])
    assert (verdict.wrong, verdict.erased) == ([], STEPS + 2 + 4)


def test_a_run_of_the_same_key_is_a_new_one(data: Path, file: sqlite3.Connection) -> None:
    while erase_run(file, 99.0):
        pass
    path = data / "journal.db"
    told = Told()
    journal = Journal(path, next_epoch(path), told)
    told.of(journal.submit([started(LONG)]))
    journal.close()
    assert facts_read(data, LONG).facts == (started(LONG),)
    assert {line.id for line in run_lines(file, ended=99)} == {LONG, OPEN}


def test_who_started_it_may_still_ask(data: Path, file: sqlite3.Connection) -> None:
    file.execute("UPDATE runs SET ended_at = NULL WHERE run = ?", (PARENT,))
    assert [erase_run(file, 5.5), erase_run(file, 99.0), erase_run(file, 99.0)] == [False, True, False]
    assert {line.id for line in run_lines(file, ended=99)} == {PARENT, CHILD, OPEN}
    file.execute("UPDATE runs SET parent = 'call' WHERE run = ?", (CHILD,))
    file.execute("UPDATE calls SET ended_at = NULL")
    assert not erase_run(file, 5.5)
    file.execute("UPDATE calls SET ended_at = 4.0")
    assert erase_run(file, 5.5)


def test_work_that_is_open_keeps_its_run(data: Path, file: sqlite3.Connection) -> None:
    file.execute("INSERT INTO work (item, call) VALUES ('one', ?)", (CHILD,))
    assert not erase_run(file, 5.5)
    file.execute("UPDATE work SET closed_at = 5.0")
    assert erase_run(file, 5.5)
    assert file.execute("SELECT * FROM work").fetchall() == []


def test_an_event_that_was_heard_goes_and_one_that_waits_stays(data: Path, file: sqlite3.Connection) -> None:
    assert not erase_event(file, 1.0)
    assert [erase_event(file, 99.0), erase_event(file, 99.0)] == [True, False]
    assert (facts_read(data, HEARD).facts, len(facts_read(data, EVENT).facts)) == ((), 1)


def test_the_writer_lets_go_of_all_of_them(data: Path, file: sqlite3.Connection) -> None:
    path = data / "journal.db"
    file.execute("UPDATE runs SET ended_at = 1.0")
    file.execute("UPDATE events SET kept = 0")
    journal = Journal(path, next_epoch(path), Told())
    journal.retention.keep(JOURNAL_KEEP_DAYS_MIN)
    left = "SELECT count(*) FROM facts WHERE body != x''"
    wait_until("nothing is left", lambda: file.execute(left).fetchone() == (0,), PATIENCE_S)
    journal.close()
    assert len(ERASERS) == 3
    file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert WORDS not in path.read_bytes()
    assert verify_data(data, None, []).wrong == []
