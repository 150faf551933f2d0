"""RFC 4566: what a session description is, and what is none."""

import pytest

from keepline.model.errors import PeerError
from keepline.model.limits import SDP_LINES_MAX, SDP_MEDIA_MAX
from keepline.sip.sdp import parse_sdp
from tests.spec.sip_messages import SDP

HEAD = b"v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"


def refused(body: bytes, status: int = 400) -> None:
    with pytest.raises(PeerError) as caught:
        parse_sdp(body)
    assert caught.value.status == status


def test_rfc4566_5_a_description() -> None:
    description = parse_sdp(SDP)
    (audio,) = description.media
    assert (description.origin, description.host, description.times) == (
        "alice 2890844526 2890844526 IN IP4 192.0.2.1",
        "192.0.2.1",
        ("0 0",),
    )
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == ("audio", 49170, "RTP/AVP", ("0", "8", "101"))
    assert audio.fmtp == {101: "0-16"}


def test_rfc4566_5_lines_may_end_in_a_bare_newline() -> None:
    assert parse_sdp(SDP.replace(b"\r\n", b"\n")) == parse_sdp(SDP)


def test_rfc4566_5_unknown_lines_are_skipped() -> None:
    more = b"i=x\r\nb=AS:64\r\nk=clear:x\r\na=tool:x y\r\nz=1\r\n"
    assert parse_sdp(SDP.replace(b"t=0 0\r\n", more + b"t=0 0\r\n")) == parse_sdp(SDP)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        b"v=1\r\n",
        b"hello",
        b"\xff\xfe",
        b"v=0\r\nnonsense\r\n",
        b"v=0\r\n\r\no=x\r\n",
        b"v=0\r\ns=-\r\n",
        b"v=0\r\no=a\rb\r\n",
    ],
)
def test_rfc4566_5_what_is_no_description_is_refused(body: bytes) -> None:
    refused(body)


def test_rfc4566_5_7_the_connection_of_a_medium_wins_over_the_sessions() -> None:
    body = HEAD + b"c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\nm=audio 2 RTP/AVP 0\r\n"
    assert [media.host for media in parse_sdp(body).media] == ["192.0.2.2", "192.0.2.1"]


def test_rfc4566_5_7_ipv6_and_a_ttl() -> None:
    assert parse_sdp(HEAD + b"c=IN IP6 2001:db8::1\r\n").host == "2001:db8::1"
    assert parse_sdp(HEAD + b"c=IN IP4 224.2.36.42/127\r\n").host == "224.2.36.42"


@pytest.mark.parametrize("line", [b"c=", b"c=IN IP4", b"c=IN IP5 x", b"c=ATM NSAP x"])
def test_rfc4566_5_7_a_connection_that_is_none_is_refused(line: bytes) -> None:
    refused(HEAD + line + b"\r\n")


@pytest.mark.parametrize("line", [b"t=", b"t=0", b"t=x y", b"t=0 0 0"])
def test_rfc4566_5_9_a_time_that_is_none_is_refused(line: bytes) -> None:
    refused(HEAD + line + b"\r\n")


def test_rfc4566_5_14_a_port_may_have_a_count() -> None:
    assert parse_sdp(HEAD + b"m=audio 49170/2 RTP/AVP 31\r\n").media[0].port == 49170


@pytest.mark.parametrize(
    "line", [b"m=audio", b"m=audio 1 RTP/AVP", b"m=audio x RTP/AVP 0", b"m=audio 65536 RTP/AVP 0", b"m="]
)
def test_rfc4566_5_14_a_medium_that_is_none_is_refused(line: bytes) -> None:
    refused(HEAD + line + b"\r\n")


def test_rfc4566_6_attributes_of_a_medium() -> None:
    body = HEAD + (
        b"a=recvonly\r\nm=audio 1 RTP/AVP 96 97\r\na=rtpmap:96 pcmu/8000/1\r\na=rtpmap:97 L16/8000/2\r\n"
        b"a=ptime:30\r\na=inactive\r\nm=audio 2 RTP/AVP 0\r\na=ptime:x\r\na=rtpmap:x\r\na=fmtp:x y\r\n"
    )
    first, second = parse_sdp(body).media
    assert (first.rtpmap, first.ptime_ms, first.direction) == (
        {96: ("PCMU", 8000), 97: ("L16/2", 8000)},
        30,
        "inactive",
    )
    assert (second.ptime_ms, second.direction) == (None, "recvonly")


def test_limit_of_lines_is_answered_488() -> None:
    room = SDP_LINES_MAX - HEAD.count(b"\r\n")
    parse_sdp(HEAD + b"a=x\r\n" * room)
    refused(HEAD + b"a=x\r\n" * (room + 1), 488)


def test_limit_of_media_is_answered_488() -> None:
    parse_sdp(HEAD + b"m=audio 1 RTP/AVP 0\r\n" * SDP_MEDIA_MAX)
    refused(HEAD + b"m=audio 1 RTP/AVP 0\r\n" * (SDP_MEDIA_MAX + 1), 488)
