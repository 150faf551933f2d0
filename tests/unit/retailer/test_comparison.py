"""Callers, records and ledger side by side: three who agree are told so, and each planted disagreement is found."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from world_comparison import compare

WORLD = Path(__file__).parents[3] / "examples" / "retailer" / "world"
Account = tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]]


def caller(n: int, persona: str, *believes: str, how: str = "done", **more: Any) -> dict[str, Any]:
    return {
        "event": "experience", "persona": persona, "call_id": f"c{n}@host", "how": how, "where": "",
        "believes": list(believes), "answered": True, "status": 200, "values": {},
    } | more  # fmt: skip


def record(n: int, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"r{n}", "direction": "inbound", "sip_call_id": f"c{n}@host", "state": "ended", "outcome": outcome,
        "answered_at": 1.0, "sip_status": 200, "steps": [],
    } | more  # fmt: skip


def effect(what: str, key: str, reference: str = "") -> dict[str, Any]:
    return {"what": what, "scope": what, "key": key, "reference": reference, "amount_cents": 100}


def agreed() -> Account:
    """One of each: paid, declined, pending, booked, unsure, refused, cancelled, put off, and one on the web."""
    told = [
        caller(1, "pay", "paid", values={"invoice": "20000001"}),
        caller(2, "pay_declined", "declined", values={"invoice": "20000002"}),
        caller(3, "pay", "pending", values={"invoice": "20000003"}),
        caller(4, "book", "slot_taken", "booked"),
        caller(5, "pay_hangs_up", "unsure", how="hung up", values={"invoice": "20000006"}),
        caller(6, "gives_up", how="gave up", answered=False, status=487),
        caller(7, "order_status", how="unanswered", answered=False, status=503),
        caller(8, "order_status", "apology"),
        caller(9, "hangs_up_early", how="hung up"),
        caller(11, "wants_a_person", "talked", how="hung up"),
    ]
    records = [
        record(1, "paid"),
        record(2, "declined"),
        record(3, "payment_pending"),
        record(4, "booked"),
        record(5, "answered", steps=[{"name": "use payments.charge", "result": "done"}]),
        record(6, "cancelled", answered_at=None, sip_status=487),
        record(7, "refused", answered_at=None, sip_status=503),
        record(8, "promised"),
        record(9, "answered"),
        record(10, "answered", direction="outbound", parent="r11"),
        record(11, "answered"),
    ]
    effects = [
        effect("charged", "r1-9", "20000001"),
        effect("charged", "r3-9", "20000003"),
        effect("booked", "r4-6", "slot"),
        effect("charged", "r5-9", "20000006"),
        effect("message", "r8-4"),
        effect("booked", "", "on the web"),
    ]
    keys = [{"scope": "charges/north", "key": "r1-9", "done": 1}]
    return (
        told,
        records,
        {"effects": effects, "keys": keys, "slots": [{"slot": "slot", "booked": 1}]},
        [{"event": "taken", "call_id": "c10@host"}],
    )


def test_three_who_agree() -> None:
    found = compare(*agreed())
    assert found.disagreements == []
    assert found.words() == (
        "10 callers, 1 call out at the carrier, 11 call records, "
        "the back office's ledger (1 booked, 3 charged, 1 message): all agree."
    )


Plant = Callable[[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any], list[dict[str, Any]]], object]


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lambda t, r, g, c: g["effects"].pop(0), "call c1: believes paid, and the ledger has nothing charged of it"),
        (lambda t, r, g, c: g["effects"].append(effect("charged", "r1-10", "20000001")), "call c1: charged 2 times"),
        (lambda t, r, g, c: g["effects"].append(effect("refunded", "r1-9", "20000001")), "call c1: believes paid, and"),
        (lambda t, r, g, c: g["effects"].append(effect("charged", "r2-9", "20000002")), "call c2: charged, and the"),
        (lambda t, r, g, c: g["effects"].append(effect("charged", "r9-1", "x")), "charged, and its record does"),
        (lambda t, r, g, c: g["effects"].append(effect("charged", "r77-1", "x")), "r77, of which there is no record"),
        (lambda t, r, g, c: g["effects"][0].update(reference="20000009"), "call c1: charged for invoice 20000009"),
        (lambda t, r, g, c: g["effects"].pop(2), "call c4: believes booked, and the ledger has nothing booked of it"),
        (lambda t, r, g, c: g["effects"].append(effect("booked", "r8-2")), "call c8: booked, and the caller was told"),
        (lambda t, r, g, c: g["slots"][0].update(booked=2), "slot slot is booked 2 times"),
        (lambda t, r, g, c: g["keys"][0].update(done=2), "charges/north r1-9 was done 2 times"),
        (lambda t, r, g, c: c.clear(), "call c10: it came to a carrier 0 times, and has 1 records"),
        (lambda t, r, g, c: r.pop(9), "call c10: it came to a carrier 1 times, and has 0 records"),
        (lambda t, r, g, c: r[9].update(answered_at=None), "call c11: believes talked, and no record is of a person"),
        (lambda t, r, g, c: r.pop(0), "call c1: no records of one call"),
        (lambda t, r, g, c: r.append(r[6] | {"id": "r11"}), "call c7: 2 records of one call"),
        (lambda t, r, g, c: r.pop(5), "call c6: no records of one call"),
        (lambda t, r, g, c: t.pop(8), "record r9: no caller tells of it"),
        (lambda t, r, g, c: r[8].update(state="live"), "record r9: it is live, and the caller is gone"),
        (lambda t, r, g, c: r[5].update(sip_status=486), "call c6: ended with 487, its record with 486"),
        (lambda t, r, g, c: r[6].update(answered_at=1.0), "call c7: answered False, its record says 1.0"),
        (lambda t, r, g, c: r[1].update(outcome="paid"), "record r2: says paid, and the ledger has no charges"),
        (lambda t, r, g, c: r[7].update(outcome="order_status"), "call c8: believes apology, its record says order"),
        (lambda t, r, g, c: t[2].update(believes=[], how="cut off"), "call c3: charged, and the caller was told"),
        (lambda t, r, g, c: r[4].update(steps=[]), "call c5: charged, and its record does not say so: answered"),
    ],
)  # fmt: skip
def test_what_was_planted_is_found(plant: Plant, told: str) -> None:
    accounts = copy.deepcopy(agreed())
    plant(*accounts)
    found = compare(*accounts)
    assert any(told in each for each in found.disagreements), found.disagreements


def test_the_command_reads_files_and_says_so_by_its_exit_code(tmp_path: Path) -> None:
    callers, records, ledger, taken = agreed()
    command = [sys.executable, str(WORLD), "compare"]
    for name, content in (("told", callers), ("records", records), ("ledger", [ledger]), ("taken", taken)):
        (tmp_path / name).write_text("".join(json.dumps(each) + "\n" for each in content), encoding="utf-8")
        command += [f"--{name}", str(tmp_path / name)]
    fine = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (fine.returncode, fine.stdout[-12:]) == (0, " all agree.\n"), fine.stderr
    (tmp_path / "records").write_text("", encoding="utf-8")
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "call c1: no records of one call" in bad.stdout
    (tmp_path / "told").unlink()
    lacking = subprocess.run(command, capture_output=True, text=True, check=False)
    assert lacking.returncode == 2
    assert "cannot be compared: FileNotFoundError" in lacking.stderr


def test_what_callers_were_promised_is_done_once_nothing_is_kept_any_more() -> None:
    told, records, ledger, carrier = agreed()
    told.append(caller(12, "lead", "lead_noted"))
    records.append(record(12, "lead"))
    assert compare(told, records, ledger, carrier).disagreements == []
    kept = compare(told, records, ledger, carrier, settled=True).disagreements
    assert kept == ["call c12: believes lead_noted, and the ledger has no lead of it"]
    ledger["effects"].append(effect("lead", "r12-4"))
    assert compare(told, records, ledger, carrier, settled=True).disagreements == []


def test_what_a_run_left_after_the_call_is_of_the_call_that_it_names() -> None:
    told, records, ledger, carrier = agreed()
    told.append(caller(12, "pay", "pay_later", values={"invoice": "20000007"}))
    records.append(record(12, "pay_later"))
    ledger["effects"].append(effect("message", "r51d225e927b0eec-0") | {"call": "r12"})
    assert compare(told, records, ledger, carrier, settled=True).disagreements == []
    ledger["effects"].append(effect("message", "r51d225e927b0eed-0") | {"call": "r12"})
    assert compare(told, records, ledger, carrier).disagreements == ["call c12: message 2 times"]
    ledger["effects"][-1]["call"] = ""
    [found] = compare(told, records, ledger, carrier).disagreements
    assert found == "ledger: message for r51d225e927b0eed, of which there is no record"


def test_what_was_in_doubt_may_turn_out_to_be_done() -> None:
    told, records, ledger, carrier = agreed()
    ledger["effects"].append(effect("booked", "r8-5", "other"))
    assert "told nothing of it" in compare(told, records, ledger, carrier).disagreements[0]
    records[7]["steps"] = [{"name": "use appointments.book", "result": "pending: no answer in time"}]
    assert compare(told, records, ledger, carrier).disagreements == []
