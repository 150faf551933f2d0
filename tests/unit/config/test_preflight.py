"""`preflight:` of an operation file: what is read, and every mistake at its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.limits_drills import DRILL_TEST_CALLS_MAX
from keepline.model.preflight import Preflight
from tests.unit.config.test_failover import with_failover

Check = Callable[..., list[str]]
TEST = '"+18005550190"'


def test_it_is_read(shop: Path) -> None:
    text = with_failover("{method: none}")
    (shop / "keepline.yaml").write_text(text, encoding="utf-8")
    assert load_operation(shop).preflight == Preflight()
    more = f"preflight: {{every_s: 86400, calls_per_s: 8, channels: 220, test_numbers: {{north: {TEST}}}}}\n"
    (shop / "keepline.yaml").write_text(text + more, encoding="utf-8")
    assert load_operation(shop).preflight == Preflight(86_400.0, 8.0, 220, {"north": "+18005550190"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{test_numbers: {west: +18005550190}}", "`west` is no trunk that test calls can go out by"),
        ("{test_numbers: {south: +18005550190}}", "`south` is no trunk that test calls can go out by"),
        ("{test_numbers: {north: +18005550199}}", "`+18005550199` is one of `numbers`, or there twice"),
        ("{test_numbers: {north: nobody here}}", "`nobody here` is not a number"),
        ("{calls_per_s: 0}", "out of range"),
        ("{every_s: -1}", "out of range"),
        ("{drill_carriers: [north]}", "`north` is none of several carriers"),
        (f"{{drill_calls_max: {DRILL_TEST_CALLS_MAX + 1}}}", "out of range"),
        ("{drill_calls_max: 2}", "out of range"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Check, text: str, told: str) -> None:
    found = mistakes(with_failover("{method: none}") + f"preflight: {text}\n")
    assert [each for each in found if told in each], found
