"""The journal read: what every fact looks like afterwards, who follows it, and whose file it is."""

import dataclasses
import sqlite3
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.call.facts import FACT_TYPES, CallEnded, CallReceived, Fact
from keepline.call.facts.bid import UnresolvedBid
from keepline.call.facts.run import EventTold, RunEnded, RunStarted, RunStepEnded
from keepline.call.terms import Terms
from keepline.flow.playbook import STEP_SAID
from keepline.model.errors import KeeplineError, LocalError
from keepline.node import journal, journal_file, journal_tail
from keepline.node.journal import JournalFailed, Tail
from tests.unit.node.journal_facts import Told, acknowledged, ended, life, opened, pressed, received, stored

# Facts as they are stored ---------------------------------------------------------------------------------------------

RAW = st.binary(max_size=64).map(lambda data: data.decode("latin-1"))
VALUES = {
    tuple[str, ...]: st.lists(st.text()).map(tuple),
    tuple[tuple[str, int], ...]: st.lists(st.tuples(st.text(), st.integers(0, 65_535))).map(tuple),
    tuple[int, ...]: st.lists(st.integers(0, 2**31)).map(tuple),
    str: RAW | st.text(max_size=32),
    int: st.integers(-(2**31), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    float | None: st.none() | st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


def parts(kind: type[Any]) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{name: VALUES[hint] for name, hint in typing.get_type_hints(kind).items()})


VALUES[Terms | None] = st.none() | parts(Terms)
VALUES[tuple[UnresolvedBid, ...]] = st.lists(parts(UnresolvedBid)).map(tuple)


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


def test_a_follower_passes_over_what_is_said_of_runs(journal_path: Path) -> None:
    tail = Tail(journal_path)
    run = RunEnded("r000000000000001", 1.0, "returned", "", "null")
    with opened(journal_path, Told()) as made:
        made.submit([pressed("a", 0), run, pressed("a", 1), run])
    assert tail.follow() == [pressed("a", 0), pressed("a", 1)]
    assert (tail.follow(), tail.seq) == ([], 4)
    tail.close()


@pytest.mark.parametrize("flow", journal_tail.FOLLOWED)
def test_it_follows_the_runs_that_a_successor_has_to_know(journal_path: Path, flow: str) -> None:
    """Else a standby that lived longer than an incident had no playbook of it, and a second ticket for one caller."""

    def run(id_: str, flow: str) -> list[Fact]:
        step = RunStepEnded(id_, 2.0, 0, "log", "", "done", '{"log": "step_began"}', 2.0)
        started = RunStarted(id_, 1.0, flow, "k", "op", "", -1, '{"incident": "INC-20261123-1"}')
        return [started, step, RunEnded(id_, 3.0, "returned", "", "null")]

    (begun, *goes_on), told = run("r000000000000001", flow), EventTold("e1", 2.0, STEP_SAID, "INC-20261123-1/a", "{}")
    with opened(journal_path, Told()) as made:
        made.submit([begun])
    early, late = Tail(journal_path), Tail(journal_path)
    late.open_calls(0.0)
    with opened(journal_path, Told()) as made:
        made.submit([*run("r000000000000002", "reminder"), told, *goes_on])
    assert early.follow() == [begun, told, *goes_on]
    assert late.follow() == [told, *goes_on], "also of one that was open when it began"
    early.close()
    late.close()


def test_a_follower_that_fails_half_way_misses_nothing(journal_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(journal_path, Told()) as made:
        made.submit(life("a"))
    tail = Tail(journal_path)
    plain = journal.decode

    def failing(kind: str, body: bytes) -> Fact:
        if kind == CallEnded.kind:
            raise sqlite3.OperationalError("disk I/O error")
        return plain(kind, body)

    monkeypatch.setattr(journal_tail, "decode", failing)
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
