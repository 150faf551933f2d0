"""Tickets as the journal tells of them: those that are open outlive what is let go of, and each says how it is."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from keepline.call.callbacks.book import TicketBook
from keepline.call.facts.run import RunEnded, RunStarted, RunStepEnded, RunWaiting
from keepline.flow.calling_back import CALLBACK, CallbackPlan
from keepline.flow.capabilities import write_value
from keepline.node.journal import Journal, create, next_epoch
from keepline.node.journal_callbacks import open_tickets
from keepline.node.journal_retention import ERASERS
from keepline.node.reader import JournalReader
from tests.unit.cli.conftest import Run
from tests.unit.cli.conftest import run as run
from tests.unit.node.journal_facts import Told, ended, received

OPEN, REACHED, OTHER, LATER = (f"r{number:015x}" for number in range(4))


def started(run: str, number: str, flow: str = CALLBACK) -> RunStarted:
    plan = CallbackPlan(
        number, "call_back", ((20.0, 90.0),), 3, 600.0, 30.0, "", (), "call", "first", True, "lost", {"matter": "x"}
    )
    return RunStarted(run, 1.0, flow, "", "digest", "call", -1, write_value(plan.told()))


def step(run: str, number: int, verb: str, value: str, reason: str = "") -> RunStepEnded:
    return RunStepEnded(run, 30.0, number, verb, "f", "done", value, 1.0, reason)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A call that was lost and is over, its ticket, one that was kept, a run of somebody's, and one after those."""
    path = create(tmp_path)
    told = Told()
    journal = Journal(path, next_epoch(path), told)
    busy = json.dumps({"call": "c1", "outcome": "busy", "detail": "486", "answered": False, "ended_by": "callee"})
    noted = json.dumps({"outcome": "reached", "fields": {"call": "c2", "came_to": "talked"}})
    told.of(journal.submit([
        received("call"), started(OPEN, "+491"), started(REACHED, "+492"), started(OTHER, "+493", "mine"),
        step(OPEN, 0, "wait_for", "null", "timed_out"), step(OPEN, 1, "call_out", busy, "not_called"),
        RunWaiting(OPEN, 31.0, 2, f"event callback_off {OPEN}", 80.0),
        step(REACHED, 0, "call_out", json.dumps({"call": "c2", "outcome": "talked", "fields": {}}), "called"),
        step(REACHED, 1, "outcome", noted), RunEnded(REACHED, 40.0, "returned", "", '"reached"', "reached"),
        ended("call"),
    ]))  # fmt: skip
    told.of(journal.submit([started(LATER, "+494")]))
    journal.close()
    return tmp_path


def test_a_start_reads_the_tickets_that_are_open(data: Path) -> None:
    facts = open_tickets(data / "journal.db", 11)
    assert [fact.call for fact in facts] == [OPEN], "those that came later are followed"
    assert [ticket.plan.number for ticket in TicketBook(facts)] == ["+491"]


def test_a_ticket_outlives_the_words_of_its_call_and_of_others(data: Path) -> None:
    with closing(sqlite3.connect(data / "journal.db", isolation_level=None)) as file:
        while any(erase(file, 1e9) for erase in ERASERS):
            pass
    kept = [ticket.plan for ticket in TicketBook(open_tickets(data / "journal.db", 99))]
    assert [(plan.number, plan.variables) for plan in kept] == [("+491", {"matter": "x"}), ("+494", {"matter": "x"})]
    reader = JournalReader(data)
    assert [line.ticket for line in reader.callbacks(ended=9)] == [OPEN, LATER], "the one that was kept is let go of"
    reader.close()


def test_each_line_says_how_a_ticket_is(data: Path) -> None:
    reader = JournalReader(data)
    first, *others = reader.callbacks()
    reader.close()
    assert [each.ticket for each in others] == [LATER]
    assert (first.state, first.number, first.flow, first.why, first.promised_by) == (
        "open", "+491", "call_back", "lost", "call",
    )  # fmt: skip
    assert (first.attempts, first.call, first.came_to, first.next_at, first.until) == (1, "c1", "busy", 80.0, 90.0)


def test_the_command_prints_them(data: Path, run: Run) -> None:
    plain = run("callbacks", "--data", str(data))
    assert [line.split("  ")[1:7] for line in plain.out.splitlines()] == [
        [OPEN, "open", "+491", "call_back", "lost", "1 call"],
        [LATER, "open", "+494", "call_back", "lost", "0 calls"],
    ]
    told = [json.loads(line) for line in run("callbacks", "--json", "--all", "--data", str(data)).out.splitlines()]
    assert [(each["ticket"], each["state"], each["came_to"]) for each in told] == [
        (OPEN, "open", "busy"),
        (REACHED, "reached", "talked"),
        (LATER, "open", ""),
    ]


def test_nobody_to_be_called_back_is_said(tmp_path: Path, run: Run) -> None:
    create(tmp_path)
    assert "nobody is to be called back" in run("callbacks", "--data", str(tmp_path)).err
    assert run("callbacks", "--data", str(tmp_path / "nowhere")).code == 1
