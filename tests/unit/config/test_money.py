"""`money:` of an operation file: what is read, and every mistake at its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.limits_desk import PRICE_MAX, PRICE_WORDS_MAX
from keepline.model.money import MoneySettings, Price
from tests.unit.config.test_failover import with_failover

Check = Callable[..., list[str]]
PRICE = "{low: 4, mid: 9, high: 25, why: one caller in five buys for 45}"


def test_it_is_read(shop: Path) -> None:
    text = with_failover("{method: none}")
    (shop / "keepline.yaml").write_text(text, encoding="utf-8")
    assert load_operation(shop).money is None
    more = f"money: {{currency: USD, lost_call: {PRICE}, minute_without: {{telephony: {PRICE}}}}}\n"
    (shop / "keepline.yaml").write_text(text + more, encoding="utf-8")
    price = Price(4.0, 9.0, 25.0, "one caller in five buys for 45")
    assert load_operation(shop).money == MoneySettings("USD", price, None, None, {"telephony": price})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{currency: dollars}", "`dollars` will not do; write the three letters of ISO 4217"),
        ("{currency: USD, lost_call: {low: 9, mid: 4, high: 25, why: so}}", "`low` is the smallest"),
        ("{currency: USD, lost_call: {low: 1, mid: 4, high: 25}}", "why"),
        ("{currency: USD, lost_call: {low: -1, mid: 4, high: 25, why: so}}", "out of range"),
        (f"{{currency: USD, lost_call: {{low: 1, mid: 4, high: {PRICE_MAX + 1}, why: so}}}}", "out of range"),
        (f"{{currency: USD, lost_call: {{low: 1, mid: 4, high: 5, why: {'x' * (PRICE_WORDS_MAX + 1)}}}}}", "why"),
        (f"{{currency: USD, minute_without: {{orders: {PRICE}}}}}", "there is no capability `orders`"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Check, text: str, told: str) -> None:
    found = mistakes(with_failover("{method: none}") + f"money: {text}\n")
    assert [each for each in found if told in each], found
