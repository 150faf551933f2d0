"""What people do who do not get through, how a carrier is made to fail, and what it changes in what it passes on."""

import copy
import random
import time
from types import SimpleNamespace
from typing import Any

import pytest
from callers_sip import parse, sdp_answer, sdp_offer
from world_callee import Behaviour
from world_carrier import Carrier, spoilt
from world_comparison import compare
from world_edge import audio_address, passed_on
from world_faults import EXPIRES_S_MAX, FAULTS_MAX, KINDS, Faults
from world_redial import ALARM_S, ALARMED_BY, REDIALS_AFTER_S, Customer, Rush

from tests.unit.retailer.test_comparison import agreed


def customer(line: int = 0, seed: int = 0) -> Customer:
    return Customer(1, "pay", line, random.Random(seed), 0.0, 0.0)


@pytest.mark.parametrize("how", ["done", "hung up", "gave up"])
def test_who_is_content_does_not_call_again(how: str) -> None:
    assert customer().again(how, 4, 2) is None


def test_who_does_not_get_through_calls_again_so_often_and_no_more() -> None:
    one = customer()
    first, last = REDIALS_AFTER_S
    waits = [one.again("unanswered", 3, 1) for _ in range(3)]
    assert waits[2] is None
    assert all(wait is not None and first <= wait <= last for wait in waits[:2])
    assert (one.tries, one.line) == (3, 0)


@pytest.mark.parametrize("seed", range(20))
def test_after_two_vain_calls_everybody_has_tried_the_other_number(seed: int) -> None:
    one, lines = customer(seed=seed), [0]
    for _ in range(2):
        one.again("unanswered", 4, 2)
        lines.append(one.line)
    assert 1 in lines


def test_four_times_as_many_call_once_it_is_talked_about_and_no_longer() -> None:
    rush = Rush(4.0)
    for at in range(ALARMED_BY - 1):
        rush.failed(float(at))
    assert rush.factor(2.0) == 1.0
    rush.failed(2.0)
    assert rush.factor(2.0) == 4.0
    assert rush.factor(ALARM_S + 0.1) == 1.0


def test_a_fault_ends_by_itself() -> None:
    faults = Faults()
    fault = faults.plant({"kind": "slow", "expires_s": 10, "ms": 50}, 100.0)
    assert faults.standing(109.9) == [fault]
    assert faults.standing(110.0) == []
    assert faults.end(fault.id) == 0


def test_a_fault_is_ended_before_its_time() -> None:
    faults = Faults()
    one, other = (faults.plant({"kind": kind}, 0.0) for kind in ("503", "silent audio"))
    assert faults.end(one.id) == 1
    assert faults.standing(1.0) == [other]
    assert (faults.end(), faults.standing(1.0)) == (1, [])


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ({}, "black-holed"),
        ({"kind": "sleepy"}, "kind one of"),
        ({"kind": "503", "for": 3}, "a fault is"),
        ({"kind": "503", "expires_s": 0}, "expires_s"),
        ({"kind": "503", "expires_s": EXPIRES_S_MAX + 1}, "expires_s"),
        ({"kind": "503", "expires_s": "long"}, "expires_s"),
        ({"kind": "slow", "ms": -1}, "ms is"),
    ],
)
def test_what_is_no_fault_is_said(asked: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Faults().plant(asked, 0.0)


def test_there_are_so_many_faults_and_no_more() -> None:
    faults = Faults()
    for _ in range(FAULTS_MAX):
        faults.plant({"kind": "slow"}, 0.0)
    with pytest.raises(ValueError, match="already"):
        faults.plant({"kind": "slow"}, 0.0)


def test_what_a_number_does_while_a_fault_stands() -> None:
    well = Behaviour(after_s=1.0)
    found = {kind: spoilt(well, {kind: 500}) for kind in KINDS}
    assert {kind: (each.word, each.status, each.after_s) for kind, each in found.items()} == {
        "black-holed": ("silent", 0, 1.0), "503": ("unavailable", 503, 1.0), "100 only": ("trying", 0, 1.0),
        "slow": ("answer", 200, 1.5), "silent audio": ("answer", 200, 1.0),
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "muted"), [("silent audio", {"c1"}), ("black-holed", {"c1"}), ("slow", set())])
def test_whose_people_a_carrier_has_muted_it_tells_itself(kind: str, muted: set[str]) -> None:
    carrier: Any = Carrier.__new__(Carrier)
    carrier._kinds, carrier._muted = {kind: 0}, set()
    sender = SimpleNamespace(audio_every=1)
    callee = SimpleNamespace(leg=SimpleNamespace(sender=sender), behaviour=Behaviour(), call_id="c1")
    carrier._speak_or_not(callee)
    assert (carrier._muted, sender.audio_every) == (muted, 0 if muted else 1)
    carrier._kinds = {}
    carrier._speak_or_not(callee)
    assert (carrier._muted, sender.audio_every) == (muted, 1)


def test_rfc4566_5_what_is_passed_on_has_the_carriers_contact_and_addresses() -> None:
    body = sdp_offer("127.0.0.1", 4000, 0, 1)
    head = (
        "INVITE sip:+1800@127.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5;rport;branch=z9hG4bKa\r\nCall-ID: abc\r\n"
        f"Contact: <sip:caller@127.0.0.1:5>\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    data = head.encode() + body
    message = parse(passed_on(data, "127.0.0.2:7", "127.0.0.2", 41000))
    assert message is not None
    assert message.one("contact") == "<sip:caller@127.0.0.2:7>"
    assert message.one("via").startswith("SIP/2.0/UDP 127.0.0.1:5;rport")
    assert int(message.one("content-length")) == len(message.body)
    answer = sdp_answer(message.body)
    assert answer is not None
    assert answer[:2] == ("127.0.0.2", 41000) == audio_address(message.body)


def test_what_has_no_audio_is_passed_on_as_it_is() -> None:
    data = b"BYE sip:x@y SIP/2.0\r\nCall-ID: abc\r\nContent-Length: 0\r\n\r\n"
    assert passed_on(data, "127.0.0.2:7", "127.0.0.2", 41000) == data
    assert audio_address(b"") is None


# --- the comparison, with carriers that lose calls


def offered(call: int, *, passed: bool) -> dict[str, object]:
    return {"event": "offered", "call_id": f"c{call}@host", "passed": passed, "at": time.time()}


def test_a_call_that_its_carrier_kept_has_no_record_and_needs_none() -> None:
    told, records, ledger, taken = copy.deepcopy(agreed())
    records.pop(5)
    assert "call c6: no records of one call" in compare(told, records, ledger, taken).disagreements
    assert compare(told, records, ledger, [*taken, offered(6, passed=False)]).disagreements == []


def test_a_call_that_was_passed_on_in_the_end_has_a_record() -> None:
    told, records, ledger, taken = copy.deepcopy(agreed())
    late = [offered(6, passed=False), offered(6, passed=True)]
    assert compare(told, records, ledger, [*taken, *late]).disagreements == []
    found = compare(told, records, ledger, [*taken, late[0]]).disagreements
    assert found == ["call c6: its carrier did not pass it on, and there is a record of it"]


def test_who_was_cut_off_by_a_carrier_may_know_less_than_the_record_and_not_more() -> None:
    told, records, ledger, taken = copy.deepcopy(agreed())
    told[2].update(believes=[], how="cut off")
    cut = {"event": "cut", "call_id": "c3@host"}
    assert compare(told, records, ledger, [*taken, cut]).disagreements == []
    told[2].update(believes=["paid"])
    ledger["effects"] = [each for each in ledger["effects"] if each["key"] != "r3-9"]
    assert "believes paid, and the ledger has 0 charged" in compare(told, records, ledger, [*taken, cut]).words()


def test_each_carrier_that_was_asked_was_asked_once() -> None:
    told, records, ledger, taken = copy.deepcopy(agreed())
    records[9]["carriers"] = [{"carrier": "carrier"}, {"carrier": "second"}]
    found = compare(told, records, ledger, taken).disagreements
    assert found == ["call c10: it came to a carrier 0 times, and has 1 records"]
    base = records[9]["sip_call_id"]
    both = [*taken, {"event": "taken", "call_id": f"{base}-1"}]
    assert compare(told, records, ledger, both).disagreements == []
