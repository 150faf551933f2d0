"""What the accounts of callers and carriers come to when a carrier has failed."""

from typing import Any

import pytest

from bench.outages import EVENTS, Outage, judged

FAULT_S, BACK_S = 120.0, 140.0


def call(index: int, at_s: float) -> dict[str, Any]:
    return {"call": index, "call_id": f"{index}@callers", "invited_at": at_s, "status": 200}


def leg(index: int, carrier: str, at_s: float, *, talks: bool = True, rings: bool = True) -> dict[str, Any]:
    return {
        "number": f"+1555{index:07d}", "call_id": f"{index}@callers", "carrier": carrier, "invited_at": at_s,
        "talked_at": at_s + 0.1 if talks else 0.0, "behaviour": "answer" if rings else "silent",
    }  # fmt: skip


def usual() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Twenty calls before the fault, each waiting 10 ms."""
    ats = [100.0 + index * 0.5 for index in range(20)]
    return [call(*each) for each in enumerate(ats)], [leg(index, "first", at + 0.01) for index, at in enumerate(ats)]


def judge(who: str, calls: list[dict[str, Any]], legs: list[dict[str, Any]]) -> Outage:
    before, carried = usual()
    return judged(EVENTS[0], who, before + calls, carried + legs, FAULT_S, BACK_S)


@pytest.mark.parametrize("who", ["keepline", "kamailio 500 ms"])
def test_calls_that_waited_for_the_dead_carrier_are_delayed_and_nobody_failed(who: str) -> None:
    calls = [call(20, 120.1), call(21, 120.2), call(22, 121.0), call(23, 131.0), call(24, 140.5)]
    legs = [
        *(leg(20, "first", 120.11, talks=False, rings=False), leg(20, "second", 120.21)),
        *(leg(21, "first", 120.21, talks=False, rings=False), leg(21, "second", 120.26)),
        leg(22, "second", 121.01),
        *(leg(23, "first", 131.01, talks=False, rings=False), leg(23, "second", 131.11)),
        leg(24, "first", 140.51),
    ]
    found = judge(who, calls, legs)
    assert (found.calls, found.failed, found.delayed, found.trials) == (25, 0, 3, 1)
    assert (found.hedged, found.rung_twice) == (3, 0)
    assert (found.usual_ms_p99, found.delay_ms_max, found.rerouted_s, found.back_s) == (10.0, 100.0, 0.2, 0.51)
    assert "0 of 25 failed; 3 delayed" in found.words()


def test_who_reached_nobody_has_failed_and_whose_phone_rang_at_both_is_counted() -> None:
    calls = [call(20, 120.1), call(21, 120.2), call(22, 120.3)]
    legs = [
        leg(20, "first", 120.11, talks=False, rings=False),
        *(leg(21, "first", 120.21, talks=False), leg(21, "second", 120.31)),
    ]
    found = judge("keepline", calls, legs)
    assert (found.failed, found.rung_twice, found.back_s) == (2, 1, None)
    assert found.failures == [(0.1, 200, ["first"]), (0.3, 200, [])]
    assert "never within the minute" in found.words()
