"""What keys mean to a question, and what its author gets."""

import pytest

from keepline.flow import AskChoice, AskDigits, Call, Digits, Failure, HungUp, Reason, StepOutcome, StepResult, steps
from keepline.flow.questions import Question, Verdict
from keepline.flow.steps import fingerprint, fingerprint_of
from keepline.model.limits import ASK_RETRIES_MAX, FINGERPRINTS_CACHED_MAX

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")
MENU = AskChoice((("1", "orders"), ("2", "sales"), ("21", "wholesale"), ("0", "person")))


def result(question: Question, value: str, reason: str, attempts: int = 1) -> StepResult:
    return StepResult(question.verb, fingerprint(question), StepOutcome.DONE, value, reason, attempts)


@pytest.mark.parametrize(
    ("keyed", "is_over", "verdict"),
    [
        ("", False, None),
        ("", True, Verdict(Reason.NO_INPUT, "", 0)),
        ("1", False, None),
        ("1", True, Verdict(Reason.TOO_SHORT, "1", 1)),
        ("12", False, None),
        ("12", True, Verdict(Reason.ANSWERED, "12", 2)),
        ("123", False, Verdict(Reason.ANSWERED, "123", 3)),
        ("1234", False, Verdict(Reason.ANSWERED, "123", 3)),
        ("123#4", False, Verdict(Reason.ANSWERED, "123", 4)),
        ("12#", False, Verdict(Reason.ANSWERED, "12", 3)),
        ("1#", False, Verdict(Reason.TOO_SHORT, "1", 2)),
        ("#", False, Verdict(Reason.TOO_SHORT, "", 1)),
    ],
)
def test_digits(keyed: str, is_over: bool, verdict: Verdict | None) -> None:
    assert AskDigits(count=3, min_count=2).judge(keyed, is_over=is_over) == verdict


@pytest.mark.parametrize(
    ("keyed", "is_over", "verdict"),
    [
        ("", False, None),
        ("", True, Verdict(Reason.NO_INPUT, "", 0)),
        ("1", False, Verdict(Reason.ANSWERED, "orders", 1)),
        ("17", False, Verdict(Reason.ANSWERED, "orders", 1)),
        ("2", False, None),
        ("2", True, Verdict(Reason.ANSWERED, "sales", 1)),
        ("21", False, Verdict(Reason.ANSWERED, "wholesale", 2)),
        ("23", False, Verdict(Reason.ANSWERED, "sales", 1)),
        ("9", False, Verdict(Reason.INVALID, "9", 1)),
        ("95", False, Verdict(Reason.INVALID, "9", 1)),
    ],
)
def test_a_choice(keyed: str, is_over: bool, verdict: Verdict | None) -> None:
    assert MENU.judge(keyed, is_over=is_over) == verdict


def test_a_key_that_only_begins_a_choice_is_none() -> None:
    assert AskChoice((("12", "twelve"),)).judge("1", is_over=True) == Verdict(Reason.INVALID, "1", 1)


def test_digits_are_text_with_a_reason() -> None:
    answer = AskDigits().returned(result(AskDigits(), "1", "answered"))
    assert isinstance(answer, Digits)
    assert answer == "1"
    assert answer.reason == "answered"
    assert f"{answer}" == "1"


def test_digits_that_are_no_answer_are_empty() -> None:
    answer = AskDigits().returned(result(AskDigits(), "12", "too_short", 3))
    assert answer == ""
    assert not answer
    assert (answer.reason, answer.keyed, answer.attempts) == (Reason.TOO_SHORT, "12", 3)


def test_a_result_of_an_older_version_has_its_reason() -> None:
    assert AskDigits().returned(result(AskDigits(), "", "")).reason is Reason.NO_INPUT
    assert AskDigits().returned(result(AskDigits(), "7", "")).reason is Reason.ANSWERED


def test_a_choice_returns_its_value_or_a_failure() -> None:
    assert MENU.returned(result(MENU, "orders", "answered")) == "orders"
    failure = MENU.returned(result(MENU, "9", "invalid", 3))
    assert failure == Failure(Reason.INVALID, 3)
    assert not failure


def test_yes_or_no() -> None:
    asked = CALLER.ask_yes_no("Shall we?", yes="1", no="3").request
    assert isinstance(asked, Question)
    assert asked.returned(result(asked, "yes", "answered")) is True
    assert asked.returned(result(asked, "no", "answered")) is False
    assert asked.returned(result(asked, "", "no_input", 2)) == Failure(Reason.NO_INPUT, 2)
    assert asked.judge("3", is_over=False) == Verdict(Reason.ANSWERED, "no", 1)


def test_a_hang_up_has_its_reason() -> None:
    assert HungUp().reason == "hung_up"


def test_retries_have_a_limit() -> None:
    CALLER.ask_digits(retries=ASK_RETRIES_MAX)
    for often in (-1, ASK_RETRIES_MAX + 1):
        with pytest.raises(ValueError, match=f"retries must be 0 to {ASK_RETRIES_MAX}"):
            CALLER.ask_choice({"1": "one"}, retries=often)


def test_a_confirmed_question_is_asked_again_by_itself() -> None:
    asked, confirmed, once = (
        CALLER.ask_digits().request,
        CALLER.ask_digits(confirm=True).request,
        CALLER.ask_digits(confirm=True, retries=0).request,
    )
    assert isinstance(asked, AskDigits)
    assert isinstance(confirmed, AskDigits)
    assert isinstance(once, AskDigits)
    assert (asked.retries, confirmed.retries, once.retries) == (0, 2, 0)


@pytest.mark.parametrize(
    ("choices", "wrong"),
    [({}, "nothing to choose from"), ({"": "x"}, "cannot be keyed"), ({"E": "x"}, "cannot be keyed")],
)
def test_choices_can_be_keyed(choices: dict[str, str], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        CALLER.ask_choice(choices)


def test_choices_are_text() -> None:
    with pytest.raises(TypeError, match="the choice '1' is a string"):
        CALLER.ask_choice({"1": 1})  # type: ignore[dict-item]


def test_yes_is_not_no() -> None:
    with pytest.raises(ValueError, match="cannot both be '1'"):
        CALLER.ask_yes_no(no="1")


def test_min_count_is_within_the_count() -> None:
    with pytest.raises(ValueError, match=r"min_count must be 0 to count \(4\), not 5"):
        CALLER.ask_digits(count=4, min_count=5)


def test_a_confirmation_needs_words() -> None:
    with pytest.raises(ValueError, match="no words to confirm in 'xx'"):
        CALLER.ask_digits(confirm=True, language="xx")


def test_the_calls_language_is_that_of_its_words() -> None:
    call = Call("0194f1c2d3e4f5a6", "alice", "1000", "de")
    assert call.say("Guten Tag.").request == Call("", "", "").say("Guten Tag.", language="de").request
    call.language = "fr"
    asked = call.ask_choice({"1": "un"}, "Un ?").request
    assert isinstance(asked, AskChoice)
    assert asked.language == "fr"


def test_fingerprints_are_kept_up_to_the_limit_and_take_no_value_for_another_that_equals_it() -> None:
    kept = steps._kept_fingerprint
    for number in range(FINGERPRINTS_CACHED_MAX + 10):
        question = CALLER.ask_digits(str(number)).request
        assert fingerprint(question) == fingerprint_of(question)
    assert kept.cache_info().currsize == FINGERPRINTS_CACHED_MAX
    whole, real = (CALLER.ask_digits("a", timeout_s=value).request for value in (7, 7.0))
    assert whole == real
    assert (fingerprint(whole), fingerprint(real)) == (fingerprint_of(whole), fingerprint_of(real))
    assert fingerprint(whole) != fingerprint(real)


def test_an_argument_with_its_default_does_not_change_the_fingerprint() -> None:
    assert fingerprint(CALLER.ask_digits("a").request) == fingerprint(CALLER.ask_digits("a", retries=0).request)
    assert fingerprint(CALLER.ask_digits("a").request) != fingerprint(CALLER.ask_digits("a", retries=1).request)
    assert fingerprint(CALLER.ask_choice({"1": "a"}).request) != fingerprint(CALLER.ask_choice({"1": "b"}).request)
