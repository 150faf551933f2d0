"""`record_message` refuses what cannot be recorded, and gives back what is on record."""

import pytest

from keepline.flow import Call, Recording, RecordingReason, RecordMessage, StepOutcome, StepResult
from keepline.flow.recording import read_recorded, write_recorded
from keepline.model.limits import ASK_RETRIES_MAX, RECORDING_LENGTH_S_MAX, RECORDING_SILENCE_S_MIN

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")
KEY = "ab" * 16


def returned(reason: str, value: str) -> object:
    request = CALLER.record_message("Speak.").request
    return request.returned(StepResult("record_message", "", StepOutcome.DONE, value, reason, 2))


def test_a_message_is_a_value() -> None:
    message = returned("silence", write_recorded(KEY, 12.5))
    assert message == Recording(KEY, 12.5, RecordingReason.SILENCE, 2)
    assert isinstance(message, Recording)
    assert message.path == f"recordings/{KEY}.wav"
    assert message
    assert message.reason == "silence"


@pytest.mark.parametrize("reason", ["too_short", "failed"])
def test_what_is_no_message_is_false(reason: str) -> None:
    assert not returned(reason, write_recorded(KEY, 0.5))


def test_what_is_written_is_read() -> None:
    assert read_recorded(write_recorded(KEY, 0.25)) == (KEY, 0.25)
    assert read_recorded("") == ("", 0.0)


@pytest.mark.parametrize(
    ("why", "heard_s", "reason"),
    [
        ("stopped", 1.0, "terminator"),
        ("silence", 30.0, "silence"),
        ("limit", 1.0, "limit"),
        ("silence", 0.9, "too_short"),
        ("stopped", 0.0, "too_short"),
        ("failed", 30.0, "failed"),
        ("closed", 30.0, "failed"),
    ],
)
def test_what_the_end_of_a_recording_means(why: str, heard_s: float, reason: str) -> None:
    assert RecordMessage("Speak.").reason_of(why, heard_s) == reason


def test_its_words_are_those_of_every_verb() -> None:
    request = CALLER.record_message("Leave a message for {who}.", who="Ann", language="de").request
    assert isinstance(request, RecordMessage)
    assert (request.text, request.language) == ("Leave a message for Ann.", "de")
    assert CALLER.record_message(beep=False).request == RecordMessage(beep=False)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"prompt": "welcome"}, "either a text"),
        ({"length_s_max": 0.5}, "length_s_max must be 1 to"),
        ({"length_s_max": float("nan")}, "length_s_max must be 1 to"),
        ({"length_s_max": RECORDING_LENGTH_S_MAX + 1}, f"1 to {RECORDING_LENGTH_S_MAX}"),
        ({"silence_s": RECORDING_SILENCE_S_MIN / 2}, f"silence_s must be {RECORDING_SILENCE_S_MIN} or more, or None"),
        ({"silence_s": float("nan")}, "silence_s must be"),
        ({"min_s": 121}, "min_s must be 0 to length_s_max"),
        ({"min_s": -1}, "min_s must be"),
        ({"retries": ASK_RETRIES_MAX + 1}, "retries must be 0 to"),
        ({"terminator": "x"}, "terminator is made of the keys"),
    ],
)
def test_what_cannot_be_recorded_is_told(given: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        CALLER.record_message("Speak.", **given)  # type: ignore[arg-type]


def test_words_are_words() -> None:
    with pytest.raises(TypeError, match="record_message: on_invalid is a string"):
        CALLER.record_message("Speak.", on_invalid=None)  # type: ignore[arg-type]
