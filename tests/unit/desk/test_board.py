"""The board over a source of our own: what it asks, what it says of who does not answer, calls found and shown."""

import pytest

from keepline.call.facts.incident import IncidentClosed, IncidentOpened, IncidentTaken
from keepline.call.facts.path import PathWished
from keepline.desk.board import KINDS, Board
from keepline.desk.call_pages import CallSearch
from keepline.desk.happenings import TEXT_CHARS_MAX, Happenings
from keepline.desk.models import Status
from keepline.desk.source import CallEvent, CallHistory
from keepline.model.limits_desk import (
    BOARD_FACTS_BACK_MAX,
    BOARD_FACTS_PER_LOOK,
    BOARD_HAPPENINGS_MAX,
    BOARD_WITHIN_S,
    SEARCH_CALLS_MAX,
    TIMELINE_EVENTS_MAX,
)
from tests.unit.desk.board_facts import answered, ended, received
from tests.unit.desk.desk_fakes import CALL, STATUS, FakeSource, standing


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_020.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(standings=[standing("telephony/north"), standing("orders/crm"), standing("orders/copy", 2)])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(source: FakeSource, clock: Clock) -> Board:
    return Board(source, clock)


def test_what_is_said_and_what_is_on_record_stand_together(board: Board, source: FakeSource) -> None:
    source.facts = [received("a"), answered("a"), received("b"), ended("b", 1_001.0, 503)]
    board.refresh()
    now = board.now()
    assert now.position == 4
    assert [each.name for each in now.capabilities] == ["telephony", "orders"]
    [carrier] = now.carriers
    assert (carrier.carrier, carrier.condition, carrier.live, carrier.refused) == ("north", "healthy", 1, 1)
    assert now.node is not None
    assert (now.node.processes["calls"], now.node.processes["calls, standing by"]) == (3, None)
    assert [(each.text, each.call) for each in now.happenings] == [("A caller was refused: 503 Busy", "b")]
    assert now.late == []


def test_who_does_not_answer_is_late_and_what_was_said_last_stays(
    board: Board, source: FakeSource, clock: Clock
) -> None:
    board.refresh()
    source.down = "gone"
    board.refresh()
    assert board.now().late == [], "a moment's silence is none"
    clock.now_s += BOARD_WITHIN_S + 0.1
    board.refresh()
    now = board.now()
    assert [(each.part, each.since, each.why) for each in now.late] == [
        ("node", 1_020.0, "gone"), ("calls", 1_020.0, "gone"), ("journal", 1_020.0, "gone"),
    ]  # fmt: skip
    assert now.served == "unknown"
    assert len(now.capabilities) == 2
    source.down = ""
    board.refresh()
    assert board.now().late == []


def test_a_node_that_never_answered_is_said_to_be_away_at_once(board: Board, source: FakeSource) -> None:
    source.down = "no node runs here"
    board.refresh()
    now = board.now()
    assert (now.node, now.served) == (None, "unknown")
    assert now.broken == ["The node does not answer: no node runs here"]


def test_no_more_than_the_end_of_a_long_journal_is_read(board: Board, source: FakeSource) -> None:
    source.facts = [received(f"{each:06}", 1_000.0) for each in range(BOARD_FACTS_BACK_MAX + 100)]
    assert BOARD_FACTS_PER_LOOK < BOARD_FACTS_BACK_MAX
    board.refresh()
    assert board.now().traffic.arriving == BOARD_FACTS_BACK_MAX
    source.facts.append(received("x", 1_019.0))
    board.refresh()
    assert board.now().traffic.arriving == BOARD_FACTS_BACK_MAX + 1


def test_calls_that_began_before_what_is_read_are_live(board: Board, source: FakeSource) -> None:
    source.open = [received("old", 10.0, flow="hold")]
    board.refresh()
    assert [(each.flow, each.live) for each in board.now().traffic.flows] == [("hold", 1)]


def test_a_path_that_changes_and_a_wish_are_events(board: Board, source: FakeSource) -> None:
    board.refresh()
    source.standings[1] |= {"condition": "down", "evidence": "5 of 5 uses failed"}
    source.facts.append(PathWished("paths", 1_021.0, "orders/crm", "drain", 2_000.0, "maintenance", "mara"))
    board.refresh()
    assert {each.text for each in board.now().happenings} == {
        "orders/crm is down, was healthy: 5 of 5 uses failed",
        "orders/crm: drain by mara (maintenance)",
    }


def test_processes_and_troubles_that_come_and_go_are_events() -> None:
    happenings = Happenings()
    for changed in ({}, {"trouble": [], "processes": {"media": {"pid": 9}, "calls": {"active": None}}}, {}):
        happenings.compare_status(Status.model_validate(STATUS | changed), 5.0)
    assert [each.text for each in happenings.newest_first()] == [
        "Over: calls: <disk> full", "The process that takes calls is gone: 3",
        "Another process sends audio now: 9 in place of 2", "calls: <disk> full", "A process takes calls again: 3",
        "Another process sends audio now: 2 in place of 9",
    ]  # fmt: skip


def test_events_are_bounded_and_what_repeats_is_counted() -> None:
    happenings = Happenings()
    for each in range(BOARD_HAPPENINGS_MAX + 5):
        happenings.add(each * 100.0, "note", f"{each} " + "x" * 500)
    assert len(happenings.newest_first()) == BOARD_HAPPENINGS_MAX
    assert len(happenings.newest_first()[0].text) == TEXT_CHARS_MAX
    for at_s in (1.0, 30.0, 80.0, 500.0):
        happenings.add(at_s, "bad", "again")
    assert [(each.at, each.count) for each in happenings.newest_first() if each.text == "again"] == [(500, 1), (80, 3)]


def test_every_fact_that_the_board_counts_is_asked_for() -> None:
    assert len(KINDS) == len(set(KINDS))
    assert {"call_received.1", "call_ended.1", "path_wished.1", "work_opened.1", "bid_placed.1"} <= set(KINDS)


# Calls ----------------------------------------------------------------------------------------------------------------


def calls(number: int) -> list[dict[str, object]]:
    return [CALL | {"id": f"{each:08}", "from": f"+1555{each:04}", "flow": f"f{each % 2}"} for each in range(number)]


def test_every_word_must_be_found_and_the_newest_come_first(source: FakeSource) -> None:
    source.calls = calls(250)
    search = CallSearch(source)
    found = search.find("F1 answered", 3)
    assert [each.id for each in found.calls] == ["00000245", "00000247", "00000249"]
    assert found.older == "00000245"
    assert [each.id for each in search.find("f1", 2, found.older).calls] == ["00000241", "00000243"]
    everything = search.find("+15550007", 10)
    assert ([each.id for each in everything.calls], everything.older, everything.searched) == (["00000007"], "", 250)
    assert search.find("f1 nosuch", 10).calls == []


def test_a_search_looks_through_so_many_and_says_where_to_go_on(source: FakeSource) -> None:
    source.calls = calls(SEARCH_CALLS_MAX + 50)
    found = CallSearch(source).find("+15550000", 10)
    assert (found.calls, found.searched, found.older) == ([], SEARCH_CALLS_MAX, "00000050")
    assert len(CallSearch(source).find("+15550000", 10, found.older).calls) == 1


def test_calls_that_ended_are_read_once(source: FakeSource) -> None:
    source.calls = [*calls(2), CALL | {"id": "00000009", "state": "live", "ended_at": None}]
    search = CallSearch(source)
    for _ in range(3):
        search.find("", 10)
    assert sorted(map(str, source.asked)) == ["00000000", "00000001", "00000009", "00000009", "00000009"]


def test_a_timeline_has_first_lines_and_no_more_than_so_many(source: FakeSource) -> None:
    long = {"call": "a", "at_s": 1.0, "invite": "INVITE sip:x SIP/2.0\r\nVia: y\r\n", "slot": 3, "empty": ""}
    events = [CallEvent(each, float(each), "call_received.1", long) for each in range(TIMELINE_EVENTS_MAX + 1)]
    events.append(CallEvent(9_999, 2.0, "flow_failed.1", {"error": "Traceback\n  x\nValueError: \x1b[31mno\n"}))
    source.histories["a"] = CallHistory(events, [(1.0, "->", "INVITE sip:x SIP/2.0\r\nVia: y"), (2.0, "<-", "z" * 500)])
    timeline = CallSearch(source).timeline("a")
    assert timeline is not None
    assert len(timeline.events) == TIMELINE_EVENTS_MAX
    assert timeline.events[0].fields == {"invite": "INVITE sip:x SIP/2.0 …", "slot": "3"}
    assert timeline.events[-1].fields == {"error": "ValueError: \ufffd[31mno"}
    assert [(each.direction, len(each.text)) for each in timeline.ladder] == [("in", 22), ("out", 120)]
    assert CallSearch(source).timeline("b") is None


def test_open_incidents_and_the_mode_stand_on_the_board(board: Board, source: FakeSource) -> None:
    opened = IncidentOpened(
        "INC-19700101-1", 990.0, "carrier", "north is silent", 1, ("telephony",), ("telephony/north",), "path",
        "evidence", 980.0, customers=4,
    )  # fmt: skip
    source.facts = [opened, IncidentTaken(opened.call, 995.0, "ada")]
    board.refresh()
    found = board.now()
    [incident] = found.incidents
    assert (incident.cause, incident.since, incident.customers, incident.commander) == (opened.cause, 980.0, 4, "ada")
    assert found.mode == "crisis"
    assert [each.text for each in found.happenings][-1] == "An incident: north is silent"
    source.facts.append(IncidentClosed(opened.call, 999.0, "ada", "it is over"))
    board.refresh()
    found = board.now()
    assert (found.incidents, found.mode) == ([], "normal")
    assert "INC-19700101-1 is closed by ada" in [each.text for each in found.happenings]
