"""The work list in the journal: open items are found by their rows, whatever else is there."""

from dataclasses import replace
from pathlib import Path

import pytest

from keepline.call.effects_work import CloseWork
from keepline.call.facts import Fact
from keepline.call.facts.work import UsePending, UseResolved, UseTried, WorkClosed, WorkOpened
from keepline.call.unfinished.book import ItemState, WorkBook
from keepline.node import journal
from keepline.node.journal import Journal, Tail
from keepline.node.journal_file import connect
from keepline.node.journal_work import open_work
from keepline.node.reader import JournalReader
from keepline.node.work_requests import counts_in, request_of, wanted_in
from tests.unit.node.journal_facts import Told, received

CALLS = [f"0190000000a0000{n}" for n in range(4)]


def pending(call: str, step: int = 3) -> UsePending:
    return UsePending(
        call, 10.0, f"{call}-{step}", step, "pay", "payments", "charge", "{}", "a1", "+15550100", "1000", "silent",
        5.0, 5.0, 2, 15.0, 100.0,
    )  # fmt: skip


def opened(call: str, step: int = 3) -> WorkOpened:
    return WorkOpened(call, 20.0, f"{call}-{step}", "use", "silent", "pay", "+15550100", "1000", step)


def tried(call: str) -> UseTried:
    return UseTried(call, 15.0, f"{call}-3", 3, "charge.resolve", "silent", 5.0, 25.0)


def closed(call: str) -> WorkClosed:
    return WorkClosed(call, 30.0, f"{call}-3", "Ana", "done", "")


def written(data: Path, *groups: list[Fact]) -> Path:
    path = journal.create(data)
    told = Told()
    writer = Journal(path, journal.next_epoch(path), told)
    for facts in groups:
        told.of(writer.submit(facts))
    writer.close()
    return path


def test_a_successor_has_what_is_open_and_no_more(tmp_path: Path) -> None:
    first, second, third, fourth = CALLS
    path = written(
        tmp_path,
        [received(first), pending(first), pending(second), pending(third), opened(fourth)],
        [tried(first), UseResolved(second, 16.0, f"{second}-3", 3, "payments.charge", '{"reply":{}}', 3, "charge")],
        [opened(third), closed(fourth)],
    )
    tail = Tail(path)
    tail.open_calls(0.0)
    book = WorkBook(open_work(path, tail.seq))
    tail.close()
    assert {item.id: item.state for item in book} == {f"{first}-3": ItemState.PENDING, f"{third}-3": ItemState.OPEN}
    kept = book.get(f"{first}-3")
    assert kept is not None
    assert (kept.next_at_s, kept.attempts) == (25.0, 3)
    assert book.counts() == {
        "pending": 1, "kept": 0, "use": 1, "conflict": 0, "call_broken": 0, "call_failed": 0, "run_failed": 0,
    }  # fmt: skip


def test_what_is_closed_in_the_group_that_opened_it_is_closed(tmp_path: Path) -> None:
    path = written(tmp_path, [opened(CALLS[0]), closed(CALLS[0])])
    assert open_work(path, 10) == []


def test_the_list_and_all_of_it(tmp_path: Path) -> None:
    written(tmp_path, [opened(CALLS[1]), pending(CALLS[0])], [closed(CALLS[1])])
    reader = JournalReader(tmp_path)
    assert [item.id for item in reader.work()] == [f"{CALLS[0]}-3"]
    everything = {item.id: item.state for item in reader.work(with_closed=True)}
    assert everything == {f"{CALLS[0]}-3": ItemState.PENDING, f"{CALLS[1]}-3": ItemState.CLOSED}
    reader.close()


def test_one_call_may_leave_several_items(tmp_path: Path) -> None:
    written(tmp_path, [opened(CALLS[0], 3), opened(CALLS[0], 5)], [closed(CALLS[0])])
    reader = JournalReader(tmp_path)
    assert [item.id for item in reader.work()] == [f"{CALLS[0]}-5"]
    reader.close()


def test_a_journal_from_before_the_work_list_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, [received(CALLS[0])])
    connection = connect(path)
    connection.execute("DROP TABLE work")
    connection.close()
    reader = JournalReader(tmp_path)
    assert reader.work() == []
    reader.close()


def test_open_items_are_found_without_reading_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, [opened(CALLS[0])])
    connection = connect(path)
    query = "SELECT seq, kind, body FROM facts WHERE call IN (SELECT DISTINCT call FROM work WHERE closed_at IS NULL)"
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    connection.close()
    assert "facts_by_call" in plan
    assert "work_open" in plan
    assert "SCAN facts" not in plan


def test_requests_to_close_arrive() -> None:
    wanted = CloseWork("a-3", "Ana", "done", "called back")
    assert wanted_in(request_of(wanted)) == wanted


@pytest.mark.parametrize("broken", [{"by": 1}, {"note": None}, {"call": []}])
def test_what_is_no_request_is_none(broken: dict[str, object]) -> None:
    assert wanted_in(request_of(CloseWork("a-3", "Ana", "done", "")) | broken) is None


def test_counts_are_read_as_far_as_they_are_some() -> None:
    assert counts_in({"work": {"pending": 2, "use": "many"}}) == {"pending": 2}
    assert counts_in({"work": 7}) == counts_in({}) == {}


def test_facts_that_cannot_follow_change_nothing() -> None:
    call = CALLS[0]
    book = WorkBook([opened(call), tried(call), replace(opened(call), why="again")])
    [item] = book
    assert (item.state, item.why, item.tries) == (ItemState.OPEN, "silent", [])
