"""The book of numbers: every pair of a state and an event, and what facts that are late or strange do to it."""

from itertools import product

import pytest

from keepline.call.facts.number import NUMBERS, NumberAsked, NumberFact, NumberLeft, NumberPointed, NumberTried
from keepline.call.numbers.book import (
    MOVES_KEPT,
    TRANSITIONS,
    NumberBook,
    NumberEvent,
    NumberStanding,
    NumberState,
    key_of,
)

NUMBER = "+18005550100"


def asked(to: str, request: int = 1, by: str = "") -> NumberAsked:
    return NumberAsked(NUMBERS, 10.0 * request, NUMBER, to, "there", request, f"n{request}", "so", by)


def tried(request: int = 1, *, was_sent: bool = False) -> NumberTried:
    return NumberTried(NUMBERS, 11.0, NUMBER, request, 1, "lost", was_sent, 12.0)


def pointed(to: str, request: int = 1) -> NumberPointed:
    return NumberPointed(NUMBERS, 10.0 * request + 5.0, NUMBER, request, to, 1)


def left(request: int = 1, next_at_s: float = 0.0) -> NumberLeft:
    return NumberLeft(NUMBERS, 15.0, NUMBER, request, "refused", next_at_s)


WAY: dict[NumberState, list[NumberFact]] = {
    NumberState.HOME: [],
    NumberState.MOVING: [asked("away")],
    NumberState.AWAY: [asked("away"), pointed("away")],
    NumberState.RETURNING: [asked("away"), pointed("away"), asked("home", 2)],
}


def standing(state: NumberState) -> NumberStanding:
    book = NumberBook(WAY[state])
    return book.of(NUMBER)


def fact_of(event: NumberEvent, request: int) -> NumberFact:
    return {
        NumberEvent.ASKED_AWAY: asked("away", request + 1),
        NumberEvent.ASKED_HOME: asked("home", request + 1),
        NumberEvent.TRIED: tried(request),
        NumberEvent.POINTED: pointed("away", request),
        NumberEvent.LEFT: left(request),
    }[event]


@pytest.mark.parametrize(("state", "event"), list(product(NumberState, NumberEvent)))
def test_every_pair_follows_or_changes_nothing(state: NumberState, event: NumberEvent) -> None:
    found = standing(state)
    assert found.state is state
    following = TRANSITIONS.get((state, event))
    assert found.apply(fact_of(event, max(1, found.requests))) is (following is not None)
    assert found.state is (following or state)


def test_a_fact_of_an_earlier_request_changes_nothing() -> None:
    found = standing(NumberState.RETURNING)
    assert not found.apply(pointed("away", 1))
    assert found.state is NumberState.RETURNING


def test_a_request_to_make_sure_that_is_let_go_of_leaves_it_where_it_was() -> None:
    found = standing(NumberState.AWAY)
    found.apply(asked("away", 2, by="Ana"))
    assert (found.state, found.pinned) == (NumberState.MOVING, "away")
    found.apply(left(2))
    assert (found.state, found.pinned) == (NumberState.AWAY, "")


def test_refusals_are_counted_until_something_is_done() -> None:
    found = standing(NumberState.HOME)
    for request in (1, 2):
        found.apply(asked("away", request))
        found.apply(left(request, next_at_s=100.0))
    assert (found.refusals, found.next_at_s) == (2, 100.0)
    found.apply(asked("away", 3))
    found.apply(pointed("away", 3))
    assert (found.refusals, found.next_at_s, found.since_s) == (0, 0.0, 35.0)


def test_an_attempt_that_may_have_been_done_is_remembered_for_its_request() -> None:
    found = standing(NumberState.MOVING)
    found.apply(tried(was_sent=True))
    found.apply(tried(was_sent=False))
    assert (found.was_sent, found.attempts, found.next_at_s) == (True, 1, 12.0)


def test_only_the_latest_moves_are_kept() -> None:
    found = standing(NumberState.HOME)
    for turn in range(MOVES_KEPT + 3):
        for to, request in (("away", 2 * turn + 1), ("home", 2 * turn + 2)):
            found.apply(asked(to, request))
            found.apply(pointed(to, request))
    assert len(found.moves) == MOVES_KEPT


def test_facts_of_other_things_are_passed_over_and_keys_are_of_one_request_alone() -> None:
    assert not NumberBook().note(object())
    assert len({key_of(NUMBER, 1, 1.0), key_of(NUMBER, 2, 1.0), key_of(NUMBER, 1, 2.0), key_of("+1", 1, 1.0)}) == 4
