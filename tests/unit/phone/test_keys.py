"""The grammar of --keys."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.model.limits import PHONE_STEPS_MAX, PHONE_WAIT_S_MAX
from keepline.phone.keys import HangUp, KeysError, Press, Wait, parse_keys


def test_the_example_of_the_documentation() -> None:
    assert parse_keys("1,wait:2,4711#") == (Press("1"), Wait(2.0), Press("4711#"))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("  ", ()),
        (" 1 , wait:0.5 , bye ", (Press("1"), Wait(0.5), HangUp())),
        ("abcd*#", (Press("ABCD*#"),)),
        ("WAIT:1,BYE", (Wait(1.0), HangUp())),
    ],
)
def test_what_can_be_written(text: str, steps: tuple[object, ...]) -> None:
    assert parse_keys(text) == steps


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1,,2", "a part is empty; parts are separated by commas"),
        ("12x4", "'12x4': 'X' is no key"),
        ("wait", "'wait' is no time; seconds from 0"),
        ("wait:", "'wait:' is no time"),
        ("wait:soon", "is no time"),
        ("wait:-1", "is no time"),
        ("wait:nan", "is no time"),
        (f"wait:{PHONE_WAIT_S_MAX + 1}", "is no time"),
        ("bye,1", "something follows bye"),
        ("bye:1", "'B' is no key|':' is no key|'Y' is no key"),
        ("1," * PHONE_STEPS_MAX + "1", "are too many"),
        ("²", "is no key"),
    ],
)
def test_what_cannot_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(KeysError, match=says):
        parse_keys(text)


@given(st.text(alphabet="0123456789*#ABCDwait:bye,. x", max_size=40))
def test_any_text_gives_steps_or_a_reason(text: str) -> None:
    with contextlib.suppress(KeysError):
        assert all(isinstance(step, Press | Wait | HangUp) for step in parse_keys(text))
