"""Payment cards: what may be charged, what is refused before anybody is asked, and what the bank says no to.

Pure functions. A number leaves this module as its last four digits and its brand, never whole.
Check digit: ISO/IEC 7812-1 annex B (Luhn).
"""

import re
from dataclasses import dataclass
from datetime import date

EXPIRY = re.compile(r"(0[1-9]|1[0-2])/?(\d\d)")
YEARS_AHEAD_MAX = 20
BRANDS = (
    ("amex", re.compile(r"3[47]\d{13}"), 4),
    ("visa", re.compile(r"4\d{15}"), 3),
    ("mastercard", re.compile(r"(5[1-5]\d{14}|2[2-7]\d{14})"), 3),
    ("discover", re.compile(r"6(011|5\d\d)\d{12}"), 3),
)
"""(name, whole number, length of its CVV)."""

GOOD_CARDS = ("4242424242424242", "5555555555554444", "4111111111111111", "6011111111111117")
DECLINED_CARDS = {
    "4000000000000002": "do_not_honor",
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000009979": "stolen_card",
    "4000000000000069": "expired_card",
    "4000000000000127": "incorrect_cvv",
}
"""Test numbers that pass every check here and that the bank declines, with its reason."""

CARD_LIKE = re.compile(r"(?<!\d)\d(?:[ -]?\d){11,18}(?!\d)")


@dataclass(frozen=True, slots=True)
class CardProblem:
    """Why a card cannot be charged at all."""

    field: str
    """"number", "expiry" or "cvv"."""
    problem: str


def luhn_ok(number: str) -> bool:
    """Whether the check digit of a string of digits is right."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def brand_of(number: str) -> tuple[str, int]:
    """(brand, length of its CVV); ("unknown", 3) where the number is of no brand that is taken."""
    for name, pattern, cvv_length in BRANDS:
        if pattern.fullmatch(number):
            return name, cvv_length
    return "unknown", 3


def check_card(number: str, expiry: str, cvv: str, today: date) -> CardProblem | None:
    """The first thing wrong with a card, in the order in which a caller keys it; None where all is well.

    `expiry` is MMYY or MM/YY; a card is good until the last day of that month.
    """
    if not number.isascii() or not number.isdigit() or not luhn_ok(number):
        return CardProblem("number", "is not a card number: its check digit is wrong")
    brand, cvv_length = brand_of(number)
    if brand == "unknown":
        return CardProblem("number", "is of no brand that is taken here")
    match = EXPIRY.fullmatch(expiry)
    if match is None:
        return CardProblem("expiry", "is not a month and a year as MMYY")
    month, year = int(match[1]), 2000 + int(match[2])
    if (year, month) < (today.year, today.month):
        return CardProblem("expiry", "has passed")
    if year > today.year + YEARS_AHEAD_MAX:
        return CardProblem("expiry", f"is more than {YEARS_AHEAD_MAX} years ahead")
    if not (cvv.isascii() and cvv.isdigit() and len(cvv) == cvv_length):
        return CardProblem("cvv", f"has not {cvv_length} digits")
    return None


def decline_reason(number: str) -> str | None:
    """What the bank says no with; None where it says yes."""
    return DECLINED_CARDS.get(number)


def masked(text: str) -> str:
    """The text with everything that looks like a card number cut down to its last four digits."""
    return CARD_LIKE.sub(lambda match: "****" + match[0][-4:], text)
