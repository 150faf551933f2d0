"""Numbers of an operation: one way to write each, and no number twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]
RULE = "write E.164 as `+18005550100`, an extension of 2 to 6 digits as `1000`, or a user name as `reception`"


def with_line(line: str, instead_of: str) -> str:
    assert instead_of in GOOD_YAML
    return GOOD_YAML.replace(instead_of, line)


@pytest.mark.parametrize(
    ("number", "mistake"),
    [
        ("18005550100", "`18005550100` is not in E.164; write `+18005550100`"),
        ("'+1 (800) 555-0100'", "`+1 (800) 555-0100` is not in E.164; write `+18005550100`"),
        ("0018005550100", "`0018005550100` is not in E.164; write `+18005550100`"),
        ("tel:+18005550100", "`tel:+18005550100` is not in E.164; write `+18005550100`"),
        (
            "08005550100",
            "`08005550100` is not in E.164; write + and the country code first, which never begins with 0",
        ),
        ("5550100", "`5550100` lacks its country code; write E.164, as `+18005550100`: +, country code, number"),
        ("+1234", "`+1234` has 4 digits; E.164 is + and 7 to 15 digits, as `+18005550100`"),
        ("+1234567890123456", "`+1234567890123456` has 16 digits; E.164 is + and 7 to 15 digits, as `+18005550100`"),
        ("+0123456", "`+0123456` is not in E.164; write + and the country code first, which never begins with 0"),
        ("7", f"`7` is too short for an extension; {RULE}"),
        ("10O0", f"`10O0` is not a number; {RULE}"),
        ("a b", f"`a b` is not a number; {RULE}"),
        ("+١٢٣٤٥٦٧", f"`+١٢٣٤٥٦٧` is not a number; {RULE}"),
    ],
)
def test_a_number_has_one_way_to_be_written(mistakes: Check, number: str, mistake: str) -> None:
    plain = number.strip("'")
    assert mistakes(with_line(f"{number}:", "0800:")) == [f"keepline.yaml:7:3: numbers.{plain}: {mistake}"]


@pytest.mark.parametrize("number", ["+18005550100", "+1234567", "10", "112", "123456", "reception", "J.Doe_2"])
def test_a_right_number_is_taken_as_it_stands(shop: Path, number: str) -> None:
    (shop / "keepline.yaml").write_text(with_line(f"{number}:", "0800:"), encoding="utf-8")
    assert list(load_operation(shop).numbers) == [number]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("+18005550100", "18005550100"),
        ("+18005550100", "+1-800-555-0100"),
        ("0018005550100", "+18005550100"),
        ("Reception", "reception"),
    ],
)
def test_one_number_in_two_notations_is_a_duplicate(mistakes: Check, first: str, second: str) -> None:
    found = mistakes(with_line(f"{first}: {{flow: greeting}}\n  {second}:", "0800:"))
    wrong = f"`{second}` is the same number as `{first}` in line 7; keep one of the two"
    assert f"keepline.yaml:8:3: numbers.{second}: {wrong}" in found
