"""The retailer's delivery appointments, every branch, in virtual time, against its own back office."""

import pytest

from tests.unit.retailer.retail_shop import (
    ALL_SLOTS,
    DELIVERED,
    NUMBER,
    PACKED,
    PHONE,
    PLACED,
    Shop,
)


def test_a_window_is_booked(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED)
    assert "Tuesday, March 3, 2026, from 8 a.m. to 10 a.m." in call.hears("We can deliver on")
    call.presses("1")
    assert "3 0 0 0, 0 1" in call.hears("Your delivery is booked: Tuesday, March 3")
    call.ends()
    assert (call.outcome, call.outcome_fields) == (
        "booked", {"order": PACKED, "slot": "20260303-08-1", "confirmation": "300001"},
    )  # fmt: skip
    assert shop.office.ledger() == {"booked": 1}


def test_the_next_window_is_offered_on_request(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "from 8 a.m.", "2", "from 10 a.m.", "2", "from 12 p.m.", "1")
    call.hears("booked: Tuesday, March 3, 2026, from 12 p.m. to 2 p.m.")
    call.ends()


def test_two_callers_race_for_one_window(shop: Shop) -> None:
    first = shop.dial("2", "ask_order", PACKED, "from 8 a.m.", "")
    second = shop.dial("2", "ask_order", PLACED, "from 8 a.m.", "")
    second.presses("1")
    first.presses("1")
    second.hears("booked: Tuesday, March 3, 2026, from 8 a.m.")
    first.hears("slot_taken")
    first.hears("We can deliver on Tuesday, March 3, 2026, from 10 a.m.")
    first.presses("1")
    first.hears("booked: Tuesday, March 3, 2026, from 10 a.m.")
    for call in (first, second):
        call.ends()
        assert call.outcome == "booked"
    assert shop.office.ledger() == {"booked": 2}


def test_many_want_the_same_window_and_none_of_them_loses_for_ever(shop: Shop) -> None:
    """One of them got it, and one of the rest the next: who called first had none after as many turns as callers."""
    orders = [str(100_000 + n) for n in range(1, 60) if n % 6 in (0, 1, 4)][: ALL_SLOTS - 3]
    calls = [shop.tester.call(NUMBER, from_=PHONE) for _ in orders]
    for prompt, keys in (("menu", ["2"] * len(orders)), ("ask_order", orders)):
        for call, pressed in zip(calls, keys, strict=True):
            call.hears(prompt)
            call.presses(pressed)
    for call in calls:
        call.hears("We can deliver")
    turns = 0
    while left := [call for call in calls if not call.ended]:
        turns += 1
        for call in left:
            call.presses("1")
        shop.tester.waits(12.0)
    assert [call.outcome for call in calls] == ["booked"] * len(orders)
    assert turns < len(orders) / 2
    assert shop.office.ledger() == {"booked": len(orders)}


def test_every_window_is_taken(shop: Shop) -> None:
    orders = [str(100_000 + n) for n in range(1, 60) if n % 6 in (0, 1, 4)]
    for order in orders[:ALL_SLOTS]:
        shop.book(order)
    call = shop.dial("2", "ask_order", orders[ALL_SLOTS], "no_slots", "")
    call.ends()
    assert call.outcome == "no_slots"
    assert shop.office.ledger() == {"booked": ALL_SLOTS}


def test_a_window_that_goes_while_all_others_are_taken(shop: Shop) -> None:
    orders = [str(100_000 + n) for n in range(1, 60) if n % 6 in (0, 1, 4)]
    for order in orders[: ALL_SLOTS - 1]:
        shop.book(order)
    slow = shop.dial("2", "ask_order", orders[ALL_SLOTS], "We can deliver", "")
    shop.book(orders[ALL_SLOTS + 1])
    slow.presses("1")
    slow.hears("slot_taken")
    slow.hears("no_slots")
    slow.ends()
    assert slow.outcome == "no_slots"


def test_an_order_with_nothing_to_deliver(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", DELIVERED, "no delivery to arrange", "")
    call.ends()
    assert call.outcome == "nothing_to_deliver"


def test_an_appointment_is_moved(shop: Shop) -> None:
    shop.book(PACKED)
    call = shop.dial("2", "ask_order", PACKED, "Your order arrives on Tuesday, March 3", "1", "from 10 a.m.", "1")
    call.hears("Your delivery is moved: Tuesday, March 3, 2026, from 10 a.m. to 12 p.m.")
    call.ends()
    assert (call.outcome, call.outcome_fields["slot"]) == ("moved", "20260303-10-1")
    assert shop.office.ledger() == {"booked": 1, "moved": 1}


def test_an_appointment_is_cancelled(shop: Shop) -> None:
    shop.book(PACKED)
    call = shop.dial("2", "ask_order", PACKED, "Your order arrives on", "2", "is cancelled", "")
    call.ends()
    assert (call.outcome, call.outcome_fields["slot"]) == ("cancelled", "20260303-08-1")
    assert shop.office.ledger() == {"booked": 1, "cancelled": 1}


@pytest.mark.parametrize(("prompt", "order"), [("Your order arrives on", PACKED), ("We can deliver", PLACED)])
def test_who_does_not_answer_changes_nothing(shop: Shop, prompt: str, order: str) -> None:
    shop.book(PACKED)
    call = shop.dial("2", "ask_order", order, prompt, "", "goodbye", "")
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("unchanged", "no_input")
    assert shop.office.ledger() == {"booked": 1}


BACK_S = 120.0
"""An outbox is empty by then."""


@pytest.mark.parametrize(
    ("order", "heard", "key"),
    [
        (PACKED, "", ""),
        (PACKED, "Your order arrives on", "1"),
        (PLACED, "", ""),
        (PLACED, "We can deliver", "1"),
        (PLACED, "We can deliver", "2"),
    ],
)
def test_while_the_back_office_is_away_a_wish_is_noted(shop: Shop, order: str, heard: str, key: str) -> None:
    shop.book(PACKED)
    shop.office.away = set() if heard else {"appointments"}
    call = shop.dial("2", "ask_order", order)
    if heard:
        call.hears(heard)
        shop.office.away = {"appointments"}
        call.presses(key)
    elif order == PACKED:
        call.hears("To move your delivery, press 1")
        call.presses("1")
    call.hears("ask_wish")
    call.presses("2")
    call.hears("wish_noted")
    call.ends()
    assert (call.outcome, call.outcome_fields["when"]) == ("wish", "in the afternoon")
    assert shop.office.ledger() == {"booked": 1}
    shop.office.away = set()
    shop.tester.waits(BACK_S)
    assert shop.office.ledger() == {"booked": 1, "message": 1}
    [message] = shop.office.store.all("SELECT phone, department, text FROM messages")
    assert (message["phone"], message["department"]) == (PHONE, "delivery")
    assert f"the delivery of order {order}: in the afternoon." in message["text"]


@pytest.mark.parametrize("heard", ["", "Your order arrives on"])
def test_while_the_back_office_is_away_a_cancellation_is_noted(shop: Shop, heard: str) -> None:
    shop.book(PACKED)
    shop.office.away = set() if heard else {"appointments"}
    call = shop.dial("2", "ask_order", PACKED)
    call.hears(heard or "To move your delivery, press 1")
    shop.office.away = {"appointments"}
    call.presses("2")
    call.hears("cancel_noted")
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("cancel_noted", {"booked": 1})
    shop.office.away = set()
    shop.tester.waits(BACK_S)
    assert shop.office.ledger() == {"booked": 1, "cancelled": 1}


def test_a_booking_whose_answer_is_lost_is_made_once(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "We can deliver", "")
    shop.office.loses_answers = 1
    call.presses("1")
    call.hears("Your delivery is booked")
    call.ends()
    assert shop.office.ledger() == {"booked": 1}


def test_a_booking_that_nobody_can_tell_of_is_promised_and_not_guessed(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "We can deliver", "")
    shop.office.loses_answers = 3
    call.presses("1")
    call.hears("apology")
    call.hears("promise")
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("promised", "pending: the answer was lost")


def test_an_order_that_was_booked_meanwhile_on_the_web(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "We can deliver", "2", "We can deliver", "")
    shop.book(PACKED)
    call.presses("1")
    call.hears("apology")
    call.ends()
    assert call.outcome_fields["why"] == "refused: 409 already_booked"
    assert shop.office.ledger() == {"booked": 1, "message": 1}
