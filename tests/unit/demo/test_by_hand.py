"""The demo's page by which a person takes a carrier away."""

import re

import pytest

from keepline.demo_by_hand import AWAY, BACK, ByHand
from keepline.demo_outage import Course


def form(hand: ByHand) -> str:
    """What the button of its page sends."""
    page = hand.page()
    found = re.search(r'name="token" value="(\w+)".*name="do" value="(\w+)"', page, re.DOTALL)
    assert found is not None
    return f"token={found[1]}&do={found[2]}"


def test_a_carrier_is_taken_away_and_given_back_once() -> None:
    hand = ByHand()
    hand.board = "127.0.0.1:8080"
    hand.public, hand.link = "127.0.0.1:8081", "http://127.0.0.1:8080/link?code=x"
    assert 'href="http://127.0.0.1:8080/"' in hand.page()
    assert 'href="http://127.0.0.1:8081/"' in hand.page()
    assert 'href="http://127.0.0.1:8080/link?code=x"' in hand.page()
    assert (hand.take(form(hand)), hand.wanted) == (True, AWAY)
    assert (hand.take(form(hand)), hand.wanted) == (True, BACK)
    assert "disabled" in hand.page()
    assert (hand.take(form(hand)), hand.wanted) == (False, BACK)


@pytest.mark.parametrize("text", ["", "do=away", "token=made-up&do=away", "token=%FF&do=away"])
def test_a_form_of_somebody_elses_is_refused(text: str) -> None:
    hand = ByHand()
    assert (hand.take(text), hand.wanted) == (False, "")


def test_what_cannot_be_asked_for_is_refused() -> None:
    hand = ByHand()
    assert not hand.take(form(hand).replace("away", "back"))
    assert not hand.take(form(hand).replace("away", "explode"))


def test_the_course_follows_the_hand() -> None:
    course, hand = Course(900.0, 36.0, 12.0), ByHand()
    course.heed(hand, 20.0)
    assert course.fault_s == 900.0
    hand.wanted = AWAY
    course.heed(hand, 21.0)
    course.heed(hand, 22.0)
    assert (course.fault_s, course.kill_s, course.back_s, course.over_s) == (21.0, 39.0, 57.0, 69.0)
    hand.wanted = BACK
    course.heed(hand, 30.0)
    course.heed(hand, 31.0)
    assert (course.outage_s, course.back_s, course.over_s) == (9.0, 30.0, 42.0)
