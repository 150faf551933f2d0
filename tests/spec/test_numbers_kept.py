"""Numbers that people point, numbers whose node dies, and how long and how many: see `test_numbers_moving`."""

from dataclasses import replace

import pytest

from keepline.call.facts import NumberFact
from keepline.call.facts.number import NumberAsked, NumberLeft, NumberTried
from keepline.call.numbers.deciding import hold_s
from keepline.model.limits_numbers import (
    NUMBER_HOLD_S_MAX,
    NUMBER_PAUSE_S_MAX,
    NUMBER_PAUSE_S_MIN,
    NUMBER_REFUSED_S_MAX,
    NUMBER_WORDS_CHARS_MAX,
    NUMBERS_TOLD_MAX,
)
from keepline.model.operation import Number
from keepline.node import number_commands
from tests.spec.numbers_rig import (
    DONE,
    FAILOVER,
    LOST,
    NO,
    NORTH,
    NUMBER,
    NumbersRig,
    moved,
    told,
)

# People ---------------------------------------------------------------------------------------------------------------


def test_what_a_person_has_moved_stays_until_a_person_has_it_return() -> None:
    rig = NumbersRig()
    rig.pass_time(1.0)
    assert rig.want("away") == ""
    rig.answer(DONE)
    rig.pass_time(3_600.0)
    assert rig.points == "away"
    assert rig.want("home", "works are over", "Ben") == ""
    rig.answer(DONE)
    assert rig.points == "home"
    asked = [each for each in rig.facts if isinstance(each, NumberAsked)]
    assert [(each.to, each.by, each.why) for each in asked] == [
        ("away", "Ana", "works"), ("home", "Ben", "works are over"),
    ]  # fmt: skip


def test_what_a_person_has_returned_stays_home_until_its_carrier_was_well() -> None:
    rig = moved()
    assert rig.want("home") == ""
    rig.answer(DONE)
    rig.pass_time(120.0)
    assert rig.points == "home"
    rig.alive[NORTH] = True
    rig.pass_time(30.0)
    rig.alive[NORTH] = False
    rig.pass_time(60.0)
    assert rig.points == "moving"


def test_a_person_may_have_it_made_sure_that_it_points_home() -> None:
    rig = NumbersRig()
    assert rig.want("home") == ""
    assert told(rig.asked[-1])["to"] == "main"
    assert rig.want("home") == "", "under way already"
    assert len(rig.asked) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"number": "+1"}, "there is no number"),
        ({"to": "there"}, "neither away nor home"),
        ({"why": " "}, "say who and why"),
        ({"by": ""}, "say who and why"),
        ({"why": "x" * 501}, "say who and why, in up to 500"),
    ],
)
def test_a_mistake_in_what_a_person_wants_is_told(given: dict[str, str], words: str) -> None:
    rig = NumbersRig()
    assert words in rig.want(**{"to": "away", **given})
    assert rig.asked == []


def test_a_request_that_is_under_way_is_not_turned_round() -> None:
    rig = NumbersRig()
    assert rig.want("away") == ""
    assert "is asked to point away at this moment" in rig.want("home")


def test_a_number_that_is_not_ours_to_point_is_left_alone() -> None:
    from keepline.model.failover import NONE, Failover

    rig = NumbersRig(Failover(NONE))
    assert "its failover is none, not api" in rig.want("away")
    rig.alive[NORTH] = False
    rig.pass_time(120.0)
    assert (rig.asked, rig.options) == ([], [])


# Deaths ---------------------------------------------------------------------------------------------------------------


def test_a_successor_goes_on_with_the_request_and_its_key() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    rig.crash()
    rig.pass_time(1.0)
    assert len(rig.asked) == 2
    assert rig.asked[0].idempotency_key == rig.asked[1].idempotency_key
    rig.answer(DONE)
    assert rig.points == "away"
    rig.crash()
    rig.alive[NORTH] = True
    rig.pass_time(FAILOVER.hold_s + 20.0)
    assert told(rig.asked[-1])["to"] == "main"


def test_a_successor_does_not_let_go_of_what_its_predecessor_may_have_sent() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    rig.crash()
    rig.alive[NORTH] = True
    rig.pass_time(20.0)
    assert not [each for each in rig.facts if isinstance(each, NumberLeft)]
    assert rig.points == "moving"


def test_what_came_to_nothing_before_the_crash_keeps_its_pause() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    for _ in range(5):
        rig.answer(LOST)
        rig.pass_time(16.5)
    rig.answer(LOST)
    tried = [each for each in rig.facts if isinstance(each, NumberTried)][-1]
    count = len(rig.asked)
    rig.crash()
    rig.pass_time(tried.next_at_s - rig.now_s - 0.5)
    assert len(rig.asked) == count
    rig.pass_time(1.0)
    assert len(rig.asked) == count + 1
    assert [each.number for each in rig.facts if isinstance(each, NumberFact)] == [NUMBER] * len(rig.kinds)


def test_pauses_and_hold_times_have_their_limits() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    for _ in range(9):
        rig.answer(LOST)
        tried = [each for each in rig.facts if isinstance(each, NumberTried)][-1]
        rig.until_asked()
    assert tried.next_at_s - tried.at_s == NUMBER_PAUSE_S_MAX
    standing = rig.standing
    assert NUMBER_PAUSE_S_MIN * 2**8 > NUMBER_PAUSE_S_MAX
    standing.moves.extend([rig.now_s] * 12)
    assert hold_s(standing, FAILOVER, rig.now_s) == NUMBER_HOLD_S_MAX
    assert hold_s(standing, FAILOVER, rig.now_s + 3_601.0) == FAILOVER.hold_s
    for _ in range(8):
        rig.answer(NO)
        rig.until_asked(1_000.0)
    left = [each for each in rig.facts if isinstance(each, NumberLeft)][-1]
    assert left.next_at_s - left.at_s == NUMBER_REFUSED_S_MAX
    assert NUMBER_WORDS_CHARS_MAX == 500
    assert len(told_of_numbers(NUMBERS_TOLD_MAX + 1)) == NUMBERS_TOLD_MAX


def told_of_numbers(count: int) -> list[object]:
    """What a node with so many numbers tells of them."""
    rig = NumbersRig()
    numbers = {f"+1800555{index:04}": Number("hold", carrier="north") for index in range(count)}
    rig.exchange.add_program(
        replace(rig.program, operation=replace(rig.program.operation, numbers=numbers)), current=True
    )
    found = number_commands.told({"call": "a1"}, rig.exchange, rig.now_s)["numbers"]
    assert isinstance(found, list)
    return found
