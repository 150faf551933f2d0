"""The journal: groups, their order, epochs, what a full disk does to it, and what every fact looks like afterwards."""

import dataclasses
import os
import sqlite3
import threading
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.call.facts import FACT_TYPES, CallEnded, CallReceived, Fact
from keepline.call.terms import Terms
from keepline.model.errors import KeeplineError, LocalError
from keepline.model.limits import JOURNAL_QUEUE_FACTS_MAX
from keepline.node import journal, journal_file
from keepline.node.journal import Journal, JournalFailed, Tail
from tests.unit.node.journal_facts import Told, acknowledged, ended, life, pressed, received


@contextmanager
def opened(path: Path, tell: Callable[[journal.Written], None], epoch: int | None = None) -> Iterator[Journal]:
    made = Journal(path, journal.next_epoch(path) if epoch is None else epoch, tell)
    try:
        yield made
    finally:
        made.close()


def stored(path: Path) -> list[Fact]:
    tail = Tail(path)
    try:
        return tail.follow()
    finally:
        tail.close()


class Faulty:
    """A connection whose commits fail while `error` is set, and which remembers the size of each transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.error: Exception | None = None
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, text: str, *rest: Any) -> Any:
        if text.startswith("BEGIN"):
            self.gate.wait()
        if text == "COMMIT" and self.error is not None:
            raise self.error
        return self._connection.execute(text, *rest)

    def executemany(self, text: str, rows: list[Any]) -> Any:
        if "INTO facts" in text:
            self.sizes.append(len(rows))
        return self._connection.executemany(text, rows)


def make_faulty(made: Journal) -> Faulty:
    faulty = Faulty(made._connection)
    made._connection = faulty  # type: ignore[assignment]
    return faulty


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


def test_a_group_behind_one_that_must_be_synced_does_not_overtake_it(
    journal_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
        while len(stored(journal_path)) < 4:
            pass
        assert told.groups == [1]
        flush.set()
        told.of(fourth)
    assert told.groups == [1, second, third, fourth]


def test_synced_is_told_after_the_flush(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    plain = os.fdatasync

    def noted(descriptor: int) -> None:
        plain(descriptor)
        events.append("flushed")

    told = Told()

    def tell(written: journal.Written) -> None:
        events.append(f"told {written.group}")
        told(written)

    monkeypatch.setattr(os, "fdatasync", noted)
    with opened(journal_path, tell) as made:
        told.of(made.submit([received("a")], synced=True))
    assert events.index("flushed") < events.index("told 1")


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
    assert stored(journal_path) == [*life("a"), *life("b"), received("c")]


def test_a_full_disk_is_tried_at_the_end_once_more(journal_path: Path) -> None:
    told = Told()
    made = Journal(journal_path, journal.next_epoch(journal_path), told)
    faulty = make_faulty(made)
    faulty.error = FULL
    told.of(made.submit([received("a")]))
    faulty.error = None
    made.close()
    assert stored(journal_path) == [received("a")]


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
    assert stored(journal_path) == [received("a")]


def test_nothing_is_told_as_synced_when_the_flush_failed(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    calls = []

    def broken(_descriptor: int) -> None:
        calls.append(1)
        raise OSError(5, "Input/output error")

    with opened(journal_path, told) as made:
        monkeypatch.setattr(made, "_fold_now", lambda: False)
        monkeypatch.setattr(os, "fdatasync", broken)
        assert "Input/output error" in told.of(made.submit([received("a")], synced=True)).error
        # Written it is nevertheless: this process may die.
        assert told.of(made.submit([pressed("a")])).error == ""
        assert len(stored(journal_path)) == 2
        # A flush that succeeds now would prove nothing: the kernel has forgotten what it could not write.
        monkeypatch.setattr(os, "fdatasync", lambda _descriptor: None)
        assert "Input/output error" in told.of(made.submit([pressed("a")], synced=True)).error
        assert "Input/output error" in made.trouble


def test_a_failed_flush_is_made_good_by_folding_the_wal(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    plain = os.fdatasync

    def broken_once(descriptor: int) -> None:
        monkeypatch.setattr(os, "fdatasync", plain)
        raise OSError(5, "Input/output error")

    with opened(journal_path, told) as made:
        monkeypatch.setattr(os, "fdatasync", broken_once)
        assert told.of(made.submit([received("a")], synced=True)).error != ""
        told.wait(lambda it: it.all[-1] == journal.Written(0, ""))
        assert made.trouble == ""
        assert told.of(made.submit([pressed("a")], synced=True)).error == ""


def test_a_wal_that_is_deleted_under_way_is_no_safe_place(journal_path: Path) -> None:
    told = Told()
    with opened(journal_path, told) as made:
        journal_path.with_name("journal.db-wal").unlink()
        assert "deleted" in told.of(made.submit([received("a")], synced=True)).error


def test_a_bug_in_a_fact_is_told_and_ends_nothing(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "RETRY_EVERY_S", 0.01)
    told = Told()
    with opened(journal_path, told) as made:
        monkeypatch.setattr(journal, "encode", lambda fact: 1 / 0)
        assert "ZeroDivisionError" in told.of(made.submit([received("a")])).error
        monkeypatch.undo()
        told.wait(lambda it: it.all[-1] == journal.Written(0, ""))
    assert stored(journal_path) == [received("a")]


def test_more_than_the_limit_is_refused(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert JOURNAL_QUEUE_FACTS_MAX >= 1_000
    monkeypatch.setattr(journal, "JOURNAL_QUEUE_FACTS_MAX", 10)
    told = Told()
    with opened(journal_path, told) as made:
        faulty = make_faulty(made)
        faulty.error = FULL
        told.of(made.submit(life("a")))
        told.of(made.submit(life("b")))
        with pytest.raises(JournalFailed, match="more than 10 facts"):
            made.submit(life("c"))
        faulty.error = None
    assert stored(journal_path) == [*life("a"), *life("b")]


# Facts as they are stored ---------------------------------------------------------------------------------------------

RAW = st.binary(max_size=64).map(lambda data: data.decode("latin-1"))
VALUES = {
    str: RAW | st.text(max_size=32),
    int: st.integers(-(2**31), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    float | None: st.none() | st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}
VALUES[Terms | None] = st.none() | st.builds(
    Terms, **{name: VALUES[hint] for name, hint in typing.get_type_hints(Terms).items()}
)


def facts() -> st.SearchStrategy[Fact]:
    def of(kind: type[Fact]) -> st.SearchStrategy[Fact]:
        hints = typing.get_type_hints(kind)
        return st.builds(
            kind, **{name: VALUES[hints[name]] for name in (each.name for each in dataclasses.fields(kind))}
        )

    return st.one_of([of(kind) for kind in FACT_TYPES])


@given(facts())
def test_every_fact_comes_back_as_it_was(fact: Fact) -> None:
    assert journal.decode(fact.kind, journal_file.encode(fact)) == fact


def test_all_bytes_come_back(journal_path: Path) -> None:
    raw = bytes(range(256)).decode("latin-1")
    with opened(journal_path, Told()) as made:
        made.submit([received("a", invite=raw), acknowledged("a", raw)])
    first, second = stored(journal_path)
    assert isinstance(first, CallReceived)
    assert first.invite.encode("latin-1") == bytes(range(256))
    assert second == acknowledged("a", raw)


def test_text_that_is_no_unicode_is_stored_with_question_marks(journal_path: Path) -> None:
    with opened(journal_path, Told()) as made:
        made.submit([acknowledged("a", "half \ud800 pair")])
    assert stored(journal_path) == [acknowledged("a", "half ? pair")]


def test_kinds_are_apart() -> None:
    assert len({kind.kind for kind in FACT_TYPES}) == len(FACT_TYPES)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(LocalError, match=r"'from_the_future\.7'"):
        journal.decode("from_the_future.7", b"{}")


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"call": 1}', b"\xff\xfe", b"null", b'"\\ud800"'])
def test_a_garbled_fact_is_named(body: bytes) -> None:
    with pytest.raises(LocalError, match=r"call_ended\.1.*cannot be read"):
        journal.decode(CallEnded.kind, body)


# Following ------------------------------------------------------------------------------------------------------------


def test_open_calls_are_those_that_have_not_ended(journal_path: Path) -> None:
    with opened(journal_path, Told()) as made:
        made.submit([received("a"), received("b"), received("c"), acknowledged("b"), received("d")])
        made.submit([ended("a", 10.0), pressed("b"), ended("c", 20.0)])
    tail = Tail(journal_path)
    live, left = tail.open_calls(15.0)
    assert live == {"b": [received("b"), acknowledged("b"), pressed("b")], "d": [received("d")]}
    assert left == [ended("c", 20.0)]
    assert tail.follow() == []
    tail.close()


def test_a_follower_sees_each_fact_once_and_in_order(journal_path: Path) -> None:
    tail = Tail(journal_path)
    assert tail.open_calls(0.0) == ({}, [])
    told = Told()
    seen: list[Fact] = []
    with opened(journal_path, told) as made:
        for number in range(100):
            group = made.submit([pressed("a", number)])
            if number % 10 == 0:
                told.of(group)
                seen += tail.follow()
    seen += tail.follow()
    assert seen == [pressed("a", number) for number in range(100)]
    tail.close()


def test_a_follower_that_fails_half_way_misses_nothing(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(journal_path, Told()) as made:
        made.submit(life("a"))
    tail = Tail(journal_path)
    plain = journal.decode

    def failing(kind: str, body: bytes) -> Fact:
        if kind == CallEnded.kind:
            raise sqlite3.OperationalError("disk I/O error")
        return plain(kind, body)

    monkeypatch.setattr(journal, "decode", failing)
    with pytest.raises(sqlite3.OperationalError):
        tail.follow()
    monkeypatch.undo()
    assert tail.follow() == list(life("a"))
    tail.close()


# The file -------------------------------------------------------------------------------------------------------------


def test_creating_twice_changes_nothing(journal_path: Path) -> None:
    with opened(journal_path, Told()) as made:
        made.submit([received("a")])
    assert journal.create(journal_path.parent) == journal_path
    assert stored(journal_path) == [received("a")]


@pytest.mark.parametrize("use", [journal.create, lambda data: Tail(data / "journal.db")])
def test_a_journal_of_a_newer_version_is_left_alone(journal_path: Path, use: Callable[[Path], object]) -> None:
    connection = sqlite3.connect(journal_path)
    connection.execute("PRAGMA user_version=999")
    connection.close()
    with pytest.raises(JournalFailed, match="newer version of Keepline"):
        use(journal_path.parent)


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(KeeplineError, match=r"journal\.db cannot be used"):
        journal.create(tmp_path)


@pytest.mark.parametrize("name", ["a?b#c%41 d", "ünï"])
def test_a_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    data.mkdir()
    path = journal.create(data)
    reader = journal.connect(path, read_only=True)
    assert reader.execute("SELECT count(*) FROM facts").fetchone() == (0,)
    reader.close()
