"""`money:` of an operation file: what is read, and every mistake at its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.limits_desk import PRICE_MAX, PRICE_WORDS_MAX, SLA_STEPS_MAX
from keepline.model.money import MoneySettings, Price, SlaStep, SlaTerms
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


STEPS = [{"below": 99 - each, "percent": each + 1} for each in range(SLA_STEPS_MAX + 1)]


def test_a_providers_terms_are_read(shop: Path) -> None:
    terms = "{monthly_fee: 9, credits: [{below: 99.9, percent: 5}], claim_days: 30, why: §9}"
    trunk = next(iter(load_operation(shop).trunks)).name
    text = (shop / "keepline.yaml").read_text(encoding="utf-8")
    (shop / "keepline.yaml").write_text(
        f"{text}money: {{currency: USD, sla: {{telephony/{trunk}: {terms}}}}}\n", "utf-8"
    )
    found = load_operation(shop).money
    assert found is not None
    assert found.sla == {f"telephony/{trunk}": SlaTerms(9.0, (SlaStep(99.9, 5.0),), 30, "§9")}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{currency: dollars}", "`dollars` will not do; write the three letters of ISO 4217"),
        ("{currency: USD, lost_call: {low: 9, mid: 4, high: 25, why: so}}", "`low` is the smallest"),
        ("{currency: USD, lost_call: {low: 1, mid: 4, high: 25}}", "why"),
        ("{currency: USD, lost_call: {low: -1, mid: 4, high: 25, why: so}}", "out of range"),
        (f"{{currency: USD, lost_call: {{low: 1, mid: 4, high: {PRICE_MAX + 1}, why: so}}}}", "out of range"),
        (f"{{currency: USD, lost_call: {{low: 1, mid: 4, high: 5, why: {'x' * (PRICE_WORDS_MAX + 1)}}}}}", "why"),
        (
            "{currency: USD, sla: {telephony/nosuch: {monthly_fee: 9, credits: [{below: 99, percent: 5}], why: so}}}",
            "there is no path `telephony/nosuch`",
        ),
        ("{currency: USD, sla: {telephony/carrier: {monthly_fee: 9, credits: [], why: so}}}", "credits"),
        (
            "{currency: USD, sla: {telephony/carrier: {monthly_fee: 9, why: so, "
            "credits: [{below: 99, percent: 5}, {below: 98, percent: 4}]}}}",
            "the less a path worked",
        ),
        (f"{{currency: USD, sla: {{telephony/carrier: {{monthly_fee: 9, why: so, credits: {STEPS}}}}}}}", "credits"),
        (f"{{currency: USD, minute_without: {{orders: {PRICE}}}}}", "there is no capability `orders`"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Check, text: str, told: str) -> None:
    found = mistakes(with_failover("{method: none}") + f"money: {text}\n")
    assert [each for each in found if told in each], found
