"""What calls said is let go of in small pieces; the tree stands, and nobody who writes waits."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from keepline.call.record import CallRecord
from keepline.demo_node import wait_until
from keepline.model.limits import JOURNAL_BLOCK_FACTS, JOURNAL_KEEP_DAYS_MIN, JOURNAL_PIECE_FACTS_MAX
from keepline.node import journal_retention
from keepline.node.journal import Journal, Tail, create, next_epoch
from keepline.node.journal_proof import export_data, verify_data
from keepline.node.journal_retention import DAY_S, LOOK_EVERY_S, Retention, erase_some, join_block
from keepline.node.journal_schema import SCHEMA_VERSION
from keepline.node.journal_tolls import placed_since
from keepline.node.reader import JournalReader
from keepline.proof.notes import KeptNote
from keepline.proof.verify import Findings
from tests.unit.node.journal_facts import PATIENCE_S, Told, ended, pressed, received

INDEPENDENT = Path(__file__).parents[3] / "tools" / "verify_export.py"
DIGITS = 14
WORDS = b"loopback"
"""Stand in the words of a fact, and nowhere else."""
PER_CALL = DIGITS + 2
CALLS = 24
"""The first ended at 1 s, the second at 2 s …: six blocks of facts."""


def name(number: int) -> str:
    return f"{number:016x}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A journal of calls that ended, signed after each four."""
    path = create(tmp_path)
    for first in range(1, CALLS + 1, 4):
        journal, told = opened(path)
        for number in range(first, first + 4):
            facts = [received(name(number), number - 0.5), *(pressed(name(number), i) for i in range(DIGITS))]
            told.of(journal.submit([*facts, ended(name(number), number)]))
        journal.close()
    return tmp_path


def opened(path: Path) -> tuple[Journal, Told]:
    told = Told()
    return Journal(path, next_epoch(path), told), told


@pytest.fixture
def file(data: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(data / "journal.db", isolation_level=None)) as connection:
        yield connection


def verdict_of(data: Path, *notes: str) -> Findings:
    return verify_data(data, None, [KeptNote(note, "vault") for note in notes])


def let_go(file: sqlite3.Connection, before_s: float, signed: int = CALLS * PER_CALL) -> int:
    """Every piece that is due; how many there were."""
    count = 0
    while erase_some(file, before_s) or join_block(file, signed):
        count += 1
    return count


def notes(file: sqlite3.Connection) -> list[str]:
    return [row[0] for row in file.execute("SELECT note FROM checkpoints ORDER BY size")]


def independent(data: Path, tmp_path: Path) -> str:
    with (tmp_path / "export").open("w", encoding="utf-8") as export:
        export_data(data, export)
    command = [sys.executable, "-I", str(INDEPENDENT), str(tmp_path / "export")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_words_of_old_calls_go_and_those_of_others_stay(data: Path, file: sqlite3.Connection) -> None:
    assert let_go(file, 3.5) == 3
    left = file.execute("SELECT DISTINCT call FROM facts WHERE body != x'' OR salt != x'' ORDER BY call").fetchall()
    assert left == [(name(number),) for number in range(4, CALLS + 1)]
    verdict = verdict_of(data)
    assert (verdict.wrong, verdict.facts, verdict.erased, verdict.removed) == ([], CALLS * PER_CALL, 3 * PER_CALL, 0)
    reader = JournalReader(data)
    assert [record.id for record in reader.records(99)] == [name(number) for number in range(4, CALLS + 1)]
    with pytest.raises(KeyError):
        reader.record(name(1))
    assert reader.facts_after(0, ("call_ended.1",), 1)[0][1].call == name(4)
    reader.close()


def test_what_is_erased_is_nowhere_in_the_file(data: Path) -> None:
    assert WORDS in everything(data)
    journal, _ = opened(data / "journal.db")
    journal.retention.keep(JOURNAL_KEEP_DAYS_MIN)
    wait_until("all calls are gone", lambda: not records(data), PATIENCE_S)
    wait_until("their blocks are", lambda: verdict_of(data).removed == 5 * JOURNAL_BLOCK_FACTS, PATIENCE_S)
    journal.close()
    assert WORDS not in everything(data)
    assert b"digits_pressed" in everything(data), "of the last block: kinds stay"


def everything(data: Path) -> bytes:
    return b"".join(path.read_bytes() for path in data.glob("journal.db*"))


def records(data: Path) -> int:
    with closing(JournalReader(data)) as reader:
        return len(reader.records(99))


def test_blocks_that_are_all_erased_become_one_root(data: Path, file: sqlite3.Connection, tmp_path: Path) -> None:
    kept_elsewhere = notes(file)
    let_go(file, 99.0)
    # The last block has no checkpoint behind it; the four before and the one after them are two subtrees.
    assert file.execute("SELECT first, facts FROM segments ORDER BY first").fetchall() == [
        (1, 4 * JOURNAL_BLOCK_FACTS),
        (4 * JOURNAL_BLOCK_FACTS + 1, JOURNAL_BLOCK_FACTS),
    ]
    verdict = verdict_of(data, *kept_elsewhere)
    total = CALLS * PER_CALL
    assert (verdict.wrong, verdict.removed, verdict.facts) == ([], 5 * JOURNAL_BLOCK_FACTS, JOURNAL_BLOCK_FACTS)
    assert (verdict.signed, verdict.witnessed) == (total, total)
    assert independent(data, tmp_path).strip() == f"{total} facts, {total} of them signed"
    assert file.execute("SELECT count(*) FROM erased").fetchone() == (1,)


def test_a_false_root_is_found_out(data: Path, file: sqlite3.Connection, tmp_path: Path) -> None:
    let_go(file, 99.0)
    file.execute("UPDATE segments SET root = zeroblob(32) WHERE first = 1")
    assert "are not those that were signed" in verdict_of(data).wrong[0]
    assert "are not those that were signed" in independent(data, tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM segments WHERE first = 1", "facts 1 to 256 are missing"),
        ("UPDATE segments SET facts = 128 WHERE first = 1", "facts 129 to 256 are missing"),
        ("UPDATE segments SET facts = 512 WHERE first = 1", "fact 257 is there twice"),
        ("UPDATE segments SET facts = 255 WHERE first = 1", "facts 1 to 255 are no part of the tree"),
    ],
)
def test_a_segment_that_does_not_fit_is_named(
    data: Path, file: sqlite3.Connection, tmp_path: Path, change: str, said: str
) -> None:
    let_go(file, 99.0)
    file.execute(change)
    assert said in verdict_of(data).wrong[0]
    assert "not what was written: " in independent(data, tmp_path)


def test_a_call_in_the_midst_that_goes_on_keeps_its_block(data: Path, file: sqlite3.Connection) -> None:
    file.execute("UPDATE calls SET ended_at = NULL WHERE call = ?", (name(6),))
    let_go(file, 99.0)
    assert [row[0] for row in file.execute("SELECT first FROM segments ORDER BY first")] == [1, 129, 257]
    assert verdict_of(data).wrong == []
    tail = Tail(data / "journal.db")
    assert [len(facts) for facts in tail.open_calls(0.0)[0].values()] == [PER_CALL]
    tail.close()
    file.execute("UPDATE calls SET ended_at = 6 WHERE call = ?", (name(6),))
    let_go(file, 99.0)
    assert [row[0] for row in file.execute("SELECT first FROM segments ORDER BY first")] == [1, 257]
    assert verdict_of(data).wrong == []


def test_work_that_is_open_keeps_its_call(data: Path, file: sqlite3.Connection) -> None:
    file.execute("INSERT INTO work (item, call) VALUES ('one', ?)", (name(1),))
    file.execute("INSERT INTO work (item, call, closed_at) VALUES ('two', ?, 5.0)", (name(2),))
    let_go(file, 2.5)
    assert file.execute("SELECT item FROM work").fetchall() == [("one",)]
    assert file.execute("SELECT call FROM calls ORDER BY call LIMIT 2").fetchall() == [(name(1),), (name(3),)]


def test_a_long_call_goes_piece_by_piece_from_its_end(data: Path, file: sqlite3.Connection) -> None:
    facts = JOURNAL_PIECE_FACTS_MAX + 10
    journal, told = opened(data / "journal.db")
    told.of(journal.submit([received("long", 0.1), *(pressed("long", i) for i in range(facts)), ended("long", 0.2)]))
    journal.close()
    assert erase_some(file, 0.5)
    with closing(JournalReader(data)) as reader:
        assert len(reader.events("long")) == facts + 2 - JOURNAL_PIECE_FACTS_MAX
        assert reader.record("long").id == "long"
    assert erase_some(file, 0.5)
    assert not erase_some(file, 0.5)
    assert verdict_of(data).wrong == []


def test_the_tree_goes_on_from_where_it_was(data: Path, file: sqlite3.Connection, tmp_path: Path) -> None:
    let_go(file, 99.0)
    journal, told = opened(data / "journal.db")
    told.of(journal.submit([received("new", 100.0), ended("new", 101.0)]))
    journal.close()
    verdict = verdict_of(data)
    assert (verdict.wrong, verdict.signed) == ([], CALLS * PER_CALL + 2)
    assert str(CALLS * PER_CALL + 2) in independent(data, tmp_path)
    assert placed_since(data / "journal.db", 0.0, 999) == []


def test_a_block_that_somebody_has_been_at_is_left_for_verify_to_tell(data: Path, file: sqlite3.Connection) -> None:
    file.execute("INSERT INTO erased (block, facts) VALUES (0, ?)", (JOURNAL_BLOCK_FACTS,))
    assert join_block(file, CALLS * PER_CALL)
    assert not join_block(file, CALLS * PER_CALL)
    assert verdict_of(data).wrong == []


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s = 1000.0
        monkeypatch.setattr(journal_retention.time, "monotonic", lambda: self.s)


def test_without_the_setting_nothing_is_let_go_of_and_nobody_wakes(data: Path, file: sqlite3.Connection) -> None:
    retention = Retention(lambda: 9e9, threading.Condition())
    assert not retention.work(file, 999)
    assert (retention.wait_s(None), retention.wait_s(3.0)) == (None, 3.0)
    assert verdict_of(data).erased == 0


def test_pieces_come_with_pauses_and_rests(
    data: Path, file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    retention = Retention(lambda: JOURNAL_KEEP_DAYS_MIN * DAY_S + 1.5, threading.Condition())
    retention.keep(JOURNAL_KEEP_DAYS_MIN)
    assert retention.wait_s(None) == 0.0
    assert retention.work(file, 999)
    assert retention.wait_s(None) == pytest.approx(journal_retention.PAUSE_S_MIN)
    assert not retention.work(file, 999), "not due"
    clock.s += 1.0
    assert not retention.work(file, 999), "nothing else is old enough"
    assert retention.wait_s(None) == pytest.approx(LOOK_EVERY_S)
    assert retention.wait_s(3.0) == 3.0
    assert verdict_of(data).erased == PER_CALL


def test_a_disk_that_takes_nothing_is_asked_again_later(
    data: Path, file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Clock(monkeypatch)
    retention = Retention(lambda: 9e9, threading.Condition())
    retention.keep(JOURNAL_KEEP_DAYS_MIN)
    retention.work(file, 0)
    file.execute("PRAGMA query_only=ON")
    retention._due_at_s = 0.0
    assert not retention.work(file, 999)
    assert not file.in_transaction
    assert retention.wait_s(None) == pytest.approx(LOOK_EVERY_S)


def test_a_call_that_goes_while_records_are_read_is_left_out(
    data: Path, file: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(JournalReader(data)) as reader:
        read = reader.record

        def slowly(call: str) -> CallRecord:
            let_go(file, 2.5)
            return read(call)

        monkeypatch.setattr(reader, "record", slowly)
        assert [record.id for record in reader.records(99)] == [name(number) for number in range(3, CALLS + 1)]


def test_a_journal_of_before_can_let_go_too(data: Path, file: sqlite3.Connection) -> None:
    file.executescript("DROP TABLE erased; DROP TABLE segments; DROP INDEX work_by_call; PRAGMA user_version=2;")
    assert verdict_of(data).wrong == []
    retention = Retention(lambda: 9e9, threading.Condition())  # as a process does that an upgrade brings in
    retention.keep(JOURNAL_KEEP_DAYS_MIN)
    assert retention.work(file, CALLS * PER_CALL)
    assert create(data) == data / "journal.db"
    assert file.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    let_go(file, 99.0)
    assert (verdict_of(data).wrong, verdict_of(data).removed) == ([], 5 * JOURNAL_BLOCK_FACTS)
