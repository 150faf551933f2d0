"""Which body of a message is its session description."""

import pytest

from keepline.model.errors import PeerError
from keepline.model.limits import BODY_PARTS_MAX
from keepline.sip.body import parts_of, session_of
from keepline.sip.message import Request
from tests.spec.sip_messages import SDP, request

SDP_PART = ("Content-Type: application/sdp", SDP)
ISUP = "Content-Type: application/isup;version=itu-t92+"


def multipart(*parts: tuple[str, bytes], kind: str = "mixed", boundary: str = "b1", end: bytes = b"--") -> Request:
    body = b"".join(b"--b1\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts)
    content_type = f"Content-Type: multipart/{kind}; boundary={boundary}"
    return request("INVITE", content_type, body=b"preamble\r\n" + body + b"--b1" + end + b"\r\nepilogue")


def refusal(message: Request) -> PeerError:
    with pytest.raises(PeerError) as caught:
        session_of(message)
    return caught.value


def test_a_description_alone() -> None:
    assert session_of(request("INVITE", "Content-Type: APPLICATION / SDP ; x=y", body=SDP)) == SDP


def test_no_body_is_no_description_and_no_complaint() -> None:
    assert session_of(request("INVITE", "Content-Type: text/plain")) is None


def test_a_body_without_a_type_is_taken_for_a_description() -> None:
    assert session_of(request("INVITE", body=SDP)) == SDP


@pytest.mark.parametrize("kind", ["mixed", "alternative", "related", "MIXED"])
def test_a_description_among_others(kind: str) -> None:
    assert session_of(multipart((ISUP, b"\0\1\r\n--b2\r\n"), SDP_PART, kind=kind)) == SDP
    assert session_of(multipart(SDP_PART, (ISUP, b""), kind=kind, boundary='"b1"')) == SDP


def test_the_first_of_two_descriptions_counts() -> None:
    assert session_of(multipart(SDP_PART, ("Content-Type: application/sdp", b"v=1"))) == SDP


def test_a_part_that_is_required_and_not_understood_is_refused() -> None:
    needed = (ISUP + "\r\nContent-Disposition: signal; handling=required", b"\0")
    assert refusal(multipart(SDP_PART, needed)).status == 415
    optional = (ISUP + "\r\nContent-Disposition: signal ;handling=OPTIONAL", b"\0")
    assert session_of(multipart(SDP_PART, optional)) == SDP
    assert session_of(multipart(optional)) is None


def test_an_optional_body_is_left_aside() -> None:
    lines = ("Content-Type: text/html", "Content-Disposition: render;handling=optional")
    assert session_of(request("INVITE", *lines, body=b"<p>")) is None


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Type: text/plain",),
        ("Content-Type: application/sdp", "Content-Encoding: gzip"),
        ("e: gzip", "c: application/sdp"),
        ("Content-Type: application/sdp", "Content-Disposition: early-session"),
        ("Content-Type: multipart/signed; boundary=b1",),
        ("Content-Type: multipart/mixed; boundary=b1", "Content-Encoding: gzip"),
    ],
)
def test_what_is_not_understood_is_answered_415(lines: tuple[str, ...]) -> None:
    assert refusal(request("INVITE", *lines, body=SDP)).status == 415


def test_a_description_in_base64_is_not_understood() -> None:
    assert (
        refusal(multipart(("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64", b"dj0w"))).status
        == 415
    )


def test_identity_is_no_encoding() -> None:
    assert session_of(request("INVITE", "Content-Type: application/sdp", "Content-Encoding: identity", body=SDP)) == SDP


@pytest.mark.parametrize(
    "message",
    [
        request("INVITE", "Content-Type: nonsense", body=SDP),
        request("INVITE", "Content-Type: multipart/mixed", body=SDP),
        request("INVITE", "Content-Type: multipart/mixed;boundary=b1", body=SDP),
        request("INVITE", "Content-Type: multipart/mixed;boundary=b1", body=b"--b1"),
        request("INVITE", "Content-Type: multipart/mixed;boundary=b1", body=b"--b1\r\nno end of headers\r\n--b1--"),
        request("INVITE", "Content-Type: multipart/mixed;boundary=b1", body=b"--b1\r\n\xff: a\r\n\r\n\r\n--b1--"),
        multipart(SDP_PART, end=b""),
    ],
)
def test_what_is_not_what_it_says_is_answered_400(message: Request) -> None:
    assert refusal(message).status == 400


def test_a_part_without_headers_is_text() -> None:
    message = request("INVITE", "Content-Type: multipart/mixed;boundary=b1", body=b"--b1\r\n\r\nhi\r\n--b1--")
    assert [(part.content_type, part.data) for part in parts_of(message)] == [("text/plain", b"hi")]


def test_the_most_parts_are_read_and_more_answered_400() -> None:
    most = [("Content-Type: text/plain", b"x")] * (BODY_PARTS_MAX - 1)
    assert session_of(multipart(*most, SDP_PART)) == SDP
    assert refusal(multipart(*most, SDP_PART, SDP_PART)).status == 400
