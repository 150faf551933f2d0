"""What callers experienced, by the minute."""

from dataclasses import replace

import pytest

from keepline.call.facts import CallLost, Fact, FlowFailed, LineFellSilent, StepEnded
from keepline.call.facts.bid import BidLed, BidPlaced
from keepline.flow.capabilities import Promised, Refused, Reply, Unavailable, UseOutcome, write_outcome
from keepline.incident.experience import Experience, Minute, unseen
from keepline.model.limits_desk import EXPERIENCE_CALLERS_MAX, EXPERIENCE_MINUTES_MAX, METRIC_CALLS_MAX
from tests.unit.desk.board_facts import answered, ended, placed, progressed, received, refused_by


def counted(*facts: Fact) -> Experience:
    found = Experience()
    for fact in facts:
        found.count(fact)
    return found


def only(found: Experience) -> Minute:
    [minute] = found.minutes()
    return minute


def used(call: str, outcome: UseOutcome, at_s: float = 1_003.0) -> StepEnded:
    return StepEnded(call, at_s, 1, "use", "f", "done", write_outcome(outcome), 0, at_s)


def bid(call: str, carrier: str = "south") -> BidPlaced:
    return BidPlaced(call, 1_000.1, 1, carrier, "hedge", "192.0.2.9", 5060, "udp", "", 1, True)


def test_a_call_counts_in_the_minute_in_which_it_began() -> None:
    found = counted(received("a", 1_019.0), answered("a", 1_021.0), received("b", 1_021.0), ended("a", 1_300.0))
    assert [(each.at_s, each.attempts, each.answered) for each in found.minutes()] == [(960, 1, 1), (1_020, 1, 0)]
    assert [each.at_s for each in found.minutes(1_020.0)] == [1_020]
    assert [each.at_s for each in found.minutes(0.0, 1_000.0)] == [960]


@pytest.mark.parametrize(("wait_s", "is_delayed"), [(0.5, False), (1.9, False), (2.1, True)])
def test_who_waits_for_the_answer_is_delayed(wait_s: float, is_delayed: bool) -> None:
    found = counted(received("a"), answered("a", 1_000.0 + wait_s))
    assert (only(found).answered, only(found).delayed) == (1, is_delayed)
    assert found.affected(0.0) == is_delayed


@pytest.mark.parametrize(("status", "lost", "gave_up"), [(503, 1, 0), (404, 1, 0), (487, 0, 1)])
def test_a_caller_who_is_refused_is_lost_and_one_who_hangs_up_gave_up(status: int, lost: int, gave_up: int) -> None:
    minute = only(counted(received("a"), ended("a", 1_004.0, status)))
    assert (minute.lost, minute.gave_up, minute.answered) == (lost, gave_up, 0)


def test_a_caller_whose_line_fell_silent_felt_it_though_the_call_went_on() -> None:
    found = counted(received("a"), answered("a"), LineFellSilent("a", 1_008.0, 2.0), received("b"), answered("b"))
    assert (only(found).lost, found.affected(0.0), found.affected(1_009.0)) == (0, 1, 0)


@pytest.mark.parametrize(
    "fact",
    [CallLost("a", 1_005.0, "north", 1_002.0, "silent", ""), FlowFailed("a", 1_005.0, "order", "raised", "E", "en")],
)
def test_a_call_that_is_cut_or_whose_flow_fails_is_lost_once_though_it_was_answered(fact: Fact) -> None:
    minute = only(counted(received("a"), answered("a"), fact, fact, ended("a")))
    assert (minute.answered, minute.lost) == (1, 1)


@pytest.mark.parametrize(("status", "lost"), [(503, 1), (486, 0), (404, 0)])
def test_of_calls_of_ours_those_are_lost_that_the_carrier_refused(status: int, lost: int) -> None:
    assert only(counted(placed("a"), refused_by("a", 1_001.0, status), ended("a", 1_001.0, status))).lost == lost


def test_after_it_rang_a_timeout_is_the_callees() -> None:
    found = counted(placed("a"), progressed("a", 1_001.0), refused_by("a", 1_030.0, 480), ended("a", 1_030.0, 480))
    assert only(found).lost == 0


def test_a_call_that_no_carrier_took_is_lost_and_one_that_policy_forbids_is_not() -> None:
    unplaced = replace(placed("a", carrier=""), slot=-1)
    forbidden = replace(placed("b"), slot=-1)
    found = counted(unplaced, ended("a", 1_000.0, 503), forbidden, ended("b", 1_000.0, 403))
    assert (only(found).attempts, only(found).lost) == (2, 1)


def test_a_call_that_another_carrier_carried_is_rerouted_and_delayed() -> None:
    found = counted(placed("a"), bid("a"), BidLed("a", 1_000.2, 1, "first to ring"), answered("a"))
    assert (only(found).rerouted, only(found).delayed, found.affected(0.0)) == (1, 1, 1)


def test_answers_from_a_copy_promises_and_refusals_are_told_apart() -> None:
    outcomes = (Reply({"a": 1}), Reply({"a": 1}, 40.0), Promised("away", "i"), Unavailable("away"), Refused(404))
    minute = only(counted(received("a"), *(used("a", each) for each in outcomes)))
    assert (minute.copied, minute.deferred, minute.denied) == (1, 1, 1)


@pytest.mark.parametrize("outcome", ["hung_up", "failed"])
def test_a_use_of_which_nothing_came_says_nothing_of_its_capability(outcome: str) -> None:
    nothing = StepEnded("a", 1_003.0, 1, "use", "f", outcome, "", 0, 1_003.0, "orders.status")
    minute = only(counted(received("a"), nothing))
    assert (minute.provided, minute.missed, minute.copied, minute.deferred, minute.denied) == (set(), set(), 0, 0, 0)


def test_a_caller_counts_once_and_only_since_when_it_is_asked() -> None:
    found = counted(
        received("a"), used("a", Unavailable("away")), received("b"), used("b", Unavailable("away"), 1_500.0)
    )
    assert (found.affected(0.0), found.affected(1_400.0), found.affected(1_600.0)) == (1, 1, 0)


@pytest.mark.parametrize("flow", ["preflight.calling", "preflight.answering", "drill.calling"])
def test_test_calls_are_nobodys_experience(flow: str) -> None:
    assert counted(received("a", flow=flow), answered("a"), ended("a")).minutes() == []


def test_what_is_remembered_is_bounded() -> None:
    found = Experience()
    for number in range(EXPERIENCE_MINUTES_MAX + 2):
        found.count(received(f"m{number}", 60.0 * number))
    assert len(found.minutes()) == EXPERIENCE_MINUTES_MAX
    assert found.minutes()[0].at_s == 120
    for number in range(max(METRIC_CALLS_MAX, EXPERIENCE_CALLERS_MAX) + 1):
        call = f"c{number}"
        found.count(replace(received(call, 200_000.0), from_number=f"+{number}"))
        found.count(used(call, Unavailable("away"), 200_001.0))
    assert found.affected(0.0) == EXPERIENCE_CALLERS_MAX
    found.count(ended("c0", 200_002.0, 503))
    assert found.minutes()[-1].lost == 0, "the oldest live calls are forgotten"


def arrivals(at_s: int, **by_carrier: int) -> Minute:
    minute = Minute(at_s)
    minute.arrived.update(by_carrier)
    return minute


def test_who_never_came_is_estimated_from_what_was_usual() -> None:
    before = [arrivals(0, north=30, south=10), arrivals(60, north=30, south=10)]
    since = [arrivals(120, north=0, south=20), arrivals(180, south=15)]
    assert unseen(before, since, frozenset({"north"}), 1.0) == (45, 15)
    assert unseen([], since, frozenset({"north"}), 1.0) == (0, 0), "nothing is usual yet"
    crowded = [arrivals(120, south=200)]
    assert unseen(before, crowded, frozenset({"north"}), 0.5) == (0, 30), "more came than were missing"
