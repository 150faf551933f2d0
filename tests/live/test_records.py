"""Records against what callers outside experienced, through a bad network (`bench/records.py`), bounded."""

from dataclasses import replace
from typing import Any

from bench.records import Seen, compare, measure
from tests.live.lossy_relay import Weather

CALLS, RATE = 300, 30.0
A, B = "a@here", "b@here"


def record(call_id: str, **more: Any) -> dict[str, Any]:
    told = {"sip_status": 200, "outcome": "answered", "ended_by": "caller", "state": "ended", "reason": "BYE"}
    return {"sip_call_id": call_id} | told | more


def wrong(seen: list[Seen], reached: set[str], records: list[dict[str, Any]]) -> list[str]:
    return compare(seen, reached, records).wrong


TALKED = Seen("talks", A, 200, "ours", "")


def test_the_comparison_finds_what_is_wrong() -> None:
    assert wrong([TALKED], {A}, [record(A)]) == []
    assert wrong([TALKED], {A}, []) == [f"{A} (talks): no record; its caller saw 200"]
    assert wrong([TALKED], {A}, [record(A), record(A)]) == [f"{A}: 2 records"]
    assert wrong([TALKED], {A}, [record(A), record(B)]) == [f"{B}: a record, and no INVITE that came through"]
    assert wrong([TALKED], {A}, [record(A, state="live")]) == [f"{A}: still live"]
    assert len(wrong([TALKED], {A}, [record(A, sip_status=487, outcome="cancelled")])) == 1
    assert len(wrong([TALKED], {A}, [record(A, ended_by="flow")])) == 1
    assert len(wrong([replace(TALKED, bye="theirs")], {A}, [record(A)])) == 1
    assert len(wrong([replace(TALKED, status=487)], {A}, [record(A, sip_status=487, ended_by="node")])) == 1


def test_what_loss_may_hide_is_counted_and_not_wrong() -> None:
    unheard = compare([replace(TALKED, status=0, bye="none")], {A}, [record(A, sip_status=487)])
    assert (unheard.wrong, unheard.unheard) == ([], 1)
    shed = compare([replace(TALKED, status=503)], {A}, [])
    assert (shed.wrong, shed.shed) == ([], 1)
    never = compare([replace(TALKED, status=0)], set(), [])
    assert (never.wrong, never.sent, never.reached) == ([], 1, 0)


def test_every_call_that_came_through_has_one_record_that_says_what_its_caller_saw() -> None:
    verdict = measure(CALLS, RATE, Weather(), 1, print)
    assert verdict.wrong == []
    assert verdict.recorded + verdict.shed == verdict.reached
    assert verdict.network["to_node.lost"] > 50, "the network was bad"
    outcomes = {outcome for _, outcome in verdict.outcomes}
    assert outcomes == {"answered", "cancelled", "refused 403", "refused 404", "refused 503"}
    assert verdict.unheard < CALLS / 20
