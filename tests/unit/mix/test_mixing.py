"""What a stage says of charges, records, messages and times: each can be wrong, and is then found."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import mixing
from bench.deaths import gaps_ms, take_overs_ms, waits_ms
from bench.mixing import Setting, Stage


def report(kind: str = "paying", **more: Any) -> dict[str, Any]:
    found = {
        "kind": kind, "caller": "+1", "call": 1, "call_id": "x", "tcp": False, "good": True, "cut": False, "faults": [],
        "heard": [{"prompt": "paid"}], "invited_at": 10.0, "answered_at": 10.0, "ended_at": 20.0, "dwell_s": 5.0,
        "gap_ms_max": 21.0, "far_gap_ms_max": 0.0, "requests": [("INVITE", 10.0, 5.0)],
    }  # fmt: skip
    return found | more


def stage(*reports: dict[str, Any], records: Any = None, tmp: Path = Path(), struck: Any = ()) -> Stage:
    office = SimpleNamespace(wrong_cards=[], charges={"+1": Counter({"k": 1})})
    office.told = lambda payer: (office.charges.get(payer, Counter()).total(), len(office.charges.get(payer, ())))
    told = [{"from": it["caller"], "direction": "inbound", "ended_at": 1, "messages": []} for it in reports]
    node = SimpleNamespace(
        calls=lambda: told if records is None else records, settings=SimpleNamespace(data=tmp),
        stderr_path=tmp / "stderr",
    )  # fmt: skip
    crowd: Any = SimpleNamespace(reports=list(reports))
    made = Stage(node, office, crowd, Setting(), tmp, tmp)  # type: ignore[arg-type]
    made.struck_at = list(struck)
    return made


def test_a_stage_without_a_fault() -> None:
    assert stage(report()).faults() == []


@pytest.mark.parametrize(
    ("charges", "heard"),
    [({"k": 2}, "paid"), ({"k": 1, "l": 1}, "paid"), ({}, "paid"), ({"k": 1}, "unpaid"), ({"k": 1}, "unclear")],
)
def test_a_charge_that_is_doubled_or_told_wrong_is_found(charges: dict[str, int], heard: str) -> None:
    made = stage(report(heard=[{"prompt": heard}]))
    made.office.charges = {"+1": Counter(charges)}
    assert len(made.charge_faults()) == 1


def test_a_charge_may_be_unclear_after_three_deaths() -> None:
    made = stage(report(heard=[{"prompt": "unclear"}]), struck=[11.0, 12.0, 13.0])
    assert made.charge_faults() == []
    made.office.wrong_cards.append("+1")
    assert made.charge_faults() == ["+1 was charged with another card"]


def test_a_call_without_a_record_or_with_two_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "RECORDS_WITHIN_S", 0.0)
    assert stage(report(), records=[]).record_faults() == ["+1: 0 records of 1 calls"]
    twice = [{"from": "+1", "direction": "inbound", "ended_at": 1}] * 2
    assert stage(report(), records=twice).record_faults() == ["+1: 2 records of 1 calls"]


def test_a_message_that_lacks_more_than_a_death_may_cost_is_found(tmp_path: Path) -> None:
    (tmp_path / "m.wav").write_bytes(bytes(58 + 8000 * 3))
    record = {"from": "+1", "direction": "inbound", "ended_at": 1, "messages": [{"path": "m.wav"}]}
    left = report("message", heard=[])
    assert stage(left, records=[record], tmp=tmp_path).record_faults() == ["+1: 3.0 s recorded of 5.0"]
    assert stage(left, records=[record], tmp=tmp_path, struck=[15.0]).record_faults() == []
    assert stage(left, records=[record | {"messages": []}], tmp=tmp_path).record_faults() != []


def test_times_are_those_of_calls_that_were_struck(tmp_path: Path) -> None:
    lines = [
        '{"event": "died", "timestamp": "1970-01-01T00:00:15.010000Z"}', "no JSON",
        '{"event": "promoted", "timestamp": "1970-01-01T00:00:15.050000Z"}',
    ]  # fmt: skip
    (tmp_path / "stderr").write_text("\n".join(lines))
    requests = [("INVITE", 10.0, 5.0), ("BYE", 15.2, 80.0), ("NOTIFY", 15.3, 9.0), ("INVITE", 15.1, None)]
    struck = report(requests=requests, far_gap_ms_max=30.0)
    made = stage(struck, report(invited_at=16.0, answered_at=16.0), tmp=tmp_path, struck=[15.0])
    assert gaps_ms(made) == [21.0, 30.0]
    assert waits_ms(made) == ([80.0], [80.0])
    detected, taken = take_overs_ms(made)
    assert ([round(ms) for ms in detected], [round(ms) for ms in taken]) == ([10], [40])
    assert (made.struck(), made.struck("hold")) == (1, 0)
