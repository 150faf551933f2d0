"""Calls that one carrier brings to another, without sockets: how it is told to, and the accounts that are compared."""

import copy

import pytest
from world_callee import Behaviour, behaviour
from world_comparison import compare
from world_passage import with_call_id

from tests.unit.retailer.test_comparison import agreed, record

BYE = "BYE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKabc\r\nCall-ID: abc\r\nCSeq: 2 BYE\r\n\r\n"


def test_a_number_of_another_carriers_is_told_with_its_edge() -> None:
    assert behaviour("onward:127.0.0.3:5071") == Behaviour(word="onward", status=0, to=("127.0.0.3", 5071))
    for wrong in ("onward", "onward:there", "onward:127.0.0.3:x"):
        with pytest.raises(ValueError, match="onward:HOST:PORT"):
            behaviour(wrong)


def test_a_message_becomes_one_of_another_call_and_stays_the_same_but_for_that() -> None:
    data = BYE.encode()
    assert with_call_id(data, "other") == data.replace(b"Call-ID: abc", b"Call-ID: other")
    assert with_call_id(b"BYE x SIP/2.0\r\ni: abc\r\n\r\n", "o") == b"BYE x SIP/2.0\r\ni: o\r\n\r\n"


def test_what_one_carrier_brought_to_another_has_two_records_and_no_caller() -> None:
    told, records, ledger, taken = copy.deepcopy(agreed())
    out = record(90, "", direction="outbound", sip_call_id="test@node", parent=None)
    into = record(91, "", sip_call_id="run-on7@carrier")
    line = {"event": "taken", "call_id": "test@node", "onward": "run-on7@carrier"}
    found = compare(told, [*records, out, into], ledger, [*taken, line])
    assert found.disagreements == []
    assert ", 1 out by one carrier and in by another" in found.words()
    found = compare(told, [*records, out], ledger, [*taken, line])
    assert found.disagreements == ["call run-on7: no records of one call"]
    kept = {"event": "offered", "call_id": "run-on7@carrier", "passed": False}
    assert compare(told, [*records, out], ledger, [*taken, line, kept]).disagreements == []
