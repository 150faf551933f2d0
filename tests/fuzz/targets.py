"""What is fuzzed: functions of bytes that raise when a promise is broken.

The promises: a reader gives a value or a PeerError with a status; what it gave can be read again; an exchange meets no
bug, whatever comes, and still answers a ping and serves a call afterwards.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

from keepline.model.errors import PeerError
from keepline.sip.body import session_of
from keepline.sip.dialog import after_request, dialog_key, in_order, next_hop, next_request, uac_dialog, uas_dialog
from keepline.sip.digest import Credentials, answer_challenge, answers_in, challenges_of, redact
from keepline.sip.first_look import acknowledges_stateless, read_new_call
from keepline.sip.message import (
    Request,
    Response,
    make_response,
    parse_message,
    parse_uri,
    peek_request,
    response_target,
    stamp_received,
)
from keepline.sip.peers import Address
from keepline.sip.sdp import offer_answer, parse_sdp
from keepline.sip.transaction import cancel_key, client_key, server_key
from keepline.sip.uas import refusal_of
from tests.spec.exchange_rig import STRANGER, Rig, invite
from tests.spec.sip_messages import PEER, SDP, wire

ROOT = Path(__file__).parents[2]
TORTURE = ROOT / os.environ.get("KEEPLINE_TORTURE_DIR", "../shared/sip-torture")
BETWEEN = b"\0|\0"
"""Stands between the events of an exchange. The first byte of each: `t` time passes, `s` a stranger, else a peer."""
EVENTS_MAX = 16
BROKEN = frozenset(("request_broken", "call_broken", "call_lost"))
SOURCE = ("198.51.100.7", 5099)


def read_message(data: bytes) -> None:
    """A message, and everything that a parsed one promises."""
    refused = refusal(parse_message, data)
    if refused is None:
        message = parse_message(data)
        use(message)
        use_dialog(message)
        return
    assert refused.status in (400, 501, 505, 513), refused.status
    remains = peek_request(data)
    if remains is not None:
        stamp_received(remains, *SOURCE)
        response_target(remains, SOURCE)
        assert make_response(remains, refused.status, to_tag="1").encode().startswith(b"SIP/2.0 ")


def read_new_call_alike(data: bytes, source: Address = SOURCE) -> bool:
    """A new call read in brief is the one that is read in full, and its refusal the same. Whether it was read."""
    new = read_new_call(data)
    if new is None:
        return False
    message = parse_message(data)
    assert isinstance(message, Request)
    assert (message.method, message.to.tag) == ("INVITE", None)
    assert (new.call_id, new.from_, new.from_tag) == (
        message.call_id,
        message.headers.get("From"),
        message.from_.tag or "",
    )
    assert (new.cseq, new.key) == (message.headers.get("CSeq"), server_key(message))
    stamp_received(message, *source[:2])
    answer, peer = new.refusal(503, "ours", source)
    assert answer == make_response(message, 503, to_tag="ours").encode()
    assert peer == response_target(message, source)
    heard = parse_message(answer)
    assert isinstance(heard, Response)
    assert (heard.status, heard.to.tag, client_key(heard)[0]) == (503, "ours", message.top_via.branch)
    return True


def look_first(data: bytes) -> None:
    """A new call, as far as a refusal needs it; the ACK of one."""
    read_new_call_alike(data)
    acknowledges_stateless(data)


def read_description(data: bytes) -> None:
    """A session description, and the answer to it."""
    refused = refusal(parse_sdp, data)
    if refused is not None:
        assert refused.status in (400, 488), refused.status
        return
    offer = parse_sdp(data)
    for host in ("192.0.2.9", "2001:db8::9"):
        answer = offer_answer(offer, local_host=host, local_port=40000, session_id=1, version=1)
        if answer is not None:
            assert len(parse_sdp(answer.sdp).media) == len(offer.media)


def read_digest(data: bytes) -> None:
    """A challenge and its answer, an answer of a peer's, and a message without either."""
    text = data.decode("utf-8", "replace").translate(dict.fromkeys(range(32), " "))
    asked = parse_message(wire())
    assert isinstance(asked, Request)
    challenged = make_response(asked, 401, to_tag="1", headers=[("WWW-Authenticate", text)])
    header = answer_challenge(asked, challenged, Credentials("bob", "zanzibar"), "c")
    assert (header is None) == (not challenges_of(challenged))
    for value in (text, *([header[1]] if header else [])):
        asked.headers.set("Authorization", value)
        refused = refusal(lambda _: answers_in(asked), data)
        assert refused is None or (refused.status == 400 and value is text)
        assert value is text or answers_in(asked)
    written = redact(data)
    assert not re.search(rb"(?im)^(proxy-)?authorization[ \t]*:(?! redacted)", head_of(written)), written
    assert head_of(redact(written)) == head_of(written)


def head_of(raw: bytes) -> bytes:
    """All but the body."""
    return re.split(rb"\r?\n\r?\n", raw.lstrip(b"\r\n"))[0]


def refusal(read: Callable[[bytes], object], data: bytes) -> PeerError | None:
    """The PeerError that reading it ends in, if it does."""
    try:
        read(data)
    except PeerError as error:
        return error
    return None


def step_exchange(data: bytes) -> None:
    """Datagrams and time at a whole exchange."""
    rig = Rig(slots=4)
    for event in data.split(BETWEEN)[:EVENTS_MAX]:
        kind, rest = event[:1], event[1:]
        if kind == b"t":
            rig.pass_time(float(rest[0]) if rest else 0.5)
        else:
            rig.send(rest, STRANGER if kind == b"s" else PEER)
    rig.pass_time(64)
    rig.options_are_answered()
    rig.call_completes()
    found = [report for report in rig.reports if report.event in BROKEN]
    assert not found, found


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
    stamp_received(message, *SOURCE)
    response_target(message, SOURCE)
    server_key(message)
    cancel_key(message)
    dialog_key(message)
    if refusal_of(message) is None and message.method == "INVITE":
        session_of(message)
    answer = parse_message(make_response(message, 200, to_tag="1").encode())
    assert isinstance(answer, Response)
    assert answer.cseq == message.cseq


def use_dialog(message: Request | Response) -> None:
    """A dialog of whatever this is; a PeerError is an answer too."""
    try:
        if isinstance(message, Response):
            request = parse_message(wire())
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


def message_seeds() -> list[bytes]:
    torture = [file.read_bytes() for file in sorted(TORTURE.glob("*.dat"))]
    multipart = b"--b1\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--b1--"
    return [
        wire(),
        wire("INVITE", "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com>", body=SDP),
        wire("ACK", "Route: <sip:p2.example.com;lr>", To='"B, ob" <sip:bob@biloxi.example.com>;tag=1'),
        wire("BYE", Via="SIP/2.0/UDP [2001:db8::1]:5060;rport;branch=1, SIP/2.0/TCP a.example.com;maddr=192.0.2.1"),
        wire().replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", b"SIP/2.0 200 OK"),
        invite(body=multipart, content_type="multipart/mixed;boundary=b1"),
        *torture,
    ]


def digest_seeds() -> list[bytes]:
    answer = (
        b'Digest username="b", realm="r\\"", nonce="n", uri="sip:a@b", response="1", qop=auth, nc=00000001, cnonce="c"'
    )
    return [
        b'Digest realm="biloxi.com", nonce="n", algorithm=SHA-256, qop="auth,auth-int", opaque="o", stale=true',
        answer,
        wire("INVITE", "Authorization: " + answer.decode(), "proxy-authorization : Digest\r\n a=b", body=SDP),
    ]


def exchange_seeds() -> list[bytes]:
    rig = Rig()
    dialog = rig.invite()  # the ids of an exchange follow from its seed, so these tags are right there too
    ringing = Rig().invite("ringing")
    call = [dialog.invite, dialog.request("ACK"), dialog.request("OPTIONS"), dialog.request("BYE")]
    cancelled = [ringing.invite, wire("CANCEL", Call_ID=ringing.call_id, Via=rig._via())]
    lists = [call, call[:1], call[:2], cancelled, [wire("OPTIONS")], *([seed] for seed in message_seeds())]
    return [BETWEEN.join(b"p" + data for data in each) for each in lists] + [
        BETWEEN.join([b"p" + call[0], b"t\x28", b"p" + call[1], b"s" + call[2], b"p" + call[3], b"p" + call[3]])
    ]


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "message": (read_message, message_seeds),
    "first_look": (look_first, message_seeds),
    "description": (read_description, lambda: [SDP]),
    "digest": (read_digest, digest_seeds),
    "exchange": (step_exchange, exchange_seeds),
}
"""Name -> what is fuzzed and what it begins with."""

WORDS = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b'"', b"<", b">", b";", b",", b":", b"=", b"%", b"\\", b"@", b"[", b"]",
    b"\xff", b"0", b"-1", b"99999999999", b"\xd9\xa0", b"Via: ", b"To: x\r\n", b"SIP/2.0", b"\r\n\r\n", b"\r\n ",
    b";tag=", b";;", b",,", b"INVITE", b"ACK", b"BYE", b"CANCEL", b"OPTIONS", b"sip:", b"tel:", b"Require: x\r\n",
    b"Content-Type: multipart/mixed;boundary=b1\r\n", b"Content-Length: ", b"--b1", b"z9hG4bK", b"rport", b"maddr=",
    b"received=", b"Contact: *\r\n", b"Record-Route: ", b"m=audio 1 RTP/AVP 0\r\n", b"a=rtpmap:", b"c=IN IP4 ", BETWEEN,
]  # fmt: skip
"""Pieces that the grammar cares for."""
