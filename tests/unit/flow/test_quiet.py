"""The verbs that a caller does not hear refuse what cannot be recorded or waited for."""

import json

import pytest

from keepline.flow import Call, Log, Outcome, Wait
from keepline.model.limits import NOTE_CHARS_MAX, WAIT_S_MAX

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")


def test_what_is_noted_is_json() -> None:
    noted = CALLER.log("order_found", event="7", amount=12.5, paid=True, note=None).request
    assert isinstance(noted, Log)
    assert json.loads(noted.to_json()) == {
        "log": "order_found",
        "fields": {"event": "7", "amount": 12.5, "paid": True, "note": None},
    }
    assert CALLER.outcome("paid").request == Outcome("paid")


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"bytes", object()])
def test_fields_are_plain(value: object) -> None:
    with pytest.raises(TypeError, match="amount is text, a number, true, false or None"):
        CALLER.outcome("paid", amount=value)  # type: ignore[arg-type]


def test_not_a_number_is_none() -> None:
    with pytest.raises(ValueError, match="not a number"):
        CALLER.log("seen", amount=float("nan"))


def test_a_note_has_a_name() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        CALLER.log("")
    with pytest.raises(TypeError, match="name is a string"):
        CALLER.outcome(7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="surrogates not allowed"):
        CALLER.log("half", word="\ud83d")


def test_a_note_has_a_limit() -> None:
    empty = CALLER.log("x", text="").request
    assert isinstance(empty, Log)
    room = NOTE_CHARS_MAX - len(empty.to_json())
    CALLER.log("x", text="a" * room)
    with pytest.raises(ValueError, match=f"at most {NOTE_CHARS_MAX} characters"):
        CALLER.log("x", text="a" * (room + 1))


@pytest.mark.parametrize("seconds", [-1, float("nan"), WAIT_S_MAX + 1])
def test_a_wait_ends(seconds: float) -> None:
    with pytest.raises(ValueError, match=f"seconds must be 0 to {WAIT_S_MAX}"):
        CALLER.wait(seconds)
    assert CALLER.wait(WAIT_S_MAX).request == Wait(WAIT_S_MAX)
