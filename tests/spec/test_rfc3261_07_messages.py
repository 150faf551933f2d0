"""RFC 3261 §7, §18.3, §20, §25: what a message is, and what is none."""

import pytest

from keepline.model.errors import PeerError
from keepline.sip.message import Request, Response, parse_message
from tests.spec.sip_messages import MANDATORY, request, wire


def refused(data: bytes, status: int = 400) -> None:
    with pytest.raises(PeerError) as caught:
        parse_message(data)
    assert caught.value.status == status


def test_rfc3261_7_1_a_request_line() -> None:
    message = request("OPTIONS", uri="sip:1000@example.com;transport=udp")
    assert (message.method, message.uri) == ("OPTIONS", "sip:1000@example.com;transport=udp")


@pytest.mark.parametrize(
    "line",
    [
        "INVITE  sip:bob@example.com SIP/2.0",
        "INVITE sip:bob@example.com  SIP/2.0",
        "INVITE sip:bob@example.com SIP/2.0 ",
        "INVITE <sip:bob@example.com> SIP/2.0",
        "INVITE sip:bob@example.com; lr SIP/2.0",
        "INV,ITE sip:bob@example.com SIP/2.0",
        "INVITE sip:bob@example.com",
        "INVITE",
    ],
)
def test_rfc3261_7_1_a_request_line_with_other_spaces_or_brackets_is_refused(line: str) -> None:
    refused(wire().replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", line.encode(), 1))


def test_rfc3261_7_1_the_version_is_compared_without_case() -> None:
    assert isinstance(parse_message(wire().replace(b" SIP/2.0\r\n", b" sip/2.0\r\n", 1)), Request)


def test_rfc3261_21_5_6_another_version_is_505() -> None:
    refused(wire().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1), 505)


def test_rfc3261_7_1_methods_are_compared_with_case() -> None:
    assert request("invite").method == "invite"


def test_rfc3261_7_2_a_status_line() -> None:
    message = parse_message(
        wire().replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", b"SIP/2.0 183 In  progress", 1)
    )
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (183, "In  progress")


@pytest.mark.parametrize("line", [b"SIP/2.0 200 ", b"SIP/2.0 200"])
def test_rfc3261_7_2_the_reason_may_be_empty(line: bytes) -> None:
    message = parse_message(wire().replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", line, 1))
    assert isinstance(message, Response)
    assert message.reason == ""


@pytest.mark.parametrize("status", ["99", "700", "000", "1000", "4294967301", "abc", "-10", "٢٠٠"])
def test_rfc3261_7_2_a_status_outside_of_the_six_classes_is_refused(status: str) -> None:
    line = f"SIP/2.0 {status} reason".encode()
    refused(wire().replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", line, 1))


def test_rfc3261_7_3_1_names_are_compared_without_case() -> None:
    message = request("INVITE", "x-SPECIAL: 1", "SUBJECT: lunch")
    assert message.headers.get("X-Special") == "1"
    assert message.headers.get("subject") == "lunch"


def test_rfc3261_7_3_1_white_space_around_the_colon() -> None:
    assert request("INVITE", "Subject  \t:\t lunch  ").headers.get("Subject") == "lunch"


def test_rfc3261_7_3_1_a_line_that_begins_with_white_space_continues_the_one_before() -> None:
    assert request("INVITE", "Subject: I know\r\n  you're there,\r\n\tpick up").headers.get("Subject") == (
        "I know you're there, pick up"
    )


def test_rfc3261_7_3_1_one_line_with_commas_is_many_lines() -> None:
    apart = request("INVITE", "Route: <sip:a.example.com,x;lr>", "Route: <sip:b.example.com;lr>")
    together = request("INVITE", "Route: <sip:a.example.com,x;lr>, <sip:b.example.com;lr>")
    assert apart.headers.get_all("Route") == ["<sip:a.example.com,x;lr>", "<sip:b.example.com;lr>"]
    assert together.headers.get_all("Route") == apart.headers.get_all("Route")


def test_rfc3261_7_3_1_commas_in_quotes_do_not_separate() -> None:
    contact = '"Watson, \\"Tom\\", Jr" <sip:tom@example.com>, sip:al@example.com;q=0.5'
    message = request("INVITE", without=("Contact",), Contact="x")
    message.headers.add("Contact", contact)
    assert message.headers.get_all("Contact") == [
        '"Watson, \\"Tom\\", Jr" <sip:tom@example.com>',
        "sip:al@example.com;q=0.5",
    ]


def test_rfc3261_7_3_1_a_parameter_given_twice_is_refused() -> None:
    refused(wire(From="<sip:alice@example.com>;tag=1;tag=2"))


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards"])
def test_rfc3261_7_3_1_a_single_field_given_twice_is_refused(name: str) -> None:
    refused(wire("INVITE", f"{name}: {MANDATORY[name]}"))


def test_rfc3261_7_3_3_compact_forms() -> None:
    data = (
        b"OPTIONS sip:bob@example.com SIP/2.0\r\n"
        b"v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
        b"f: <sip:a@example.com>;tag=1\r\nt: <sip:b@example.com>\r\n"
        b"i: 1@example.com\r\nCSEQ: 1 OPTIONS\r\nm: <sip:a@192.0.2.1>\r\nk: timer\r\nl: 0\r\n\r\n"
    )
    message = parse_message(data)
    assert message.call_id == "1@example.com"
    assert [name for name, _ in message.headers.items()] == [
        "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Supported", "Content-Length",
    ]  # fmt: skip


def test_rfc3261_7_5_empty_lines_before_the_start_line_are_skipped() -> None:
    assert isinstance(parse_message(b"\r\n\r\n" + wire()), Request)


def test_rfc3261_7_5_no_empty_line_after_the_headers_is_refused() -> None:
    refused(wire().rstrip(b"\r\n"))


def test_rfc3261_18_3_bytes_after_content_length_are_dropped() -> None:
    assert parse_message(wire(body=b"12345") + b"67890").body == b"12345"


def test_rfc3261_18_3_without_content_length_the_body_ends_with_the_datagram() -> None:
    data = wire().replace(b"Content-Length: 0\r\n", b"") + b"12345"
    assert parse_message(data).body == b"12345"


@pytest.mark.parametrize("length", [b"1", b"-1", b"x", b"", b"1 2", b"9" * 5000])
def test_rfc3261_18_3_a_content_length_that_is_wrong_is_refused(length: bytes) -> None:
    refused(wire().replace(b"Content-Length: 0", b"Content-Length: " + length))


@pytest.mark.parametrize("name", ["Via", "To", "From", "Call-ID", "CSeq"])
def test_rfc3261_8_1_1_a_request_without_a_mandatory_field_is_refused(name: str) -> None:
    refused(wire(without=(name,)))


def test_rfc3261_8_1_1_5_the_method_of_cseq_is_that_of_the_request() -> None:
    refused(wire(CSeq="1 BYE"))


@pytest.mark.parametrize("number", ["2147483648", "36893488147419103232", "9" * 5000, "-1", "x", ""])
def test_rfc3261_8_1_1_5_a_cseq_number_has_less_than_32_bits(number: str) -> None:
    refused(wire(CSeq=f"{number} INVITE"))


@pytest.mark.parametrize("hops", ["256", "-1", "x", "", "9" * 5000])
def test_rfc3261_20_22_max_forwards_is_a_number_up_to_255(hops: str) -> None:
    refused(wire(Max_Forwards=hops))


def test_rfc3261_20_10_the_forms_of_an_address() -> None:
    quoted = request(From='"A. \\"G\\" Bell" <sip:agb@example.com>;tag=a48s').from_
    assert (quoted.display, quoted.uri, quoted.tag) == ('A. "G" Bell', "sip:agb@example.com", "a48s")
    tokens = request(From="Anonymous Caller<sip:c8@example.com>;tag=h").from_
    assert (tokens.display, tokens.uri) == ("Anonymous Caller", "sip:c8@example.com")
    # §20: without angle brackets the parameters are the field's, not the URI's.
    bare = request(From="sip:+12125551212@server.example.com;tag=887s").from_
    assert (bare.uri, bare.tag) == ("sip:+12125551212@server.example.com", "887s")


@pytest.mark.parametrize(
    "address",
    ['"Mr Watson <sip:w@example.com>', "sip:w@example.com?x=y", "< sip:w@example.com>", "<sip:w@example.com", "w", ""],
)
def test_rfc3261_20_10_an_address_that_is_none_is_refused(address: str) -> None:
    refused(wire(To=address))


def test_rfc3261_20_42_the_forms_of_a_via() -> None:
    via = request(
        Via="SIP / 2.0 / UDP first.example.com : 4000 ;ttl=16 ; Branch = z9hG4bKa7c6a8dlze, SIP/2.0/TCP b"
    ).top_via
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "first.example.com", 4000, "z9hG4bKa7c6a8dlze")
    assert via.params["ttl"] == "16"


def test_rfc3261_20_42_an_ipv6_via() -> None:
    via = request(Via="SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bK1").top_via
    assert (via.host, via.port) == ("[2001:db8::9:1]", None)


@pytest.mark.parametrize(
    "via", ["SIP/2.0/UDP", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:65536", "SIP/3.0/UDP a", "UDP a", "SIP/2.0/UDP a;;"]
)
def test_rfc3261_20_42_a_via_that_is_none_is_refused(via: str) -> None:
    refused(wire(Via=via))


def test_rfc3261_25_1_text_is_utf8() -> None:
    assert request(Subject="Привет").headers.get("Subject") == "Привет"
    refused(wire().replace(b"Alice", b"\xff\xfe"))


def test_rfc3261_25_1_control_characters_only_in_a_quoted_pair() -> None:
    assert request(From='"BEL:\\\x07" <sip:a@example.com>;tag=1').from_.display == "BEL:\x07"
    refused(wire(From='"BEL:\x07" <sip:a@example.com>;tag=1'))
    refused(wire(Subject="a\0b"))
    refused(wire(Subject="a\rb"))
