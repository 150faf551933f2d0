"""The past that the benchmark writes is a journal like any other, or its figures would mean nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.history import SIGNED_EVERY, write_past
from bench.waiting_runs import write_runs
from keepline.node.journal import create
from keepline.node.journal_proof import verify_data
from keepline.node.reader import JournalReader
from keepline.node.run_counts import _AT_WORK, _KEPT, _OPEN, with_runs
from tests.unit.proof.proof_journal import write


def test_it_verifies_and_its_calls_have_records(tmp_path: Path) -> None:
    data = write(tmp_path, calls=2).parent
    facts = write_past(data, 2 * SIGNED_EVERY, lambda _said: None)
    verdict = verify_data(data, None, [])
    assert (verdict.wrong, verdict.facts, verdict.signed) == ([], facts, facts)
    assert facts >= 2 * SIGNED_EVERY
    reader = JournalReader(data)
    newest = reader.records(3)
    assert [record.state for record in newest] == ["ended"] * 3
    assert len({record.id for record in newest}) == 3
    reader.close()


def test_runs_that_wait_are_in_the_index_and_verify(tmp_path: Path) -> None:
    data = write(tmp_path, calls=2).parent
    write_runs(data, 40, lambda _said: None)
    assert verify_data(data, None, []).wrong == []
    reader = JournalReader(data)
    lines = reader.runs()
    reader.close()
    assert [line.state for line in lines] == ["waiting"] * 40
    assert [sum(line.waits_for == "time" for line in lines), sum(line.due_at is None for line in lines)] == [20, 10]
    assert with_runs({}, data) == {"flows": {"at_work": 0, "waiting": 40, "events_kept": 0}}
    assert with_runs({"node": "a"}, tmp_path / "nowhere") == {"node": "a"}
    (data / "journal.db").write_bytes(b"garbage" * 100)
    assert with_runs({}, data) == {}


def test_counting_runs_reads_indexes_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(create(tmp_path))) as connection:
        for query in (_OPEN, _AT_WORK, _KEPT):
            [plan] = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert "INDEX" in plan, plan
