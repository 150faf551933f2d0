"""What may be promised, what a ticket's variables say, and what a call is to a ticket."""

from typing import Any

import pytest

from keepline.flow import Call, CallbackPromised, Called, NoCallback, NotCalled, Run, StepOutcome, StepResult
from keepline.flow.calling_back import ON_LINE, CallbackPlan, CallbackResult, judge, plan_of
from keepline.flow.capabilities import read_value, write_value
from keepline.flow.promises import PromiseCallback
from keepline.flow.secrets import SecretHandle
from keepline.model.limits_callbacks import CALLBACK_VARIABLES_CHARS_MAX, CALLBACK_WITHIN_S_MAX

PLAN = CallbackPlan(
    "+15550100", "call_back", ((10.0, 20.0), (30.0, 40.0)), 3, 600.0, 30.0, "", ("voicemail",), "", "first", True,
    "lost", {"matter": "a refund"},
)  # fmt: skip


def test_a_plan_is_what_its_variables_say() -> None:
    assert plan_of(read_value(write_value(PLAN.told()))) == PLAN


@pytest.mark.parametrize(
    ("at_s", "next_s", "is_open"),
    [
        (0.0, 10.0, False),
        (10.0, 10.0, True),
        (19.9, 19.9, True),
        (20.0, 30.0, False),
        (39.0, 39.0, True),
        (40.0, None, False),
    ],
)  # fmt: skip
def test_the_hours_of_a_plan(at_s: float, next_s: float | None, is_open: bool) -> None:
    assert (PLAN.next_open_s(at_s), PLAN.is_open(at_s)) == (next_s, is_open)


@pytest.mark.parametrize(
    ("called", "result"),
    [
        (Called("c1", "talked", {}), CallbackResult.REACHED),
        (Called("c1", "voicemail", {}), CallbackResult.NOBODY),
        (NotCalled("c1", "busy"), CallbackResult.NOBODY),
        (NotCalled("c1", "no_answer"), CallbackResult.NOBODY),
        (NotCalled("c1", "refused", ended_by="callee"), CallbackResult.FINAL),
        (NotCalled("c1", "refused", ended_by="node"), CallbackResult.NEVER_CAME),
        (NotCalled("c1", "failed", ended_by="nobody"), CallbackResult.NEVER_CAME),
        (NotCalled("c1", "failed", answered=True), CallbackResult.FINAL),
        (NotCalled("c1", "lost", answered=True), CallbackResult.NEVER_CAME),
        (NotCalled("", ON_LINE), CallbackResult.ON_LINE),
    ],
)
def test_what_a_call_is_to_a_ticket(called: Called | NotCalled, result: CallbackResult) -> None:
    assert judge(PLAN, called) is result


def promise(**words: Any) -> PromiseCallback:
    request = Call("c1", "+15550100", "2000").promise_callback(**words).request
    assert isinstance(request, PromiseCallback)
    return request


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"after_s": -1.0}, ValueError),
        ({"within_s": CALLBACK_WITHIN_S_MAX + 1}, ValueError),
        ({"after_s": CALLBACK_WITHIN_S_MAX + 1}, ValueError),
        ({"matter": 4711}, TypeError),
        ({"flow": None}, TypeError),
        ({"matter": "x" * CALLBACK_VARIABLES_CHARS_MAX}, ValueError),
        ({"card": SecretHandle(1, 16)}, TypeError),
    ],
)
def test_what_cannot_be_promised(words: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="promise_callback"):
        promise(**words)


def test_what_can() -> None:
    longest = "x" * (CALLBACK_VARIABLES_CHARS_MAX - len('{"matter":""}') - 1)
    assert promise(flow="refund", after_s=5, within_s=CALLBACK_WITHIN_S_MAX, matter=longest).flow == "refund"
    with pytest.raises(ValueError, match="has no caller"):
        Run("r1", "x").promise_callback("")


def test_what_the_await_gives() -> None:
    request = promise()

    def result(value: dict[str, Any], reason: str) -> StepResult:
        return StepResult("promise_callback", "", StepOutcome.DONE, write_value(value), reason)

    promised = request.returned(result({"ticket": "r1", "known": True}, "promised"))
    refused = request.returned(result({"reason": "withheld", "detail": "no number"}, "not_promised"))
    assert (promised, refused) == (CallbackPromised("r1", known=True), NoCallback("withheld", "no number"))
    assert promised
    assert not refused
