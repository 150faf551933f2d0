"""Numbers however they are written: RFC 3966 (tel URIs), RFC 3261 §19.1.6 (numbers in sip URIs), RFC 4694 (npdi)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.call.facts import CallReceived
from keepline.call.routing import find_number
from keepline.config.numbers import same_number
from keepline.model.operation import Number
from keepline.sip.telephone import plain_number, user_of
from tests.spec.exchange_rig import Rig, invite
from tests.spec.sip_messages import wire

PUBLIC, EXTENSION, NAME = Number("public"), Number("extension"), Number("name")
NUMBERS = {"+18005550100": PUBLIC, "1000": EXTENSION, "0800": EXTENSION, "reception": NAME}


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:+18005550100@shop.example", PUBLIC),
        ("sip:18005550100@shop.example", PUBLIC),
        ("sip:0018005550100@shop.example", PUBLIC),
        ("sip:+1-800-555-0100@shop.example;user=phone", PUBLIC),
        ("sip:+1.800.(555)0100@shop.example", PUBLIC),
        ("sip:%2B18005550100@shop.example", PUBLIC),
        ("sip:+18005550100;npdi;rn=+18005550000@shop.example", PUBLIC),
        ("sips:+18005550100:secret@shop.example", PUBLIC),
        ("tel:+1-800-555-0100", PUBLIC),
        ("TEL:+18005550100;npdi", PUBLIC),
        ("tel:555-0100;phone-context=+1-800", PUBLIC),
        ("tel:1000;phone-context=shop.example", EXTENSION),
        ("sip:10-00@shop.example", EXTENSION),
        ("sip:0800@shop.example", EXTENSION),
        ("sip:reception@shop.example", NAME),
        ("sip:Reception@shop.example", NAME),
        ("sip:8005550100@shop.example", None),
        ("sip:+8005550100@shop.example", None),
        ("sip:800@shop.example", None),
        ("sip:1000x@shop.example", None),
        ("sip:shop.example", None),
        ("tel:", None),
        ("sip:;npdi@shop.example", None),
    ],
)
def test_rfc3966_5_1_1_a_number_is_found_however_it_is_written(uri: str, found: Number | None) -> None:
    assert find_number(NUMBERS, user_of(uri)) is found


def test_rfc3261_19_1_4_what_is_written_exactly_wins() -> None:
    numbers = {"+18005550100": PUBLIC, "reception": NAME, "Reception": EXTENSION, "18005550100": EXTENSION}
    assert find_number(numbers, "18005550100") is EXTENSION
    assert find_number(numbers, "Reception") is EXTENSION
    assert find_number(numbers, "reception") is NAME


def test_rfc3966_an_invite_with_a_tel_uri_is_a_call() -> None:
    rig = Rig()
    answer = rig.ask(invite().replace(b"INVITE sip:1000@192.0.2.9", b"INVITE tel:1000;phone-context=spec"))
    assert answer.status == 200
    received = rig.facts[0]
    assert isinstance(received, CallReceived)
    assert received.to_number == "1000;phone-context=spec"
    assert rig.ask(wire("OPTIONS", uri="tel:1000")).status == 200


def test_rfc3966_a_caller_may_be_a_tel_uri() -> None:
    rig = Rig()
    rig.invite(From="<tel:+1-800-555-0199>;tag=1")
    received = rig.facts[0]
    assert isinstance(received, CallReceived)
    assert received.from_number == "+1-800-555-0199"


@given(st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z"), st.sampled_from(["", "00", "+"]))
def test_two_notations_of_a_number_have_one_form(number: str, prefix: str) -> None:
    written = prefix + number[1:]
    assert plain_number(written) == number
    assert same_number(written) == same_number(number)


@given(st.text())
def test_any_user_part_has_a_form(user: str) -> None:
    plain = plain_number(user)
    assert plain_number(plain) == plain
    find_number(NUMBERS, user)
