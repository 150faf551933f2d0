"""The journal: groups, their order, epochs, and what a full disk does to it."""

import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from keepline.model.limits import JOURNAL_QUEUE_FACTS_MAX
from keepline.node import journal, journal_log
from keepline.node.journal import Journal, JournalFailed
from tests.unit.node.journal_facts import Told, ended, gap, life, opened, pressed, received, stored

COLUMNS = 6
"""Of a fact's row."""


class Faulty:
    """A connection whose commits fail while `error` is set, and which remembers the size of each transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.error: Exception | None = None
        self.sizes: list[int] = []
        self._is_first = False
        """No fact of the transaction is written yet."""
        self.gate = threading.Event()
        self.gate.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, text: str, *rest: Any) -> Any:
        if text.startswith("BEGIN"):
            self.gate.wait()
        if text == "COMMIT" and self.error is not None:
            raise self.error
        if "INTO facts" in text:
            rows = len(rest[0]) // COLUMNS
            if self._is_first:
                self.sizes.append(0)
            self.sizes[-1] += rows
        self._is_first = text.startswith("BEGIN") or (self._is_first and "INTO facts" not in text)
        return self._connection.execute(text, *rest)


def make_faulty(made: Journal) -> Faulty:
    faulty = Faulty(made._connection)
    made._connection = faulty  # type: ignore[assignment]
    return faulty


NEVER_S = 3_600.0
FULL = sqlite3.OperationalError("database or disk is full")


# Groups and their order -----------------------------------------------------------------------------------------------


def test_what_is_told_as_written_is_there(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        group = made.submit(life("a"))
        assert told.of(group).error == ""
        assert stored(journal_path) == list(life("a"))


def test_groups_that_wait_are_committed_together_and_told_one_by_one(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        faulty.gate.clear()
        for number in range(50):
            made.submit([pressed("a", number)])
        faulty.gate.set()
        told.of(50)
    assert told.groups == list(range(1, 51))
    assert [fact.head for fact in stored(journal_path)] == list(range(50))  # type: ignore[union-attr]
    assert len(faulty.sizes) <= 2


def test_what_is_to_be_synced_takes_along_what_waits_for_the_pace(
    journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        monkeypatch.setattr(journal, "WRITE_EVERY_S", NEVER_S)
        told.of(made.submit(life("a"), synced=True))
        faulty.sizes.clear()
        for number in range(3):
            made.submit([pressed("a", number)])
        told.of(made.submit([pressed("a", 3)], synced=True))
        assert faulty.sizes == [4]


def test_what_is_to_be_synced_during_a_flush_shares_the_transaction_after_it(
    journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    flushing, flush = threading.Event(), threading.Event()

    def slow(_descriptor: int) -> None:
        flushing.set()
        flush.wait()

    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        monkeypatch.setattr(journal, "WRITE_EVERY_S", NEVER_S)
        monkeypatch.setattr(os, "fdatasync", slow)
        made.submit(life("a"), synced=True)
        assert flushing.wait(30)
        faulty.sizes.clear()
        for number in range(3):
            made.submit([pressed("a", number)], synced=True)
        flush.set()
        told.synced_of(4)
        assert faulty.sizes == [3]


def test_who_asks_for_quiet_is_told_of_the_sync_and_of_failures_alone(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        told.synced_of(made.submit(life("a"), synced=True, quiet=True))
        assert told.groups == []
        make_faulty(made).error = FULL
        assert "disk is full" in told.of(made.submit([pressed("a", 1)], synced=True, quiet=True)).error


def test_nobody_waits_for_a_flush_but_who_asked_for_it(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    flushing, flush = threading.Event(), threading.Event()

    def slow(_descriptor: int) -> None:
        flushing.set()
        flush.wait()

    with opened(journal_path, told) as made:
        told.of(made.submit([received("a")]))
        monkeypatch.setattr(os, "fdatasync", slow)
        second = made.submit([pressed("a", 1)], synced=True)
        assert flushing.wait(30)
        third = made.submit([pressed("a", 2)])
        fourth = made.submit([pressed("a", 3)])
        told.of(fourth)
        assert told.groups == [1, second, third, fourth]
        assert told.synced == []
        flush.set()
        assert told.synced_of(second).error == ""
    assert told.synced == [second]


def test_synced_is_told_after_the_flush(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    plain = os.fdatasync

    def noted(descriptor: int) -> None:
        plain(descriptor)
        events.append("flushed")

    told = Told()

    def tell(written: journal.Written) -> None:
        events.append(f"told {written.group} {written.synced}")
        told(written)

    monkeypatch.setattr(os, "fdatasync", noted)
    with opened(journal_path, tell) as made:
        told.synced_of(made.submit([received("a")], synced=True))
    assert events.index("told 1 False") < events.index("flushed") < events.index("told 1 True")


def test_everything_is_flushed_without_being_asked_for(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _descriptor: flushed.set())
    with opened(journal_path, Told()) as made:
        made.submit([received("a")])
        assert flushed.wait(30)


def test_close_writes_and_flushes_what_is_queued(journal_path: Path) -> None:
    told = Told()
    made = Journal(journal_path, journal.next_epoch(journal_path), told)
    for number in range(200):
        made.submit([pressed("a", number)], synced=number % 3 == 0)
    made.close()
    assert told.groups == list(range(1, 201))
    assert not any(written.error for written in told.all)
    assert len(stored(journal_path)) == 200
    with pytest.raises(JournalFailed, match="closed"):
        made.submit([pressed("a")])


def test_close_leaves_no_thread_and_no_descriptor(journal_path: Path) -> None:
    def state() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    with opened(journal_path, Told()):
        pass
    before = state()
    for _ in range(10):
        with opened(journal_path, Told()) as made:
            made.submit([received("a")])
    assert state() == before


# Epochs ---------------------------------------------------------------------------------------------------------------


def test_whoever_is_of_an_older_epoch_writes_nothing(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as old:
        told.of(old.submit([received("a")]))
        newer = journal.next_epoch(journal_path)
        late = old.submit([pressed("a")])
        assert told.of(late).error.startswith("EpochOver")
        again = old.submit([pressed("a")], synced=True)
        assert told.of(again).error.startswith("EpochOver")
        with opened(journal_path, told, newer) as new:
            new.submit([ended("a")])
    assert stored(journal_path) == [received("a"), ended("a")]


# A disk in trouble ----------------------------------------------------------------------------------------------------


def test_nothing_is_told_as_written_when_the_commit_fails(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        faulty.error = FULL
        assert "disk is full" in told.of(made.submit([received("a")])).error
        assert "disk is full" in told.of(made.submit([pressed("a")], synced=True)).error
        assert "disk is full" in made.trouble
        assert stored(journal_path) == []


def test_what_a_full_disk_refused_is_written_in_order_once_it_has_room(
    journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETRY_EVERY_S", 0.01)
    monkeypatch.setattr(journal, "RETRY_FACTS", 2)
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        faulty.error = FULL
        told.of(made.submit(life("a")[:3]))
        told.of(made.submit([ended("a"), *life("b")]))
        faulty.error = None
        told.wait(lambda it: it.all[-1] == journal.Written(0, ""))
        assert made.trouble == ""
        assert told.of(made.submit([received("c")])).error == ""
        assert made._queued_facts == 0
    assert stored(journal_path) == [*life("a"), *life("b"), gap("a", 4), gap("b", 4), received("c")]


def test_a_full_disk_is_tried_at_the_end_once_more(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        faulty.error = FULL
        told.of(made.submit([received("a")]))
        faulty.error = None
    assert stored(journal_path) == [received("a"), gap("a", 1)]


def test_what_the_disk_took_too_slowly_for_calls_to_wait_is_said_to_be_late(
    journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "JOURNAL_WRITE_S_MAX", 0.0)
    monkeypatch.setattr(journal, "RETRY_EVERY_S", 0.01)
    told = Told()
    with opened(journal_path, told) as made:
        assert told.of(made.submit([received("a")])).error == ""
    assert stored(journal_path) == [received("a"), gap("a", 1)]


def test_the_gap_is_written_in_one_transaction_with_what_ends_it(
    journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "RETRY_EVERY_S", 0.01)
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        faulty.error = FULL
        told.of(made.submit(life("a")))
        faulty.sizes.clear()
        faulty.error = None
        told.wait(lambda it: it.all[-1] == journal.Written(0, ""))
    assert faulty.sizes[-1] == 5


def test_another_writer_delays_calls_but_for_a_moment(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "WRITE_BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(journal, "RETRY_EVERY_S", 0.01)
    told = Told()
    with opened(journal_path, told) as made:
        other = journal.connect(journal_path)
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in told.of(made.submit([received("a")])).error
        other.execute("ROLLBACK")
        other.close()
        told.wait(lambda it: it.all[-1] == journal.Written(0, ""))
    assert stored(journal_path) == [received("a"), gap("a", 1)]


def test_nothing_is_told_as_synced_when_the_flush_failed(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    calls = []

    def broken(_descriptor: int) -> None:
        calls.append(1)
        raise OSError(5, "Input/output error")

    with opened(journal_path, told) as made:
        monkeypatch.setattr(made._syncing, "fold_now", lambda: False)
        monkeypatch.setattr(os, "fdatasync", broken)
        assert "Input/output error" in told.synced_of(made.submit([received("a")], synced=True)).error
        # Written it is nevertheless: this process may die.
        assert told.of(made.submit([pressed("a")])).error == ""
        assert len(stored(journal_path)) == 2
        # A flush that succeeds now would prove nothing: the kernel has forgotten what it could not write.
        monkeypatch.setattr(os, "fdatasync", lambda _descriptor: None)
        assert "Input/output error" in told.synced_of(made.submit([pressed("a")], synced=True)).error
        assert "Input/output error" in made.trouble


def test_a_failed_flush_is_made_good_by_folding_the_wal(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    plain = os.fdatasync

    def broken_once(descriptor: int) -> None:
        monkeypatch.setattr(os, "fdatasync", plain)
        raise OSError(5, "Input/output error")

    with opened(journal_path, told) as made:
        monkeypatch.setattr(os, "fdatasync", broken_once)
        assert told.synced_of(made.submit([received("a")], synced=True)).error != ""
        told.wait(lambda it: it.all[-1] == journal.Written(0, ""))
        assert made.trouble == ""
        assert told.synced_of(made.submit([pressed("a")], synced=True)).error == ""


def test_a_wal_that_is_deleted_under_way_is_no_safe_place(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        journal_path.with_name("journal.db-wal").unlink()
        assert "deleted" in told.synced_of(made.submit([received("a")], synced=True)).error


def test_a_bug_in_a_fact_is_told_and_ends_nothing(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "RETRY_EVERY_S", 0.01)
    told = Told()
    with opened(journal_path, told) as made:
        monkeypatch.setattr(journal_log, "encode", lambda fact: 1 / 0)
        assert "ZeroDivisionError" in told.of(made.submit([received("a")])).error
        monkeypatch.undo()
        told.wait(lambda it: it.all[-1] == journal.Written(0, ""))
    assert stored(journal_path) == [received("a"), gap("a", 1)]


def test_what_there_is_no_room_for_is_refused_and_counted(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert JOURNAL_QUEUE_FACTS_MAX >= 1_000
    monkeypatch.setattr(journal, "JOURNAL_QUEUE_FACTS_MAX", 10)
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        faulty.error = FULL
        told.of(made.submit(life("a")))
        told.of(made.submit(life("b")))
        assert made.backlog == 8
        with pytest.raises(JournalFailed, match="more than 10 facts"):
            made.submit([pressed("b"), *life("c")])
        assert made.lost == 5
        faulty.error = None
    assert stored(journal_path) == [*life("a"), *life("b"), gap("a", 4), gap("b", 4, lost=1), gap("c", 0, lost=4)]
