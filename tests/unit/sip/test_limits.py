"""The limits on a message are reached, and hostile ones do not take long."""

import pytest

from keepline.model.errors import LocalError, PeerError
from keepline.model.limits import SIP_HEADERS_MAX, SIP_MESSAGE_BYTES_MAX
from keepline.sip.message import Headers, Request, make_response, parse_message, peek_request
from tests.spec.sip_messages import request, wire


def test_a_message_of_the_greatest_size_is_read_and_a_longer_one_answered_513() -> None:
    room = SIP_MESSAGE_BYTES_MAX - len(wire(body=b"12345")) - len(str(SIP_MESSAGE_BYTES_MAX)) + 1
    longest = wire(body=b"x" * (room + 5))
    assert len(longest) == SIP_MESSAGE_BYTES_MAX
    parse_message(longest)
    with pytest.raises(PeerError) as caught:
        parse_message(longest + b"x")
    assert caught.value.status == 513
    assert peek_request(longest + b"x") is not None


def test_the_most_header_lines_are_read_and_more_answered_400() -> None:
    room = SIP_HEADERS_MAX - wire().count(b"\r\n") + 2
    most = wire("INVITE", *["X-A: 1"] * room)
    assert len(parse_message(most).headers) == SIP_HEADERS_MAX
    with pytest.raises(PeerError) as caught:
        parse_message(wire("INVITE", *["X-A: 1"] * (room + 1)))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "value",
    [
        '"' * 60_000,
        '"\\' * 30_000,
        "<" * 60_000,
        ";" * 60_000,
        "a;" * 30_000,
        " " * 60_000,
        "a, " * 20_000,
        '"a", <' * 8_000,
    ],
)
@pytest.mark.parametrize("name", ["Via", "From", "Contact", "CSeq"])
@pytest.mark.timeout(20)
def test_a_hostile_value_is_read_in_linear_time(name: str, value: str) -> None:
    try:
        message = parse_message(wire(**{name: value}))
        message.headers.get_all(name)
    except PeerError:
        pass


def test_a_line_break_in_a_value_of_our_own_is_a_bug() -> None:
    for value in ("a\r\nVia: x", "a\nb", "a\rb"):
        with pytest.raises(LocalError):
            make_response(request(), 200, headers=[("Subject", value)]).encode()
    with pytest.raises(LocalError):
        Request("BYE", "sip:a\r\nb", Headers()).encode()
