"""What the accounts of callers and portal come to when a number's carrier dies."""

from typing import Any

from bench.inbound_outage import PORTALS, judged


def call(line: str, at: float, **more: Any) -> dict[str, Any]:
    return {"event": "call", "line": line, "invited_at": at, "answered": True, "error": ""} | more


def test_an_outage_is_judged_by_both_accounts() -> None:
    told = [
        call("north", 90.0),
        *({"event": "misdirected", "line": "north", "at": 100.0 + index} for index in range(4)),
        call("south", 103.5),
        call("south", 104.0, error="no answer", answered=False),
        call("north", 130.0),
    ]
    asked = [{"at": 102.5}, {"at": 103.0}]
    found = judged("acts at once", told, asked, 100.0, 110.0)
    assert (found.asked_s, found.pointed_s, found.last_misdirected_s, found.misdirected) == (2.5, 3.5, 3.0, 4)
    assert (found.calls, found.failed, found.requests, found.returned_s) == (2, 1, 2, 20.0)
    assert "re-pointing asked 2.50 s after the fault, the last of 4 misdirected calls 3.00 s" in found.words()
    assert found.portal in PORTALS
