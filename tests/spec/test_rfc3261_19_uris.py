"""RFC 3261 §19.1: SIP URIs."""

import pytest

from keepline.model.errors import PeerError
from keepline.sip.message import parse_uri
from keepline.sip.values import uri_host_port


def test_rfc3261_19_1_1_all_parts() -> None:
    uri = parse_uri("sips:alice:secret@Atlanta.example.com:5071;transport=TCP;lr?subject=hi&priority=urgent")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips",
        "alice",
        "secret",
        "atlanta.example.com",
        5071,
    )
    assert uri.params == {"transport": "TCP", "lr": None}
    assert uri.headers == "subject=hi&priority=urgent"
    assert str(uri) == "sips:alice:secret@atlanta.example.com:5071;transport=TCP;lr?subject=hi&priority=urgent"


def test_rfc3261_19_1_1_a_host_alone() -> None:
    uri = parse_uri("sip:192.0.2.4")
    assert (uri.user, uri.host, uri.port) == (None, "192.0.2.4", None)


def test_rfc3261_19_1_1_ipv6() -> None:
    uri = parse_uri("sip:1000@[2001:db8::1]:5070")
    assert (uri.host, uri.port) == ("[2001:db8::1]", 5070)
    assert uri_host_port(uri) == ("2001:db8::1", 5070)


def test_rfc3261_19_1_2_default_ports_and_maddr() -> None:
    assert uri_host_port(parse_uri("sip:a@example.com")) == ("example.com", 5060)
    assert uri_host_port(parse_uri("sips:a@example.com")) == ("example.com", 5061)
    assert uri_host_port(parse_uri("sip:a@example.com:5070;maddr=192.0.2.9")) == ("192.0.2.9", 5070)


def test_rfc3261_19_1_2_escapes_stand_for_their_characters() -> None:
    assert parse_uri("sip:%31000@example.com").user == "1000"
    assert parse_uri("sip:sips%3Auser%40example.com@example.net").user == "sips:user@example.com"


@pytest.mark.parametrize(
    "text", ["sip:sips%3Auser%40example.com@example.net", "sip:null-%00-null@example.com", "sip:%25@a"]
)
def test_rfc3261_19_1_2_what_needs_an_escape_is_written_with_one(text: str) -> None:
    assert str(parse_uri(text)) == text


def test_rfc3261_19_1_1_reserved_characters_of_the_user_part() -> None:
    uri = parse_uri("sip:user;par=u%40example.net@example.com")
    assert (uri.user, uri.host, uri.params) == ("user;par=u@example.net", "example.com", {})
    assert parse_uri("sip:+1(800)/5?x@example.com").user == "+1(800)/5?x"


@pytest.mark.parametrize(
    "text",
    [
        "sip:", "sip:@example.com", "sip:a@", "sip:a@b@c", "sip:a@example.com:0", "sip:a@example.com:99999",
        "sip:a b@example.com", "sip:a%@example.com", "sip:a%zz@example.com", "sip:%ff@example.com",
        "sip:a@example.com;x=1;x=2", "sip:a@[::1", "sip", "",
    ],
)  # fmt: skip
def test_rfc3261_19_1_1_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(PeerError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "text", ["tel:+18005550100", "nobodyKnowsThisScheme:totallyopaquecontent", "http://example.com"]
)
def test_rfc3261_21_4_14_another_scheme_is_416(text: str) -> None:
    with pytest.raises(PeerError) as caught:
        parse_uri(text)
    assert caught.value.status == 416
