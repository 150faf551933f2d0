"""Cards: the check digit, expiry, CVV, brands, declined numbers, and what is left of a number in a text."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from office_cards import DECLINED_CARDS, GOOD_CARDS, brand_of, check_card, decline_reason, luhn_ok, masked

TODAY = date(2026, 3, 2)
VISA = "4242424242424242"


@given(st.text("0123456789", min_size=11, max_size=18))
def test_one_check_digit_of_ten_is_right(start: str) -> None:
    assert sum(luhn_ok(start + last) for last in "0123456789") == 1


@given(st.sampled_from(GOOD_CARDS), st.integers(0, 15), st.integers(1, 9))
def test_a_digit_that_is_wrong_is_found(number: str, place: int, by: int) -> None:
    wrong = str((int(number[place]) + by) % 10)
    assert not luhn_ok(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize("number", [*GOOD_CARDS, *DECLINED_CARDS])
def test_test_cards_pass_every_check(number: str) -> None:
    assert check_card(number, "1230", "123", TODAY) is None
    assert (decline_reason(number) is None) == (number in GOOD_CARDS)


@pytest.mark.parametrize(
    ("number", "expiry", "cvv", "field"),
    [
        ("4242424242424241", "1230", "123", "number"),
        ("", "1230", "123", "number"),
        ("42424242424242xx", "1230", "123", "number"),
        ("9999999999999995", "1230", "123", "number"),  # a right check digit, no brand
        (VISA, "1330", "123", "expiry"),
        (VISA, "0226", "123", "expiry"),
        (VISA, "0147", "123", "expiry"),
        (VISA, "12-30", "123", "expiry"),
        (VISA, "1230", "12", "cvv"),
        (VISA, "1230", "1234", "cvv"),
        ("378282246310005", "1230", "123", "cvv"),
    ],
)
def test_what_is_wrong_with_a_card_is_named(number: str, expiry: str, cvv: str, field: str) -> None:
    problem = check_card(number, expiry, cvv, TODAY)
    assert problem is not None
    assert problem.field == field
    assert number not in problem.problem or not number


@pytest.mark.parametrize("expiry", ["0326", "03/26", "1246"])
def test_a_card_is_good_in_its_last_month(expiry: str) -> None:
    assert check_card(VISA, expiry, "123", TODAY) is None


def test_amex_has_fifteen_digits_and_four_of_cvv() -> None:
    assert brand_of("378282246310005") == ("amex", 4)
    assert check_card("378282246310005", "1230", "1234", TODAY) is None


@pytest.mark.parametrize("text", [VISA, "4242 4242 4242 4242", "4242-4242-4242-4242"])
def test_a_card_in_a_text_is_cut_down(text: str) -> None:
    assert masked(f"card {text}, thanks") == "card ****4242, thanks"


def test_shorter_numbers_stay() -> None:
    assert masked("invoice 20000001, phone 2125550100") == "invoice 20000001, phone 2125550100"
