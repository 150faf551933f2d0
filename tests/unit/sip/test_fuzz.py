"""Whatever a peer sends, a reader of it gives a value or a PeerError, never anything else."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.model.errors import PeerError
from keepline.sip.dialog import after_request, dialog_key, in_order, next_hop, next_request, uac_dialog, uas_dialog
from keepline.sip.message import (
    Request,
    Response,
    make_response,
    parse_message,
    parse_name_addr,
    parse_uri,
    parse_via,
    peek_request,
    response_target,
    stamp_received,
)
from keepline.sip.sdp import offer_answer, parse_sdp
from keepline.sip.transaction import cancel_key, client_key, server_key
from tests.spec.sip_messages import SDP, wire

SEED_MESSAGES = [
    wire(),
    wire("INVITE", "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com>", body=SDP),
    wire("ACK", "Route: <sip:p2.example.com;lr>", To='"B, ob" <sip:bob@biloxi.example.com>;tag=1'),
    wire("BYE", Via="SIP/2.0/UDP [2001:db8::1]:5060;rport;branch=1, SIP/2.0/TCP a.example.com;maddr=192.0.2.1"),
    wire().replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", b"SIP/2.0 200 OK"),
]
FRAGMENTS = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b'"', b"<", b">", b";", b",", b":", b"=", b"%", b"\\", b"@", b"[", b"]",
    b"\xff", b"0", b"-1", b"99999999999", b"\xd9\xa0", b"Via: ", b"To: x\r\n", b"SIP/2.0", b"\r\n\r\n", b"\r\n ",
    b";tag=", b";;", b",,",
]  # fmt: skip

quick = settings(deadline=None, database=None, derandomize=True, max_examples=300)


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A proper text with a few pieces cut out, put in or doubled."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=4), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


def use(message: Request | Response) -> None:
    """Read everything that a parsed message promises; what it does not promise may be a PeerError."""
    for answered in (message.call_id, str(message.cseq), str(message.from_), str(message.to), str(message.top_via)):
        assert isinstance(answered, str)
    assert message.headers.get_all("Via")
    client_key(message)
    again = parse_message(message.encode())
    assert again.headers.items()[:-1] == [item for item in message.headers.items() if item[0] != "Content-Length"]
    if isinstance(message, Response):
        return
    stamp_received(message, "198.51.100.7", 5099)
    response_target(message, ("198.51.100.7", 5099))
    server_key(message)
    cancel_key(message)
    dialog_key(message)
    answer = parse_message(make_response(message, 200, to_tag="1").encode())
    assert isinstance(answer, Response)
    assert answer.cseq == message.cseq


def use_dialog(message: Request | Response) -> None:
    """A dialog of whatever this is; a PeerError is an answer too."""
    try:
        if isinstance(message, Response):
            request = parse_message(SEED_MESSAGES[0])
            assert isinstance(request, Request)
            dialog = uac_dialog(request, message)
        else:
            parse_uri(message.uri)
            dialog = uas_dialog(message, "ours")
            in_order(dialog, message)
            after_request(dialog, message)
        next_hop(dialog)
        _, bye = next_request(dialog, "BYE", branch="z9hG4bK1", via_host="192.0.2.9", via_port=5060)
        parse_message(bye.encode())
    except PeerError:
        pass


def refusal(read: Callable[[bytes], object], data: bytes) -> PeerError | None:
    """The PeerError that reading it ends in, if it does."""
    try:
        read(data)
    except PeerError as error:
        return error
    return None


def try_message(data: bytes) -> None:
    refused = refusal(parse_message, data)
    if refused is None:
        message = parse_message(data)
        use(message)
        use_dialog(message)
        return
    assert refused.status in (400, 501, 505, 513)
    remains = peek_request(data)
    if remains is not None:
        stamp_received(remains, "198.51.100.7", 5099)
        response_target(remains, ("198.51.100.7", 5099))
        assert make_response(remains, refused.status, to_tag="1").encode().startswith(b"SIP/2.0 ")


def try_sdp(data: bytes) -> None:
    refused = refusal(parse_sdp, data)
    if refused is not None:
        assert refused.status in (400, 488)
        return
    offer = parse_sdp(data)
    for host in ("192.0.2.9", "2001:db8::9"):
        answer = offer_answer(offer, local_host=host, local_port=40000, session_id=1, version=1)
        if answer is not None:
            assert len(parse_sdp(answer.sdp).media) == len(offer.media)


@quick
@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_peer_error(data: bytes) -> None:
    try_message(data)


@quick
@given(damaged(SEED_MESSAGES))
def test_a_damaged_message_is_a_message_or_a_peer_error(data: bytes) -> None:
    try_message(data)


@quick
@given(st.binary(max_size=300))
def test_any_bytes_are_a_description_or_a_peer_error(data: bytes) -> None:
    try_sdp(data)


@quick
@given(damaged([SDP]))
def test_a_damaged_description_is_a_description_or_a_peer_error(data: bytes) -> None:
    try_sdp(data)


@quick
@given(st.text(max_size=60))
def test_any_text_is_a_value_or_a_peer_error(text: str) -> None:
    for read in (parse_uri, parse_name_addr, parse_via):
        for prefix in ("", "sip:", "<sip:", '"', "SIP/2.0/UDP a;"):
            try:
                assert str(read(prefix + text))
            except PeerError:
                continue


@quick
@given(st.text(alphabet='ab1%@:;?&=+$,/.-_ é"<>', max_size=20))
def test_a_uri_that_was_read_is_written_so_that_it_reads_the_same(text: str) -> None:
    try:
        uri = parse_uri(f"sip:{text}@example.com")
    except PeerError:
        return
    assert parse_uri(str(uri)) == uri
