"""The verbs refuse what cannot be meant, at the author's own line."""

import pytest

from keepline.flow import AskDigits, Call, HangUp, Say
from keepline.model.limits import ASK_DIGITS_COUNT_MAX

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")


def test_a_verb_is_its_request() -> None:
    assert CALLER.say("Hello.").request == Say(text="Hello.")
    assert CALLER.say(prompt="music", repeat=True).request == Say(prompt="music", repeat=True)
    assert CALLER.ask_digits(count=4).request == AskDigits(count=4)
    assert CALLER.hangup().request == HangUp()


def test_say_takes_a_text_or_a_prompt() -> None:
    with pytest.raises(ValueError, match="either a text to speak or prompt="):
        CALLER.say()
    with pytest.raises(ValueError, match="either a text to speak or prompt="):
        CALLER.say("Hello.", prompt="hello")


def test_ask_digits_takes_one_of_them_or_none() -> None:
    with pytest.raises(ValueError, match="either a text to speak or prompt="):
        CALLER.ask_digits("Hello.", prompt="hello")
    assert CALLER.ask_digits().request == AskDigits()


@pytest.mark.parametrize("count", [0, -1, ASK_DIGITS_COUNT_MAX + 1])
def test_ask_digits_counts_from_one_to_its_limit(count: int) -> None:
    with pytest.raises(ValueError, match=f"count must be 1 to {ASK_DIGITS_COUNT_MAX}"):
        CALLER.ask_digits(count=count)
    CALLER.ask_digits(count=ASK_DIGITS_COUNT_MAX)


@pytest.mark.parametrize("times", [{"timeout_s": -1.0}, {"timeout_s": float("nan")}, {"between_s": -0.1}])
def test_ask_digits_takes_no_times_that_never_come(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="_s is 0 s or more"):
        CALLER.ask_digits(**times)  # type: ignore[arg-type]
    CALLER.ask_digits(timeout_s=0, between_s=0)


def test_ask_digits_takes_one_terminator_at_most() -> None:
    with pytest.raises(ValueError, match="terminator is one key"):
        CALLER.ask_digits(terminator="##")
    CALLER.ask_digits(terminator="")


def test_words_are_text() -> None:
    with pytest.raises(TypeError, match="text is a string, not 42"):
        CALLER.say(42)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="surrogates not allowed"):
        CALLER.ask_digits("half a character: \ud83d")
