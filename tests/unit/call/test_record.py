"""The record of a call is a fold over its facts, complete at every one of them."""

import json
from dataclasses import replace

import pytest

from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallAcknowledged,
    CallAnswered,
    CallEnded,
    CallReceived,
    CancelReceived,
    DigitsPressed,
    Fact,
    FlowEnded,
    MessageRecorded,
    MessageStarted,
    PromptEnded,
    StepEnded,
    ending,
)
from keepline.call.record import MediaRecord, MessageRecord, StepRecord, record_of
from keepline.model.errors import LocalError

RECEIVED = CallReceived(
    "0194f1c2d3e4f5a6", 100.0, "carrier", "192.0.2.1", 5060, "INVITE …", "1@192.0.2.1", "theirs", 1, "ours", "1000",
    "alice", "greeting", "a1", 100.0, 0, 40000, 1, 2, 3,
)  # fmt: skip
CALL = RECEIVED.call
ANSWERED = CallAnswered(CALL, 100.5, "SIP/2.0 200 OK…", "PCMU", 0, 101, "192.0.2.1", 49170)
ENDED = replace(
    ending(RECEIVED, 120.0, "caller", 200, "BYE", bye_cseq=2),
    packets_sent=975,
    packets_received=970,
    lost=5,
    jitter_ms=1.5,
)


def step(number: int, verb: str, outcome: str, value: str, began_at_s: float, at_s: float) -> StepEnded:
    return StepEnded(CALL, at_s, number, verb, "f1", outcome, value, 0, began_at_s)


def life() -> list[Fact]:
    return [
        RECEIVED,
        ANSWERED,
        CallAcknowledged(CALL, 100.6, "ACK …"),
        DigitsPressed(CALL, 104.0, 1, "5"),
        PromptEnded(CALL, 104.0, 2, "digit"),
        step(0, "ask_digits", "done", "5", 100.5, 104.0),
        step(1, "say", "hung_up", "", 104.0, 119.9),
        ByeReceived(CALL, 119.9, "BYE …", 2),
        FlowEnded(CALL, 119.9, "hung_up", ""),
        ENDED,
    ]


def test_a_whole_life() -> None:
    record = record_of(life())
    assert record.state == "ended"
    assert (record.received_at, record.answered_at, record.ended_at) == (100.0, 100.5, 120.0)
    assert (record.ended_by, record.sip_status, record.reason, record.outcome) == ("caller", 200, "BYE", "answered")
    assert record.steps == [
        StepRecord("ask_digits", 100.5, "5", 3500.0),
        StepRecord("say", 104.0, "hung_up", 15900.0),
    ]
    assert record.media == MediaRecord("PCMU", 975, 970, 5, 1.5, audio="both_ways")
    assert (record.from_, record.to, record.flow, record.carrier) == ("alice", "1000", "greeting", "carrier")


def test_there_is_a_record_from_the_first_fact_on() -> None:
    states = [record_of(life()[: count + 1]).state for count in range(len(life()))]
    assert states == ["ringing", *["live"] * 6, *["leaving"] * 2, "ended"]
    assert [record_of(life()[: count + 1]).outcome for count in range(len(life()))] == [*[""] * 9, "answered"]


@pytest.mark.parametrize(("status", "outcome"), [(487, "cancelled"), (404, "refused"), (503, "refused"), (0, "failed")])
def test_how_a_call_that_was_never_answered_came_out(status: int, outcome: str) -> None:
    record = record_of([RECEIVED, ending(RECEIVED, 101.0, "node", status, "why")])
    assert (record.outcome, record.sip_status, record.answered_at) == (outcome, status or None, None)


def test_a_cancelled_call_is_leaving_until_its_end() -> None:
    assert record_of([RECEIVED, CancelReceived(CALL, 101.0, "CANCEL …")]).state == "leaving"


def test_a_flow_that_failed_is_a_call_that_failed() -> None:
    facts = [*life()[:5], FlowEnded(CALL, 105.0, "raised", "ValueError"), ByeSent(CALL, 105.0, "BYE …", "flow raised")]
    record = record_of([*facts, ending(RECEIVED, 106.0, "flow", 200, "flow raised")])
    assert (record.error, record.outcome) == ("ValueError", "failed")


def test_an_end_without_a_status_keeps_the_status_of_the_answer() -> None:
    record = record_of([RECEIVED, ANSWERED, ending(RECEIVED, 106.0, "node", 0, "internal error")])
    assert (record.sip_status, record.outcome) == (200, "failed")


def test_messages_are_on_record_from_their_beginning_on() -> None:
    begun = [
        RECEIVED,
        ANSWERED,
        MessageStarted(CALL, 110.0, 0, 1, "ab" * 16),
        MessageStarted(CALL, 120.0, 0, 2, "cd" * 16),
    ]
    whole = [*begun, MessageRecorded(CALL, 130.0, 0, 2, "cd" * 16, 9.87654, "silence")]
    first, second = f"recordings/{'ab' * 16}.wav", f"recordings/{'cd' * 16}.wav"
    assert record_of(begun).messages == [MessageRecord(first, 110.0), MessageRecord(second, 120.0)]
    record = record_of(whole)
    assert record.messages == [MessageRecord(first, 110.0), MessageRecord(second, 120.0, 9.877, "silence")]
    shown = json.loads(record.to_json())["messages"]
    assert shown[1] == {"path": second, "at": 120.0, "length_s": 9.877, "reason": "silence"}


def test_a_step_says_its_value_or_else_its_outcome() -> None:
    steps = [
        step(0, "ask_digits", "done", "42", 1, 2),
        step(1, "ask_digits", "done", "", 2, 3),
        step(2, "say", "done", "", 3, 4),
        step(3, "say", "failed", "no such prompt", 4, 5),
        step(4, "say", "hung_up", "", 5, 6),
    ]
    record = record_of([RECEIVED, ANSWERED, *steps])
    assert [each.result for each in record.steps] == ["42", "done", "done", "no such prompt", "hung_up"]


def test_facts_without_a_beginning_are_no_call() -> None:
    with pytest.raises(LocalError, match="no facts, no record"):
        record_of([])
    with pytest.raises(LocalError, match="do not begin with its INVITE"):
        record_of(life()[1:])


def test_a_record_is_one_line_of_json_with_the_names_of_its_reference() -> None:
    line = record_of(life()).to_json()
    assert "\n" not in line
    told = json.loads(line)
    assert told["from"] == "alice"
    assert told["steps"][0] == {"name": "ask_digits", "at": 100.5, "result": "5", "took_ms": 3500.0}
    assert told["media"]["packets_sent"] == 975
    assert set(told) >= {"id", "direction", "carrier", "from", "to", "flow", "state", "outcome", "error"}


def test_the_end_of_a_call_names_it_for_late_requests() -> None:
    ended = ending(RECEIVED, 120.0, "caller", 200, "BYE", bye_cseq=2)
    assert isinstance(ended, CallEnded)
    assert (ended.sip_call_id, ended.local_tag, ended.remote_tag) == ("1@192.0.2.1", "ours", "theirs")
    assert (ended.invite_cseq, ended.bye_cseq) == (1, 2)


def test_the_flow_says_what_it_came_to() -> None:
    noted = step(2, "outcome", "done", '{"outcome": "paid", "fields": {"amount": 12.5}}', 119.0, 119.0)
    record = record_of([*life()[:6], noted, *life()[6:]])
    assert (record.outcome, record.outcome_fields) == ("paid", {"amount": 12.5})
    assert json.loads(record.to_json())["outcome_fields"] == {"amount": 12.5}


def test_what_failed_is_no_other_outcome() -> None:
    noted = step(2, "outcome", "done", '{"outcome": "paid", "fields": {}}', 119.0, 119.0)
    facts = [*life()[:6], noted, FlowEnded(CALL, 119.5, "raised", "Traceback …"), ENDED]
    assert record_of(facts).outcome == "failed"


def test_an_entry_that_is_no_answer_is_not_shown() -> None:
    short = replace(step(0, "ask_digits", "done", "12", 100.5, 104.0), reason="too_short", attempts=2)
    assert record_of([*life()[:5], short]).steps[-1].result == "too_short"
    answered = replace(short, reason="answered")
    assert record_of([*life()[:5], answered]).steps[-1].result == "12"
