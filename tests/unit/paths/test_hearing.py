"""When somebody who is usually heard of is asked, and when no answer is an answer."""

import pytest

from keepline.model.limits_carriers import PATH_ADDRESSES_MISSED_MAX
from keepline.paths.hearing import MOMENTS_MIN, QUIET_GAPS, QUIET_S_MIN, Hearing

HERE, THERE = ("192.0.2.50", 5060), ("192.0.2.51", 5060)


def heard_every(gap_s: float, times: int = MOMENTS_MIN * 3) -> Hearing:
    hearing = Hearing()
    for number in range(times):
        hearing.heard(number * gap_s)
    return hearing


@pytest.mark.parametrize(("gap_s", "quiet_s"), [(0.01, QUIET_S_MIN), (0.5, QUIET_GAPS * 0.5), (20.0, 30.0)])
def test_it_is_asked_after_four_usual_gaps_and_within_bounds(gap_s: float, quiet_s: float) -> None:
    assert heard_every(gap_s, 300).quiet_s(30.0) == pytest.approx(quiet_s)


def test_of_whom_little_is_known_it_is_asked_when_the_operator_says() -> None:
    assert heard_every(0.5, MOMENTS_MIN - 1).quiet_s(30.0) == 30.0
    assert heard_every(0.5, MOMENTS_MIN).quiet_s(30.0) < 30.0


def test_what_comes_at_one_moment_counts_once() -> None:
    hearing = Hearing()
    for number in range(10 * MOMENTS_MIN):
        hearing.heard(number // MOMENTS_MIN * 1.0)
    assert hearing.quiet_s(30.0) == pytest.approx(QUIET_GAPS)


def test_a_quiet_night_ends_the_haste() -> None:
    hearing, now_s, asked = heard_every(0.5), 100.0, 0
    while hearing.quiet_s(30.0) < 30.0:
        now_s += hearing.quiet_s(30.0)
        hearing.heard(now_s, is_answer=True)
        asked += 1
    assert asked < 30


@pytest.mark.parametrize(
    ("answered", "misses", "doubted", "gone"),
    [(True, 1, False, False), (True, 1, True, True), (True, 2, False, True), (False, 9, True, False)],
)
def test_no_answer_is_an_answer_only_of_who_answered_before(
    answered: bool, misses: int, doubted: bool, gone: bool
) -> None:
    hearing = Hearing()
    hearing.heard(0.0, is_answer=answered)
    for _ in range(misses):
        hearing.missed(HERE)
    assert hearing.is_gone([HERE], is_doubted=doubted) is gone
    hearing.heard(1.0)
    assert not hearing.is_gone([HERE], is_doubted=True)


def test_each_address_is_asked() -> None:
    hearing = Hearing()
    hearing.heard(0.0, is_answer=True)
    hearing.missed(HERE)
    assert hearing.next_of([HERE, THERE]) == THERE
    hearing.missed(HERE)
    assert not hearing.is_gone([HERE, THERE], is_doubted=True)
    hearing.missed(THERE)
    assert hearing.next_of([HERE, THERE]) == HERE
    assert hearing.is_gone([HERE, THERE], is_doubted=False)


def test_of_very_many_addresses_not_each_is_remembered() -> None:
    hearing, many = Hearing(), [("192.0.2.50", port) for port in range(2 * PATH_ADDRESSES_MISSED_MAX)]
    hearing.heard(0.0, is_answer=True)
    for address in many:
        assert not hearing.is_gone(many, is_doubted=True) or hearing.misses >= PATH_ADDRESSES_MISSED_MAX
        hearing.missed(address)
    assert hearing.is_gone(many, is_doubted=True)
