"""RFC 3264: answering an offer."""

import pytest

from keepline.sip.sdp import Answer, make_offer, offer_answer, parse_sdp
from keepline.sip.unmet import unmet
from tests.spec.sip_messages import SDP

HEAD = "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
C4 = "c=IN IP4 192.0.2.1\r\n"


def answer(body: str | bytes, **more: object) -> Answer | None:
    offer = parse_sdp(body if isinstance(body, bytes) else body.encode())
    settings = {"local_host": "192.0.2.9", "local_port": 40000, "session_id": 7, "version": 1} | more
    return offer_answer(offer, **settings)  # type: ignore[arg-type]


def media(*sections: str) -> str:
    return HEAD + C4 + "t=0 0\r\n" + "".join(f"m={section}\r\n" for section in sections)


def test_rfc3264_6_the_answer_in_full() -> None:
    made = answer(SDP)
    assert made is not None
    assert made.sdp == (
        b"v=0\r\n"
        b"o=keepline 7 1 IN IP4 192.0.2.9\r\n"
        b"s=-\r\n"
        b"c=IN IP4 192.0.2.9\r\n"
        b"t=0 0\r\n"
        b"m=audio 40000 RTP/AVP 0 101\r\n"
        b"a=rtpmap:0 PCMU/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\n"
        b"a=fmtp:101 0-15\r\n"
        b"a=ptime:20\r\n"
        b"a=sendrecv\r\n"
    )
    assert (made.codec, made.payload_type, made.dtmf_payload_type) == ("PCMU", 0, 101)
    assert (made.remote_host, made.remote_port, made.direction) == ("192.0.2.1", 49170, "sendrecv")


def test_rfc3264_6_the_times_are_the_offers() -> None:
    made = answer(media("audio 1 RTP/AVP 0").replace("t=0 0", "t=2873397496 2873404696\r\nt=0 0"))
    assert made is not None
    assert b"\r\nt=2873397496 2873404696\r\nt=0 0\r\n" in made.sdp


@pytest.mark.parametrize(
    ("formats", "codec", "payload_type"),
    [("0 8", "PCMU", 0), ("8 0", "PCMA", 8), ("18 9 8", "PCMA", 8), ("3 0", "PCMU", 0)],
)
def test_rfc3264_6_1_the_offerers_order_decides_among_static_types(formats: str, codec: str, payload_type: int) -> None:
    made = answer(media(f"audio 1 RTP/AVP {formats}"))
    assert made is not None
    assert (made.codec, made.payload_type) == (codec, payload_type)


def test_rfc3264_6_1_only_codecs_we_have() -> None:
    made = answer(media("audio 1 RTP/AVP 0 8"), codecs=("PCMA",))
    assert made is not None
    assert made.codec == "PCMA"


def test_rfc3264_6_1_a_dynamic_type_keeps_the_offerers_number() -> None:
    made = answer(media("audio 1 RTP/AVP 97 96\r\na=rtpmap:96 PCMU/8000\r\na=rtpmap:97 telephone-event/8000"))
    assert made is not None
    assert (made.payload_type, made.dtmf_payload_type) == (96, 97)
    assert b"m=audio 40000 RTP/AVP 96 97\r\na=rtpmap:96 PCMU/8000\r\n" in made.sdp


def test_rfc3264_6_1_no_telephone_event_where_none_is_offered() -> None:
    made = answer(media("audio 1 RTP/AVP 0\r\na=rtpmap:101 telephone-event/16000"))
    assert made is not None
    assert made.dtmf_payload_type is None
    assert b"telephone-event" not in made.sdp


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_rfc3264_6_1_the_direction_is_mirrored(offered: str, answered: str) -> None:
    made = answer(media(f"audio 1 RTP/AVP 0\r\na={offered}"))
    assert made is not None
    assert made.direction == answered
    assert f"a={answered}\r\n".encode() in made.sdp


@pytest.mark.parametrize(
    ("offered", "answered"), [("sendrecv", "recvonly"), ("recvonly", "inactive"), ("inactive", "inactive")]
)
def test_rfc3264_8_4_hold_by_a_zero_address_sends_nothing(offered: str, answered: str) -> None:
    made = answer(media(f"audio 1 RTP/AVP 0\r\na={offered}").replace(C4, "c=IN IP4 0.0.0.0\r\n"))
    assert made is not None
    assert made.direction == answered


def test_rfc3264_6_every_medium_is_answered_in_its_place_and_others_with_port_0() -> None:
    made = answer(
        media(
            "video 5004 RTP/AVP 31 32",
            "audio 1 RTP/SAVP 0",
            "audio 2 RTP/AVP 18",
            "audio 3 RTP/AVP 8",
            "audio 4 RTP/AVP 0",
        )
    )
    assert made is not None
    assert (made.remote_port, made.codec) == (3, "PCMA")
    lines = [line for line in made.sdp.decode().split("\r\n") if line.startswith("m=")]
    assert lines == [
        "m=video 0 RTP/AVP 31 32",
        "m=audio 0 RTP/SAVP 0",
        "m=audio 0 RTP/AVP 18",
        "m=audio 40000 RTP/AVP 8",
        "m=audio 0 RTP/AVP 0",
    ]
    assert len(parse_sdp(made.sdp).media) == 5


@pytest.mark.parametrize(
    "body",
    [
        media(),
        media("audio 1 RTP/AVP 18"),
        media("audio 0 RTP/AVP 0"),
        media("video 1 RTP/AVP 0"),
        media("audio 1 RTP/SAVP 0"),
        media("audio 1 RTP/AVP 0\r\na=rtpmap:0 PCMU/16000"),
        media("audio 1 RTP/AVP 128 x 9999"),
        media("audio 1 RTP/AVP 0").replace(C4, ""),
        media("audio 1 RTP/AVP 0").replace("192.0.2.1\r\nt", "pc33.example.com\r\nt"),
        media("audio 1 RTP/AVP 0").replace(C4, "c=IN IP6 2001:db8::1\r\n"),
        media("audio 1 RTP/AVP 0").replace(C4, "c=IN IP4 224.2.36.42/127\r\n"),
    ],
)
def test_rfc3264_6_nothing_that_fits_is_none(body: str) -> None:
    assert answer(body) is None


@pytest.mark.parametrize(
    ("body", "code", "why"),
    [
        (media(), 304, "no audio is offered"),
        (media("video 1 RTP/AVP 0"), 304, "no audio is offered"),
        (media("audio 0 RTP/AVP 0"), 304, "no audio is offered"),
        (media("audio 1 RTP/SAVP 0"), 302, "audio by RTP/AVP alone"),
        (media("audio 1 RTP/AVP 18"), 305, "no codec in common: PCMU and PCMA"),
        (media("audio 1 RTP/AVP 128 x 9999"), 305, "no codec in common"),
        (media("audio 1 RTP/AVP 0").replace(C4, "c=IN IP6 2001:db8::1\r\n"), 300, "audio goes by IPv4"),
        (media("audio 1 RTP/AVP 0").replace(C4, "c=IN IP4 224.2.36.42/127\r\n"), 301, "cannot be sent to the address"),
    ],
)
def test_rfc3261_20_43_a_warning_says_why_nothing_fits(body: str, code: int, why: str) -> None:
    refusal = unmet(parse_sdp(body.encode()), "192.0.2.9")
    [(name, value)] = refusal.headers
    assert (refusal.status, name) == (488, "Warning")
    assert value == f'{code} keepline "{refusal.why}"'
    assert why in refusal.why


@pytest.mark.parametrize("host", ["255.255.255.255", "240.0.0.1", "0.0.0.7", "224.2.1.1"])
def test_rfc6890_2_2_2_audio_is_sent_to_nobodys_address(host: str) -> None:
    assert answer(media("audio 4000 RTP/AVP 0").replace("192.0.2.1\r\nt=", f"{host}\r\nt=")) is None


@pytest.mark.parametrize(
    ("host", "port", "here", "is_ours"),
    [
        ("192.0.2.9", 40000, "192.0.2.9", True),
        ("192.0.2.9", 40001, "192.0.2.9", True),
        ("127.0.0.1", 40000, "192.0.2.9", True),
        ("127.0.0.1", 40000, "127.0.0.1", True),
        ("192.0.2.9", 40002, "192.0.2.9", False),
        ("192.0.2.8", 40000, "192.0.2.9", False),
        ("127.0.0.2", 40000, "127.0.0.1", False),
    ],
)
def test_rfc3264_6_our_own_port_is_no_peer(host: str, port: int, here: str, is_ours: bool) -> None:
    body = media(f"audio {port} RTP/AVP 0").replace("192.0.2.1\r\nt=", f"{host}\r\nt=")
    assert (answer(body, local_host=here) is None) is is_ours


def test_rfc3264_8_4_hold_by_an_unspecified_address_however_spelt() -> None:
    body = media("audio 4000 RTP/AVP 0").replace("IN IP4 192.0.2.1\r\nt=", "IN IP6 0:0:0:0:0:0:0:0\r\nt=")
    made = answer(body, local_host="2001:db8::9")
    assert made is not None
    assert made.direction == "recvonly"


def test_rfc3264_6_ipv6() -> None:
    made = answer(media("audio 1 RTP/AVP 0").replace(C4, "c=IN IP6 2001:DB8::1\r\n"), local_host="2001:db8::9")
    assert made is not None
    assert made.remote_host == "2001:db8::1"
    assert b"\r\nc=IN IP6 2001:db8::9\r\n" in made.sdp


def test_rfc3264_5_our_offer_is_answered_and_the_answer_read() -> None:
    ours = make_offer(local_host="192.0.2.9", local_port=40000, session_id=7, version=1, codecs=("PCMA", "PCMU"))
    theirs = answer(ours, local_host="192.0.2.1", local_port=6000)
    assert theirs is not None
    assert (theirs.codec, theirs.dtmf_payload_type, theirs.remote_port) == ("PCMA", 101, 40000)
    agreed = answer(theirs.sdp)
    assert agreed is not None
    assert (agreed.codec, agreed.remote_host, agreed.remote_port) == ("PCMA", "192.0.2.1", 6000)
