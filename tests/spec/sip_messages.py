"""Messages that the SIP tests are made of, written out as they stand on the wire."""

from keepline.sip.message import Request, Response, make_response, parse_message

SDP = (
    b"v=0\r\n"
    b"o=alice 2890844526 2890844526 IN IP4 192.0.2.1\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.0.2.1\r\n"
    b"t=0 0\r\n"
    b"m=audio 49170 RTP/AVP 0 8 101\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\n"
)

PEER = ("192.0.2.1", 5060)
MANDATORY = {
    "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds",
    "Max-Forwards": "70",
    "To": "Bob <sip:bob@biloxi.example.com>",
    "From": "Alice <sip:alice@atlanta.example.com>;tag=1928301774",
    "Call-ID": "a84b4c76e66710@192.0.2.1",
    "CSeq": "314159 INVITE",
    "Contact": "<sip:alice@192.0.2.1>",
}


def wire(
    method: str = "INVITE",
    *more: str,
    uri: str = "sip:bob@biloxi.example.com",
    body: bytes = b"",
    without: tuple[str, ...] = (),
    **changed: str,
) -> bytes:
    """A request as bytes. `changed` names fields with `_` for `-`; `more` are further header lines, as written."""
    fields = MANDATORY | {"CSeq": f"314159 {method}"} | {name.replace("_", "-"): text for name, text in changed.items()}
    lines = [f"{method} {uri} SIP/2.0"]
    lines += [f"{name}: {text}" for name, text in fields.items() if name not in without]
    lines += more
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def request(
    method: str = "INVITE",
    *more: str,
    uri: str = "sip:bob@biloxi.example.com",
    body: bytes = b"",
    without: tuple[str, ...] = (),
    **changed: str,
) -> Request:
    """The same, parsed."""
    message = parse_message(wire(method, *more, uri=uri, body=body, without=without, **changed))
    assert isinstance(message, Request)
    return message


def response(
    to: Request, status: int, *more: tuple[str, str], to_tag: str | None = "a6c85cf", body: bytes = b""
) -> Response:
    """An answer, through the wire and back."""
    made = make_response(to, status, to_tag=to_tag, headers=more, body=body)
    message = parse_message(made.encode())
    assert isinstance(message, Response)
    return message
