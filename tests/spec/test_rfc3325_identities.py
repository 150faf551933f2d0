"""Who a call says it is from, and why it says it ended (RFC 3325, 8224, 3326, 6432), in the record of the call."""

from dataclasses import replace

import pytest

from keepline.call.record import CallRecord, record_of
from keepline.call.turn import Program
from keepline.model.operation import Trunk
from tests.spec.exchange_rig import Rig, hold, invite
from tests.spec.placing_rig import Placer, answer_of

PASSPORT = "eyJhbGciOiJFUzI1NiJ9.eyJkZXN0Ijp7fX0.c2ln;info=<https://cert.example.org/a.pem>;alg=ES256;ppt=shaken"


def record(rig: Rig) -> CallRecord:
    return record_of([fact for fact in rig.facts if fact.call == rig.facts[-1].call])


def trusting() -> Rig:
    """A node whose trunk is trusted."""
    rig = Rig()
    trunk = Trunk("carrier", ("192.0.2.0/24",), trusted=True)
    operation = replace(rig.program.operation, digest="d2", trunks=(trunk,))
    rig.exchange.add_program(Program(operation, {"hold": hold}), current=True)
    return rig


@pytest.mark.parametrize(
    ("header", "asserted"),
    [
        ('P-Asserted-Identity: "Alice" <sip:+15550100@example.com>', "sip:+15550100@example.com"),
        ("P-Asserted-Identity: <sip:+1@example.com>, <tel:+1>", "sip:+1@example.com, tel:+1"),
        ("P-Preferred-Identity: <sip:alice@example.com>", "sip:alice@example.com"),
        ("P-Preferred-Identity: <sip:a@b>\r\nP-Asserted-Identity: <sip:c@d>", "sip:c@d"),
        ("P-Asserted-Identity: nonsense <", ""),
        ("P-Asserted-Identity: <sip:1@h>, <sip:2@h>, <sip:3@h>", "sip:1@h, sip:2@h"),
        ("X-Nothing: 1", ""),
    ],
)
def test_rfc3325_9_1_the_asserted_identity_of_a_trusted_trunk_is_kept(header: str, asserted: str) -> None:
    rig = trusting()
    assert rig.ask(invite("1000", header)).status == 200
    assert record(rig).asserted_identity == asserted


def test_rfc3325_5_that_of_another_trunk_is_not_believed() -> None:
    rig = Rig()
    rig.ask(invite("1000", "P-Asserted-Identity: <sip:+15550100@example.com>"))
    assert record(rig).asserted_identity == ""


@pytest.mark.parametrize(("header", "privacy"), [("Privacy: id;critical", "id;critical"), ("X-Nothing: 1", "")])
def test_rfc3325_9_3_what_the_caller_wants_kept_from_others_is_on_record(header: str, privacy: str) -> None:
    rig = trusting()
    rig.ask(invite("1000", header, "P-Asserted-Identity: <sip:+15550100@example.com>"))
    assert (record(rig).privacy, record(rig).asserted_identity) == (privacy, "sip:+15550100@example.com")


@pytest.mark.parametrize("name", ["Identity", "y"])
def test_rfc8224_4_a_signed_identity_is_kept_as_it_stands(name: str) -> None:
    rig = Rig()
    rig.ask(invite("1000", f"{name}: {PASSPORT}"))
    assert record(rig).identity == PASSPORT


@pytest.mark.parametrize(
    ("header", "reason", "cause"),
    [
        ('Reason: Q.850;cause=16;text="Normal call clearing"', 'Q.850;cause=16;text="Normal call clearing"', 16),
        ("Reason: SIP;cause=600, Q.850 ; cause=17", "SIP;cause=600, Q.850 ; cause=17", 17),
        ("Reason: SIP;cause=200", "SIP;cause=200", None),
        ("Reason: Q.850;cause=often", "Q.850;cause=often", None),
        ("X-Nothing: 1", "", None),
    ],
)
def test_rfc3326_2_the_reason_of_a_bye_is_kept(header: str, reason: str, cause: int | None) -> None:
    rig = Rig()
    dialog = rig.call()
    assert rig.ask(dialog.request("BYE", header)).status == 200
    found = record(rig)
    assert (found.reason_header, found.cause, found.ended_by) == (reason, cause, "caller")


def test_rfc3326_2_the_reason_of_a_cancel_is_kept() -> None:
    rig = Rig()
    ringing = rig.invite("ringing")
    cancel = ringing.invite.replace(b"INVITE", b"CANCEL").split(b"\r\nContent-Type")[0]
    rig.send(cancel + b'\r\nReason: SIP;cause=200;text="Call completed elsewhere"\r\nContent-Length: 0\r\n\r\n')
    assert record(rig).reason_header == 'SIP;cause=200;text="Call completed elsewhere"'
    assert record(rig).outcome == "cancelled"


def test_rfc6432_3_the_reason_of_a_refusal_is_kept() -> None:
    placer = Placer()
    invite = placer.place()
    placer.hear(answer_of(invite, 180, ("Reason", "Q.850;cause=41")))
    placer.hear(answer_of(invite, 404, ("Reason", 'Q.850;cause=1;text="Unallocated number"')))
    record = placer.record()
    assert (record.reason_header, record.cause) == ('Q.850;cause=1;text="Unallocated number"', 1)
