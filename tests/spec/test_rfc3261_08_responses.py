"""RFC 3261 §8.2.6 and §18.2, RFC 3581: how a response is made and where it goes."""

import pytest

from keepline.sip.message import make_response, parse_message, peek_request, response_target, stamp_received
from tests.spec.sip_messages import request, response, wire


def test_rfc3261_8_2_6_2_the_fields_of_the_request_are_copied() -> None:
    invite = request("INVITE", "Via: SIP/2.0/UDP proxy.example.com;branch=z9hG4bK2", "Subject: lunch")
    answer = response(invite, 404)
    for name in ("Via", "From", "Call-ID", "CSeq"):
        assert answer.headers.get_all(name) == invite.headers.get_all(name)
    assert (answer.status, answer.reason) == (404, "Not Found")
    assert "Subject" not in answer.headers


def test_rfc3261_8_2_6_2_to_gets_a_tag() -> None:
    assert response(request(), 180, to_tag="314").to.tag == "314"


def test_rfc3261_8_2_6_2_a_to_that_has_a_tag_keeps_it() -> None:
    assert response(request(To="<sip:b@example.com>;tag=1"), 200, to_tag="314").to.tag == "1"


def test_rfc3261_8_2_6_2_a_bare_to_gets_its_tag_as_a_field_parameter() -> None:
    assert response(request(To="sip:b@example.com"), 200, to_tag="314").to.uri == "sip:b@example.com"


def test_rfc3261_8_2_6_1_100_has_no_tag_and_the_timestamp() -> None:
    trying = response(request("INVITE", "Timestamp: 54"), 100, to_tag="314")
    assert trying.to.tag is None
    assert trying.headers.get("Timestamp") == "54"


def test_rfc3261_21_an_unknown_status_has_the_words_of_its_class() -> None:
    assert make_response(request(), 499).reason == "Bad Request"


def test_rfc3261_12_1_1_record_route_is_copied_into_what_forms_a_dialog() -> None:
    invite = request("INVITE", "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>")
    routes = ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"]
    assert response(invite, 180).headers.get_all("Record-Route") == routes
    assert response(invite, 200).headers.get_all("Record-Route") == routes
    assert response(invite, 100).headers.get_all("Record-Route") == []
    assert response(invite, 486).headers.get_all("Record-Route") == []


def test_rfc3261_18_2_1_received_where_sent_by_differs_from_the_source() -> None:
    invite = request(Via="SIP/2.0/UDP bobspc.example.com:5060;branch=z9hG4bK1, SIP/2.0/UDP other;branch=z9hG4bK2")
    stamp_received(invite, "192.0.2.4", 5062)
    assert invite.top_via.params["received"] == "192.0.2.4"
    assert invite.headers.get_all("Via")[1] == "SIP/2.0/UDP other;branch=z9hG4bK2"


def test_rfc3261_18_2_1_no_received_where_they_agree() -> None:
    invite = request(Via="SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK1")
    stamp_received(invite, "192.0.2.4", 5062)
    assert invite.headers.get("Via") == "SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK1"


def test_rfc3261_18_2_1_what_the_sender_says_it_was_received_from_is_discarded() -> None:
    invite = request(Via="SIP/2.0/UDP 192.0.2.4;received=203.0.113.66;branch=z9hG4bK1")
    stamp_received(invite, "192.0.2.4", 5060)
    assert "received" not in invite.top_via.params


def test_rfc3581_4_rport_and_received_are_filled_in() -> None:
    invite = request(Via="SIP/2.0/UDP 192.0.2.4:5060;rport;branch=z9hG4bK1")
    stamp_received(invite, "192.0.2.4", 9988)
    assert invite.top_via.params == {"rport": "9988", "branch": "z9hG4bK1", "received": "192.0.2.4"}
    assert response_target(invite, ("192.0.2.4", 9988)) == ("192.0.2.4", 9988)


@pytest.mark.parametrize(
    ("via", "target"),
    [
        ("SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1", ("192.0.2.4", 5060)),
        ("SIP/2.0/UDP 192.0.2.4:5070;branch=z9hG4bK1", ("192.0.2.4", 5070)),
        ("SIP/2.0/UDP a.example.com:5070;received=192.0.2.8", ("192.0.2.8", 5070)),
        ("SIP/2.0/UDP a.example.com:5070;received=192.0.2.8;rport=99", ("192.0.2.8", 99)),
        ("SIP/2.0/UDP a.example.com;maddr=192.0.2.9;received=192.0.2.8", ("192.0.2.9", 5060)),
        ("SIP/2.0/UDP [2001:db8::9]:5070", ("2001:db8::9", 5070)),
        ("SIP/2.0/UDP [2001:db8::9];received=[2001:db8::1]", ("2001:db8::1", 5060)),
        ("SIP/2.0/UDP a.example.com:5070", ("198.51.100.1", 5070)),
        ("SIP/2.0/UDP 192.0.2.4;rport=x", ("192.0.2.4", 5060)),
    ],
)
def test_rfc3261_18_2_2_where_a_response_goes(via: str, target: tuple[str, int]) -> None:
    invite = request(Via=via)
    assert response_target(invite, ("198.51.100.1", 1234)) == target
    assert response_target(make_response(invite, 200), ("198.51.100.1", 1234)) == target


@pytest.mark.parametrize(
    "broken",
    [
        wire(CSeq="1 BYE"),
        wire(without=("Call-ID",)),
        wire(Via="SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK9;;,;,,"),
        wire(Via="SIP/7.0/UDP 192.0.2.1:5070;branch=z9hG4bK9").replace(b"com SIP/2.0\r\n", b"com SIP/7.0\r\n"),
        wire(uri="<sip:bob@example.com>"),
        wire("INVITE", *["X-Padding: 1"] * 300),
    ],
)
def test_rfc3261_8_2_a_broken_request_can_still_be_answered(broken: bytes) -> None:
    remains = peek_request(broken)
    assert remains is not None
    stamp_received(remains, "192.0.2.1", 5060)
    assert response_target(remains, ("192.0.2.1", 5060))[0] == "192.0.2.1"
    answer = make_response(remains, 400, to_tag="1").encode()
    assert answer.startswith(b"SIP/2.0 400 Bad Request\r\n")
    assert b"\r\nTo: Bob <sip:bob@biloxi.example.com>;tag=1\r\n" in answer


@pytest.mark.parametrize(
    "hopeless",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"\xff" * 50,
        wire(without=("Via",)),
        wire("ACK", CSeq="x"),
        wire(Via="x"),
        wire(Via="SIP/2.0/UDP a:0"),
    ],
)
def test_rfc3261_17_1_1_3_nothing_answers_an_ack_or_what_has_no_sender(hopeless: bytes) -> None:
    assert peek_request(hopeless) is None


def test_rfc3261_20_14_content_length_is_that_of_the_body() -> None:
    answer = make_response(request(), 200, to_tag="1", headers=[("Content-Length", "99")], body=b"123")
    again = parse_message(answer.encode())
    assert (again.body, again.headers.get("Content-Type")) == (b"123", "application/sdp")
