"""A damaged journal's runs go on in the next one: who waits, waits; who was told, is due; what counted once, counts."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from keepline.call.effects_run import FactsRead, ReadFacts, RunsAdopted
from keepline.call.facts import CallEnded, Fact, JournalReplaced, WorkOpened
from keepline.call.facts.incident import MODE, IncidentOpened, IncidentTaken, ModeSet
from keepline.call.facts.number import NUMBERS, NumberAsked, NumberPointed
from keepline.call.facts.path import PATHS, PathWished
from keepline.call.facts.run import EventTold, RunEnded, RunStarted, RunStepEnded, RunWaiting
from keepline.call.facts.work import UsePending
from keepline.call.numbers.book import NumberBook, NumberState
from keepline.call.runs.index import AT_WORK_S
from keepline.call.runs.state import fold
from keepline.incident.book import IncidentBook
from keepline.node import journal, journal_rescue, journal_salvage
from keepline.node.journal_incidents import incident_facts_of
from keepline.node.journal_proof import verify_data
from keepline.node.journal_runs import due_runs, kept_events, run_lines, waiting_runs
from keepline.node.journal_work import work_items
from keepline.node.run_reader import RunReader
from tests.unit.node.journal_facts import Told, acknowledged, ended, opened, received, stored

PARENT, CHILD, KEYED, OLD, HEARS, TOLD_ONE, NAPS, BROKEN, CALLS, DOUBTS = (f"r{n:015x}" for n in range(10))
INCIDENT = "INC-19700101-1"
KEPT, HEARD, MATCHED = (f"e{n:015x}" for n in range(3))


def started(run: str, key: str = "", parent: str = "") -> RunStarted:
    return RunStarted(run, 1.0, "recover", key, "digest", parent, 1 if parent else -1, '{"number":"17"}')


def waits(run: str, subject: str, until_s: float | None = None, at_s: float = 2.0) -> RunWaiting:
    return RunWaiting(run, at_s, 0, subject, until_s)


def over(run: str) -> RunEnded:
    return RunEnded(run, 3.0, "returned", "", "null")


def step(run: str, verb: str, reason: str = "") -> RunStepEnded:
    return RunStepEnded(run, 2.5, 0, verb, "f", "done", "null", 1.0, reason)


PENDING = UsePending(
    DOUBTS, 2.0, f"{DOUBTS}-0", 0, "recover", "payments", "charge", "{}", "digest", "", "", "no answer", 1.0, 1.0, 8,
    9.0, 99.0,
)  # fmt: skip
FACTS: list[Fact] = [
    received("call"), acknowledged("call"), received("placed"),
    started(PARENT), started(CHILD, parent=PARENT), waits(PARENT, f"run {CHILD}"), over(CHILD),  # the parent is due
    started(KEYED, "once"), over(KEYED), started(OLD), over(OLD),
    started(HEARS), waits(HEARS, "event paid 17", 1e12), started(TOLD_ONE), waits(TOLD_ONE, "event paid 18", at_s=1.5),
    EventTold(KEPT, 2.0, "paid", "19", "{}"), EventTold(HEARD, 2.0, "paid", "16", "{}"), step(OLD, "wait_for", HEARD),
    EventTold(MATCHED, 2.0, "paid", "18", "{}"),  # somebody waits for it, who is due and has not looked yet
    started(NAPS), waits(NAPS, "", 1e12), started(BROKEN, "lost"), waits(BROKEN, "", 5.0),
    started(CALLS), waits(CALLS, "call placed"), ended("placed"),
    started(DOUBTS), PENDING,
    NumberAsked(NUMBERS, 2.0, "+1", "away", "backup", 1, "n1", "so"), NumberPointed(NUMBERS, 3.0, "+1", 1, "away", 1),
    PathWished(PATHS, 3.0, "telephony/first", "drain", 99.0, "works", "Ana"),
    IncidentOpened(INCIDENT, 3.0, "carrier", "north", 2, ("telephony",), ("telephony/north",), "path", "silent", 2.0),
    IncidentTaken(INCIDENT, 4.0, "Ana"), ModeSet(MODE, 4.5, "crisis", 99.0, "so", "Ana"),
]  # fmt: skip


def spoil(path: Path, call: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE facts SET body = CAST('{}' AS BLOB) WHERE call = ?", (call,))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A journal of all these, of which one run cannot be read; and a start over it."""
    path = journal.create(tmp_path)
    told = Told()
    with opened(path, told) as made:
        told.of(made.submit(FACTS))
    spoil(path, BROKEN)
    assert "is not as it was written" in journal_rescue.damage(path), "the run is due"
    journal_rescue.create(tmp_path, alone=True)
    assert verify_data(tmp_path, None, ()).wrong == []
    return tmp_path


@contextmanager
def reading(data: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(data / "journal.db")) as connection:
        yield connection


def test_every_fact_is_there_in_its_order(data: Path) -> None:
    replaced, *facts = stored(data / "journal.db")
    assert isinstance(replaced, JournalReplaced)
    assert (replaced.calls, replaced.runs, replaced.facts) == (1, 6, len(facts))
    kept = [fact for fact in FACTS if fact.call not in (BROKEN, OLD)]
    copied = [fact for fact in facts if fact in kept]
    assert copied == kept
    [lost] = [fact for fact in facts if isinstance(fact, WorkOpened)]
    assert (lost.about, lost.call, lost.key, lost.flow) == ("run_failed", BROKEN, "lost", "recover")
    assert any(isinstance(fact, CallEnded) for fact in facts)


def test_a_number_that_is_away_is_still_known_to_be_away(data: Path) -> None:
    assert NumberBook(stored(data / "journal.db")).of("+1").state is NumberState.AWAY


def test_an_incident_that_is_open_goes_on_with_its_commander(data: Path) -> None:
    path = data / "journal.db"
    found = IncidentBook(incident_facts_of(path, 1 << 40))
    assert [(each.id, each.commander, each.is_open) for each in found.incidents.values()] == [(INCIDENT, "Ana", True)]
    assert found.set_mode(5.0) is not None


def test_who_waits_waits_and_who_is_due_is_due(data: Path) -> None:
    with reading(data) as file:
        assert waiting_runs(file, "event paid 17") == (HEARS,)
        due = {run for _, run in due_runs(file, (-1.0, ""), 100.0, 50)}
        assert due == {PARENT, TOLD_ONE, CALLS, DOUBTS}
        assert min(at_s for at_s, _ in due_runs(file, (-1.0, ""), 100.0, 50)) == AT_WORK_S
        assert set(kept_events(file)) == {KEPT, MATCHED}
        assert {line.id for line in run_lines(file, ended=50)} == {
            PARENT, CHILD, KEYED, HEARS, TOLD_ONE, NAPS, CALLS, DOUBTS,
        }  # fmt: skip
        items = {item.id: item.about for item in work_items(file, with_closed=False)}
        assert items == {f"{DOUBTS}-0": "use", f"{BROKEN}-failed": "run_failed"}


def test_what_counted_once_still_does(data: Path) -> None:
    """A start with the key is the run that has it, and the event that was heard is known and not kept."""
    given: list[object] = []
    reader = RunReader(data / "journal.db", given.append, lambda _digest: True)
    try:
        adopted = reader._read(None)
        assert isinstance(adopted, RunsAdopted)
        assert {told.call for told in adopted.kept} == {KEPT, MATCHED}
        for id_ in (KEYED, CHILD, HEARD):
            read = reader._read(ReadFacts(id_))
            assert isinstance(read, FactsRead)
            assert read.facts, id_
        child = reader._read(ReadFacts(CHILD))
        assert isinstance(child, FactsRead)
        assert fold(child.facts).ended is not None
    finally:
        reader.stop()


def test_of_what_has_ended_the_last_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`RESCUED_ENDED_MAX`, made smaller."""
    monkeypatch.setattr(journal_salvage, "RESCUED_ENDED_MAX", 3)
    path = journal.create(tmp_path)
    told = Told()
    with opened(path, told) as made:
        for n in range(9):
            run = f"r{n:015x}"
            told.of(made.submit([started(run, f"key{n}"), RunEnded(run, float(n), "returned", "", "null")]))
            told.of(made.submit([EventTold(f"e{n:015x}", float(n), "paid", str(n), "{}"), step(run, "wait_for")]))
        made.submit([started("rffffffffffffff0")])
    with reading(tmp_path) as file, file:
        file.execute("UPDATE events SET kept = 0")
    spoil(path, "rffffffffffffff0")
    journal_rescue.create(tmp_path, alone=True)
    facts = stored(path)
    assert [fact.key for fact in facts if isinstance(fact, RunStarted)] == ["key6", "key7", "key8"]
    assert [fact.key for fact in facts if isinstance(fact, EventTold)] == ["6", "7", "8"]


def test_many_are_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_rescue, "_FACTS_AT_ONCE", 7)
    path = journal.create(tmp_path)
    told = Told()
    runs = [f"r{n:015x}" for n in range(50)]
    with opened(path, told) as made:
        told.of(made.submit([fact for run in runs for fact in (started(run), waits(run, "", 1e12))]))
        made.submit([received("c")])
    spoil(path, "c")
    journal_rescue.create(tmp_path, alone=True)
    with reading(tmp_path) as file:
        assert [line.id for line in run_lines(file, ended=0)] == runs
