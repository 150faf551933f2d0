"""Numbers whose carrier brings no calls: they are pointed elsewhere, once, and return when it has been well again."""

from dataclasses import replace
from itertools import pairwise

import pytest

from keepline.call.facts.number import NumberAsked
from keepline.call.numbers.moving import LOOK_EVERY_S
from keepline.call.numbers.watching import ANSWER_S
from keepline.flow.capabilities import Reply
from keepline.model.limits_numbers import (
    NUMBER_REFUSED_S_MIN,
)
from tests.spec.numbers_rig import (
    DONE,
    FAILOVER,
    LOST,
    NO,
    NORTH,
    NOT_SENT,
    NUMBER,
    SOUTH,
    NumbersRig,
    moved,
    told,
)


def test_a_number_whose_carrier_dies_under_calls_is_asked_to_point_away_within_seconds() -> None:
    rig = NumbersRig()
    rig.calls(5.0)
    died_s = rig.now_s
    rig.alive[NORTH] = False
    rig.pass_time(10.0)
    [asked] = rig.asked[:1]
    assert (asked.capability, asked.action, asked.changes) == ("portal", "point", True)
    assert told(asked) == {"number": NUMBER, "to": "backup"}
    fact = next(each for each in rig.facts if isinstance(each, NumberAsked))
    assert fact.key == asked.idempotency_key
    assert fact.at_s - died_s <= 1.0 + 2 * ANSWER_S + 2 * LOOK_EVERY_S, "a second without a call, and two questions"
    assert "out of reach" in fact.why
    assert "no call for" in fact.why


def test_it_points_away_until_its_carrier_has_been_well_for_the_hold_time() -> None:
    rig = moved()
    assert rig.points == "away"
    rig.calls(20.0, by=SOUTH)
    rig.alive[NORTH] = True
    back_s = rig.now_s
    rig.calls(50.0, by=SOUTH)
    assert rig.points == "away"
    while rig.points == "away":
        rig.calls(0.1, by=SOUTH)
    assert rig.points == "returning"
    assert told(rig.asked[-1]) == {"number": NUMBER, "to": "main"}
    asked = [each for each in rig.facts if isinstance(each, NumberAsked)][-1]
    assert back_s + FAILOVER.hold_s <= asked.at_s <= back_s + FAILOVER.hold_s + 2.0
    rig.answer(DONE)
    assert rig.points == "home"
    assert rig.kinds == ["asked", "pointed", "asked", "pointed"]


def test_each_further_move_within_the_hour_doubles_the_hold_time() -> None:
    rig = moved()
    for times in (1, 2):
        rig.alive[NORTH] = True
        rig.pass_time(FAILOVER.hold_s * times - 5.0)
        assert rig.points == "away"
        rig.until_asked(10.0)
        rig.answer(DONE)
        assert rig.points == "home"
        rig.alive[NORTH] = False
        rig.until_asked()
        rig.answer(DONE)
        assert rig.points == "away"


def test_each_call_that_comes_is_counted_for_its_carrier() -> None:
    rig = NumbersRig()
    for _ in range(12):
        rig.call_by(NORTH)
        rig.pass_time(0.2)
    shown = rig.exchange.numbers.standings(rig.now_s)[0]
    assert (shown["inbound"], shown["evidence"]) == ("alive", "heard 0 s ago, a call every 0.2 s")


def test_one_question_that_nobody_answers_moves_nothing_while_calls_come() -> None:
    rig = NumbersRig()
    rig.calls(5.0)
    rig.alive[NORTH] = False
    rig.calls(30.0)
    assert rig.asked == []
    assert rig.exchange.numbers.standings(rig.now_s)[0]["inbound"] == "alive"


def test_a_quiet_hour_moves_nothing_while_it_answers() -> None:
    rig = NumbersRig()
    rig.calls(5.0)
    rig.pass_time(3_600.0)
    assert rig.asked == []
    assert [each.event for each in rig.reports].count("inbound_changed") == 2, "suspected, until the day has changed"


def test_without_calls_it_must_be_out_of_reach_for_a_while() -> None:
    rig = NumbersRig()
    rig.pass_time(1.0)
    rig.alive[NORTH] = False
    rig.pass_time(10.0 + FAILOVER.silent_s - 3.0)
    assert rig.asked == []
    rig.pass_time(6.0)
    assert rig.points == "moving"


def test_where_the_other_carrier_is_dead_too_nothing_is_moved() -> None:
    rig = NumbersRig()
    rig.alive = {NORTH: False, SOUTH: False}
    rig.pass_time(120.0)
    assert rig.asked == []
    rig.alive[SOUTH] = True
    rig.pass_time(30.0)
    assert rig.points == "moving"


def test_it_returns_at_once_where_the_other_carrier_dies() -> None:
    rig = moved()
    rig.alive = {NORTH: True, SOUTH: False}
    rig.pass_time(FAILOVER.silent_s + 25.0)
    assert rig.points == "returning"


# Requests -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [LOST, NOT_SENT])
def test_an_attempt_that_comes_to_nothing_is_made_again_with_its_key(outcome: object) -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    for attempt in range(1, 5):
        assert len(rig.asked) == attempt
        rig.answer(outcome)  # type: ignore[arg-type]
        rig.pass_time(2.0 ** (attempt - 1) - 0.5)
        assert len(rig.asked) == attempt, "a pause that doubles"
        rig.pass_time(1.0)
    assert len({each.idempotency_key for each in rig.asked}) == 1
    rig.answer(DONE)
    assert (rig.points, rig.kinds) == ("away", ["asked", *["tried"] * 4, "pointed"])


def test_an_attempt_that_nobody_answers_is_over_at_its_deadline_and_never_two_are_under_way() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    rig.pass_time(10.0)
    begun = [each.deadline_s - 2.0 for each in rig.asked]
    assert len(begun) > 1
    assert all(after >= before + 2.5 for before, after in pairwise(begun))


def test_a_refused_request_is_over_and_another_one_is_made_later() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    rig.answer(NO)
    assert (rig.points, rig.kinds) == ("home", ["asked", "left"])
    rig.pass_time(NUMBER_REFUSED_S_MIN - 1.0)
    assert len(rig.asked) == 1
    rig.pass_time(2.0)
    assert rig.points == "moving"
    assert len({each.idempotency_key for each in rig.asked}) == 2, "whoever refused one key would refuse it again"


def test_what_was_never_sent_is_let_go_of_when_its_reason_is_gone() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    rig.answer(NOT_SENT)
    rig.calls(5.0)
    assert (rig.points, rig.kinds) == ("home", ["asked", "tried", "left"])
    assert len(rig.asked) == 1


def test_what_may_have_been_done_is_brought_to_its_end_first() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    rig.answer(LOST)
    rig.alive[NORTH] = True
    rig.pass_time(30.0)
    assert rig.points == "moving"
    assert {told(each)["to"] for each in rig.asked} == {"backup"}
    rig.until_asked()
    rig.answer(DONE)
    rig.pass_time(FAILOVER.hold_s + 30.0)
    assert [told(each)["to"] for each in rig.asked][-1] == "main"


def test_the_answer_to_an_attempt_that_was_given_up_changes_nothing() -> None:
    rig = NumbersRig()
    rig.die_under_calls()
    rig.pass_time(2.8)
    rig.answer(DONE, 0)
    assert rig.points == "moving"


# Asked and looked at --------------------------------------------------------------------------------------------------


def looking() -> NumbersRig:
    rig = NumbersRig(replace(FAILOVER, look="where", field="target"))
    rig.die_under_calls()
    return rig


def test_what_is_accepted_and_not_done_is_looked_at_until_it_is() -> None:
    rig = looking()
    rig.answer(Reply({"target": "main"}))
    for _ in range(4):
        rig.pass_time(2.3)
        assert (rig.asked[-1].action, told(rig.asked[-1])) == ("where", {"number": NUMBER})
        rig.answer(Reply({"target": "main"}))
    rig.pass_time(2.3)
    rig.answer(Reply({"target": "backup"}))
    assert (rig.points, rig.kinds) == ("away", ["asked", "tried", "pointed"])
    assert [each.action for each in rig.asked].count("point") == 1


def test_what_was_accepted_and_is_not_done_in_time_is_asked_for_again() -> None:
    rig = looking()
    rig.answer(Reply({"target": "main"}))
    for _ in range(30):
        rig.pass_time(2.3)
        rig.answer(Reply({"target": "main"}))
    assert [each.action for each in rig.asked].count("point") == 2
    assert len({each.idempotency_key for each in rig.asked if each.action == "point"}) == 1


def test_after_a_lost_answer_it_is_looked_before_it_is_asked_for_again() -> None:
    rig = looking()
    rig.answer(LOST)
    rig.pass_time(1.3)
    assert rig.asked[-1].action == "where"
    rig.answer(NOT_SENT)
    assert rig.asked[-1].action == "point"
    rig.answer(Reply({"target": "backup"}))
    assert rig.points == "away"
