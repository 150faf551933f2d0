"""Secrets as a flow and the journal have them: a handle, a count, and no way to anything else."""

import pytest

from keepline.flow import AskSecretDigits, Call, Reason, Secret, StepOutcome, StepResult, Use
from keepline.flow.capabilities import handles_in, read_value, without_secrets, write_value
from keepline.flow.secrets import SecretHandle, filled, written_answer
from keepline.flow.steps import fingerprint
from keepline.model.limits import SECRET_COUNT_MAX

CALL = Call("id", "+15550100", "1000")


def asked(**how: object) -> AskSecretDigits:
    request = CALL.ask_secret_digits("Your card?", **({"count": 16} | how)).request  # type: ignore[arg-type]
    assert isinstance(request, AskSecretDigits)
    return request


def given(handle: int = 3, count: int = 16, reason: Reason = Reason.ANSWERED) -> Secret:
    value = written_answer(handle, count) if reason is Reason.ANSWERED else ""
    question = asked()
    result = StepResult(question.verb, fingerprint(question), StepOutcome.DONE, value, reason.value, 2)
    return question.returned(result)


def test_an_answer_is_a_handle() -> None:
    card = given()
    assert (card.ok, bool(card), card.handle, card.count, card.reason, card.attempts) == (
        True, True, 3, 16, "answered", 2,
    )  # fmt: skip
    assert f"{card} {card!r} {card:>20}" == "Secret(16 digits) Secret(16 digits)    Secret(16 digits)"
    assert card == given()
    assert len({card, given(), given(4)}) == 2


@pytest.mark.parametrize("reason", [Reason.NO_INPUT, Reason.TOO_SHORT, Reason.INVALID])
def test_no_answer_says_why(reason: Reason) -> None:
    card = given(reason=reason)
    assert (card.ok, bool(card), card.count, card.reason) == (False, False, 0, reason)
    with pytest.raises(ValueError, match=r"this secret was not given"):
        CALL.use("payments.charge", card=[card])


def test_a_use_has_handles_and_knows_how_to_ask_again() -> None:
    card, code = given(3), given(5, 3)
    use = CALL.use("payments.charge", invoice="12", card={"number": card}, codes=[code, 1]).request
    assert isinstance(use, Use)
    assert use.arguments == '{"card":{"number":{"$secret":[3,16]}},"codes":[{"$secret":[5,3]},1],"invoice":"12"}'
    assert dict(use.secrets) == {3: card.question, 5: code.question}
    assert handles_in(use.arguments) == (3, 5)
    assert without_secrets(use.arguments) == '{"invoice": "12"}'
    read = read_value(use.arguments)
    assert read == {"card": {"number": SecretHandle(3, 16)}, "codes": [SecretHandle(5, 3), 1], "invoice": "12"}
    assert filled(read, lambda handle: f"digits of {handle}")["codes"] == ["digits of 5", 1]


def test_a_mapping_that_looks_like_a_handle_is_none() -> None:
    written = write_value({"card": {"$secret": [3, 16]}, "text": '"$secret":[4,2]'})
    assert handles_in(written) == ()
    assert read_value(written) == {"card": {"$secret": [3, 16]}, "text": '"$secret":[4,2]'}


def test_the_way_to_ask_again_is_no_part_of_a_fingerprint() -> None:
    use = CALL.use("payments.charge", card=given()).request
    assert isinstance(use, Use)
    assert fingerprint(use) == fingerprint(Use(use.capability, use.action, use.arguments))


@pytest.mark.parametrize("verb", ["say", "log", "outcome"])
def test_a_secret_is_neither_said_nor_noted(verb: str) -> None:
    text = "Your card is {card:digits}." if verb == "say" else "card"
    with pytest.raises((TypeError, ValueError)) as raised:
        getattr(CALL, verb)(text, card=given())
    assert "16" not in str(raised.value).replace("Secret(16 digits)", "")


@pytest.mark.parametrize(
    ("how", "wrong"),
    [
        ({"count": 0}, "count must be 1"),
        ({"count": SECRET_COUNT_MAX + 1}, f"count must be 1 to {SECRET_COUNT_MAX}"),
        ({"min_count": 17}, "min_count must be 1 to count"),
        ({"min_count": 0}, "min_count must be 1 to count"),
        ({"terminator": "##"}, "terminator is one key"),
        ({"terminator": "x"}, "terminator is one key"),
        ({"check": "iban"}, "check is None or one of luhn, expiry"),
        ({"retries": 11}, "retries must be"),
        ({"timeout_s": -1.0}, "timeout_s is 0 s or more"),
        ({"prompt": "card"}, "give either a text to speak or prompt="),
    ],
)
def test_what_cannot_be_asked_says_so(how: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=f"ask_secret_digits: {wrong}"):
        asked(**how)


def test_all_digits_are_needed_unless_it_says_less() -> None:
    assert (asked().min_count, asked(min_count=13).min_count) == (16, 13)
