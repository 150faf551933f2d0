"""The verb `use`: what can be asked, what goes on record, and what a replay gives back."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.flow import (
    Call,
    FlowRun,
    Refused,
    Reply,
    StepOutcome,
    StepResult,
    Unavailable,
    Unknown,
    Waiting,
    capabilities,
    flow,
)
from keepline.flow.capabilities import (
    outcome_words,
    read_outcome,
    read_value,
    write_outcome,
    write_value,
)
from keepline.flow.steps import fingerprint, fingerprint_of
from keepline.model.errors import LocalError
from keepline.model.limits_capabilities import USE_ARGUMENTS_CHARS_MAX, USE_RESULT_CHARS_MAX, USES_REMEMBERED_MAX

CALL = Call("c1", "200", "100")
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
RICH = PLAIN | st.decimals(allow_nan=False, allow_infinity=False) | st.dates() | st.datetimes()
VALUES = st.recursive(RICH, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=10)


@given(st.dictionaries(st.text(), VALUES))
def test_values_come_back_as_they_were(value: dict[str, object]) -> None:
    try:
        text = write_value(value)
    except UnicodeEncodeError:
        return
    assert read_value(text) == value
    assert write_value(read_value(text)) == text


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), Decimal("NaN"), {1: 2}, b"x"])
def test_what_no_journal_holds_cannot_be_asked(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        CALL.use("a.b", it=value)


@pytest.mark.parametrize("name", ["orders", "orders.", ".status", "orders.status.more", "a b.c", ""])
def test_a_use_names_a_capability_and_an_action(name: str) -> None:
    with pytest.raises(ValueError):
        CALL.use(name)


def test_arguments_are_limited() -> None:
    with pytest.raises(ValueError):
        CALL.use("a.b", it="x" * USE_ARGUMENTS_CHARS_MAX)


def test_the_fingerprint_covers_name_and_arguments() -> None:
    uses = [CALL.use("a.b"), CALL.use("a.c"), CALL.use("b.b"), CALL.use("a.b", x=1), CALL.use("a.b", x="1")]
    assert len({fingerprint(each.request) for each in uses}) == len(uses)
    assert fingerprint(CALL.use("a.b", x=1, y=2).request) == fingerprint(CALL.use("a.b", y=2, x=1).request)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Reply({"due": Decimal("1.20"), "on": date(2026, 3, 1), "at": datetime(2026, 3, 1, 8), "$x": [{}]}), "done"),
        (Unavailable("down"), "unavailable: down"),
        (Refused(409, "slot_taken", "taken"), "refused: 409 slot_taken taken"),
        (Refused(0, "no"), "refused: no"),
        (Unknown("lost"), "unknown: lost"),
    ],
)
def test_outcomes_come_back_as_they_were(outcome: object, words: str) -> None:
    text = write_outcome(outcome)  # type: ignore[arg-type]
    assert read_outcome(text) == outcome
    assert outcome_words(text) == words


def test_an_answer_that_no_journal_holds_is_none() -> None:
    large = Reply({"x": "x" * USE_RESULT_CHARS_MAX})
    assert isinstance(read_outcome(write_outcome(large)), Unavailable)
    assert isinstance(read_outcome(write_outcome(large, changes=True)), Unknown)
    assert isinstance(read_outcome(write_outcome(Reply({"x": object()}))), Unavailable)
    with pytest.raises(LocalError):
        read_outcome("{}")


def test_a_reply_names_what_it_has() -> None:
    reply = Reply({"state": "shipped"})
    assert (reply.ok, reply.state) == (True, "shipped")
    with pytest.raises(AttributeError, match="only state"):
        _ = reply.status


def test_a_replay_gives_back_the_same() -> None:
    seen: list[object] = []

    @flow
    async def asking(call: Call) -> None:
        seen.append(await call.use("orders.status", number="100001"))
        await call.hangup()

    outcome = Reply({"due": Decimal("1.20")})
    first = FlowRun(asking, CALL)
    waiting = first.start()
    assert isinstance(waiting, Waiting)
    result = StepResult("use", fingerprint(waiting.request), StepOutcome.DONE, write_outcome(outcome))
    first.resume(result)
    FlowRun(asking, CALL).start([result])
    assert seen == [outcome, outcome]


def test_of_more_than_uses_remembered_max_uses_each_has_the_fingerprint_that_is_worked_out() -> None:
    for _ in range(2):
        for number in range(USES_REMEMBERED_MAX + 5):
            request = CALL.use(f"orders.status_{number}", number=number).request
            assert request.fingerprint() == fingerprint(request) == fingerprint_of(request)
    for remembered in (capabilities._fingerprint, capabilities._parts):
        assert remembered.cache_info().currsize == USES_REMEMBERED_MAX


def test_an_answer_without_fields_is_read_as_it_was_written() -> None:
    for fields in ({}, {"state": "new"}):
        text = write_outcome(Reply(fields))
        assert text == '{"reply":' + write_value(fields) + "}"
        assert read_outcome(text) == Reply(fields)
        assert read_outcome(write_outcome(Reply(fields, 3.0))) == Reply(fields, 3.0)
