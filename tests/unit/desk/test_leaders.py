"""What who leads is told: whom incidents reach, what they cost, when they will be over."""

import re
from dataclasses import replace

import pytest

from keepline.call.facts import CallEnded, Fact
from keepline.call.facts.incident import IncidentMoved, IncidentOpened
from keepline.desk.app import create_app
from keepline.desk.board import Board
from keepline.desk.leaders import ENDED_MIN, Leaders
from keepline.desk.models_leaders import LeadersNow
from keepline.model.limits_desk import LEADERS_FACTS_BACK_MAX
from keepline.model.money import MoneySettings, Price
from tests.unit.desk.board_facts import answered, ended, received
from tests.unit.desk.desk_fakes import FakeSource, get, standing

LOST = Price(4, 9, 25, "one <caller> in five buys for 45")
MONEY = MoneySettings("USD", LOST)
NOW_S = 7_200.0
BEGAN_S = 6_600.0


def opened(at_s: float = BEGAN_S, id: str = "INC-19700101-1", exercise: str = "", severity: int = 2) -> IncidentOpened:
    return IncidentOpened(
        id, at_s, "carrier", "north is <silent>", severity, ("telephony",), ("telephony/north",), "path", "evidence",
        at_s, exercise=exercise,
    )  # fmt: skip


def refused(call: str, at_s: float) -> list[Fact]:
    return [replace(received(call, at_s), from_number=f"+{call}"), ended(call, at_s + 1, 503)]


def served(call: str, at_s: float, carrier: str = "north") -> list[Fact]:
    return [received(call, at_s, carrier), answered(call, at_s), ended(call, at_s + 5)]


def usual_calls() -> list[Fact]:
    """Six calls a minute by the carrier, for ten minutes before the incident."""
    return [fact for number in range(60) for fact in served(f"u{number}", BEGAN_S - 600 + 10 * number)]


def leaders_of(facts: list[Fact], money: MoneySettings | None = MONEY, now_s: float = NOW_S) -> LeadersNow:
    source = FakeSource(facts=facts, standings=[standing("telephony/north", condition="down", breaker="open")])
    board = Board(source, clock=lambda: now_s)
    board.refresh()
    leaders = Leaders(source, lambda: money)
    leaders.look()
    return leaders.now(board.now())


def test_calm_is_told_as_calm() -> None:
    found = leaders_of(served("a", 7_000.0))
    assert (found.incidents, found.customers, found.total, found.currency) == ([], 0, None, "USD")
    assert [each.name for each in found.tools] == ["telephony"]


def test_an_incident_is_counted_and_priced_from_when_it_began() -> None:
    facts = [*usual_calls(), *refused("before", 6_000.0), opened(), *refused("1", 6_700.0), *refused("2", 7_190.0)]
    [found] = leaders_of(facts).incidents
    assert (found.attempts, found.lost, found.answered, found.customers) == (2, 2, 0, 2)
    assert found.unseen == 59, "61 in ten minutes were usual by that carrier, and two came"
    assert [(each.what, each.count, each.is_estimate) for each in found.lines] == [
        ("calls that were refused, cut or failed", 2, False),
        ("callers whom no carrier brought", 59, True),
    ]
    assert found.total is not None
    assert (found.total.low, found.total.mid, found.total.high) == (244.0, 549.0, 1525.0)
    assert found.per_minute is not None
    assert found.per_minute.mid == pytest.approx(55.8), "30 that never came and one lost, in five minutes"


def test_who_came_by_another_carrier_is_saved_by_it() -> None:
    more = [fact for number in range(12) for fact in served(f"s{number}", BEGAN_S + 30 * number, "south")]
    [found] = leaders_of([*usual_calls(), opened(), *more]).incidents
    assert (found.unseen, found.answered) == (48, 12)
    assert found.saved is not None
    assert found.saved.mid == 12 * 9


def test_an_exercise_is_shown_and_is_in_no_total() -> None:
    found = leaders_of([*usual_calls(), opened(exercise="drill-1"), *refused("1", 6_700.0)])
    assert ([each.exercise for each in found.incidents], found.total, found.customers) == (["drill-1"], None, 0)
    [one] = found.incidents  # what real callers meet meanwhile is none of its own
    assert (one.attempts, one.lost, one.customers, one.total, one.saved, one.lines) == (0, 0, 0, None, None, [])


def test_the_worst_is_first_and_of_several_the_greatest_loss_is_the_total() -> None:
    other = opened(7_000.0, "INC-19700101-2", severity=1)
    found = leaders_of([*usual_calls(), opened(), *refused("1", 6_700.0), other])
    assert [each.severity for each in found.incidents] == [1, 2]
    assert found.total is not None
    assert found.total == found.incidents[1].total


def test_without_prices_it_is_counted_and_not_priced() -> None:
    found = leaders_of([*usual_calls(), opened(), *refused("1", 6_700.0)], None)
    assert (found.currency, found.total, found.incidents[0].lost) == ("", None, 1)
    assert found.incidents[0].lines == []


@pytest.mark.parametrize(("before", "expected_s"), [(ENDED_MIN - 1, None), (ENDED_MIN, BEGAN_S + 200.0)])
def test_an_end_is_expected_where_enough_of_its_kind_have_ended(before: int, expected_s: float | None) -> None:
    past: list[Fact] = []
    for number in range(before):
        id, at_s = f"INC-19700101-{number + 5}", 100.0 * number + 100
        moved = [IncidentMoved(id, at_s + 100.0 * (number + 1), event, "") for event in ("cleared", "passed")]
        past += [opened(at_s, id), *moved]
    found = leaders_of([*past, *usual_calls(), opened()]).incidents
    [now] = [each for each in found if each.id == "INC-19700101-1"]
    assert now.expected_end == expected_s
    assert now.expected_why


def test_only_so_much_of_the_past_is_read() -> None:
    source = FakeSource(facts=[CallEnded("x", 1.0, "caller", 200, "", "i", "l", "t", 1, 2)] * 3)
    source.last_position = lambda: LEADERS_FACTS_BACK_MAX + 2  # type: ignore[method-assign]
    asked: list[int] = []
    source.facts_after = lambda position, _kinds, _limit: asked.append(position) or []  # type: ignore[method-assign, func-returns-value]
    Leaders(source, lambda: None).look()
    assert asked == [2]


def test_the_page_and_the_api_say_the_same_and_escape_it() -> None:
    source = FakeSource(facts=[*usual_calls(), opened(), *refused("1", 6_700.0)])
    app = create_app(source, loopback=True, money=lambda: MONEY)
    told = get(app, "/api/leaders")
    assert (told.status, LeadersNow.model_validate(told.json).incidents[0].lost) == (200, 1)
    page = get(app, "/leaders").text
    assert 'href="/leaders" aria-current="page"' in page
    for each in ("north is &lt;silent&gt;", "one &lt;caller&gt; in five", "Nobody can say", "estimate", "USD"):
        assert each in page
    assert not re.search(r"<silent>|<caller>", page)


def test_a_journal_that_cannot_be_read_is_said() -> None:
    source = FakeSource(down="the journal <cannot> be read")
    app = create_app(source, loopback=True)
    assert "&lt;cannot&gt;" in get(app, "/leaders").text
    assert get(app, "/api/leaders").status == 503
