"""A TCP connection's bytes taken apart into messages (RFC 3261 §18.3), and the keep-alives between them (RFC 5626)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.model.limits import SIP_MESSAGE_BYTES_MAX
from keepline.sip.stream import Framed, KeepAlive, Unfinished, Unframed, next_frame

PING = b"\r\n\r\n"


def message(body: bytes = b"", length: str = "Content-Length: {}", more: str = "") -> bytes:
    head = f"OPTIONS sip:a@b SIP/2.0\r\n{more}{length.format(len(body))}\r\nCall-ID: 1\r\n\r\n"
    return head.encode() + body


def frames(data: bytes) -> list[bytes]:
    """The messages of a whole stream."""
    found, begin = [], 0
    while (frame := next_frame(data, begin)) is not None:
        assert isinstance(frame, Framed | KeepAlive), frame
        if isinstance(frame, Framed):
            found.append(frame.data)
        begin = frame.end
    return found


def test_rfc3261_18_3_messages_end_where_content_length_says() -> None:
    first, second = message(b"v=0\r\n\r\n"), message()
    assert frames(first + second + first) == [first, second, first]


def test_rfc3261_18_3_the_compact_form_a_fold_and_bare_lf_are_known() -> None:
    for length in ("l:{}", "CONTENT-LENGTH \t:  {}", "Content-Length:\r\n {}"):
        data = message(b"body", length)
        assert next_frame(data + b"INVITE") == Framed(data, len(data))
    bare = message(b"body").replace(b"\r\n", b"\n")
    assert next_frame(bare) == Framed(bare, len(bare))


def test_rfc3261_18_3_a_header_that_only_looks_like_it_counts_for_nothing() -> None:
    data = message(b"body", more="Subject: content-length: 900\r\nX: y\r\n l: 4000\r\nXl: 7\r\n")
    assert next_frame(data) == Framed(data, len(data))


def test_rfc3261_18_3_without_content_length_no_message_ends() -> None:
    found = next_frame(b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n")
    assert isinstance(found, Unframed)
    assert (found.status, found.data) == (400, b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1")


@pytest.mark.parametrize(
    "length", ["Content-Length: -1", "l: five", "l: 12345678901", "l: 4\r\nContent-Length: 9", "l:"]
)
def test_rfc3261_18_3_a_length_that_can_be_read_in_two_ways_ends_the_stream(length: str) -> None:
    found = next_frame(message(b"body", length))
    assert isinstance(found, Unframed)
    assert found.status == 400


def test_sip_message_bytes_max_over_tcp_is_513_by_what_is_announced_and_by_what_comes() -> None:
    announced = next_frame(f"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: {SIP_MESSAGE_BYTES_MAX}\r\n\r\n".encode())
    endless = next_frame(b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * SIP_MESSAGE_BYTES_MAX)
    for found in (announced, endless):
        assert isinstance(found, Unframed)
        assert found.status == 513
    head = message(b"", "Content-Length: {}")
    fits = message(b"x" * (SIP_MESSAGE_BYTES_MAX - len(head) - 4))
    assert len(fits) == SIP_MESSAGE_BYTES_MAX
    assert next_frame(fits) == Framed(fits, len(fits))


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01", b"\0\0\0", b" INVITE", b"<xml>"])
def test_what_is_not_sip_is_known_by_its_first_byte(data: bytes) -> None:
    assert isinstance(next_frame(data), Unframed)


def test_rfc5626_3_5_1_two_line_ends_are_a_ping_and_one_is_none() -> None:
    assert next_frame(PING + b"INVITE") == KeepAlive(4, is_ping=True)
    assert next_frame(b"\r\nINVITE") == KeepAlive(2, is_ping=False)
    assert next_frame(b"\nINVITE") == KeepAlive(1, is_ping=False)
    assert next_frame(b"\r") == Unfinished(2)
    assert next_frame(b"") is None


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=5), st.data())
def test_a_stream_says_the_same_wherever_it_is_cut(parts: list[tuple[bytes, bool]], data: st.DataObject) -> None:
    wanted = [message(body) for body, _ in parts]
    stream = b"".join(whole + (PING if pinged else b"") for whole, (_, pinged) in zip(wanted, parts, strict=True))
    found, begin, have = [], 0, 0
    while begin < len(stream):
        frame = next_frame(stream[:have], begin)
        if isinstance(frame, Framed):
            found.append(frame.data)
            begin = frame.end
        elif isinstance(frame, KeepAlive):
            begin = frame.end
        else:
            assert frame is None or (isinstance(frame, Unfinished) and have - begin < frame.size <= len(stream) - begin)
            have = data.draw(st.integers(have + 1, len(stream)))
    assert found == wanted


@given(st.binary(max_size=300))
def test_hostile_bytes_are_taken_apart_or_refused(data: bytes) -> None:
    begin = 0
    while isinstance(frame := next_frame(data, begin), Framed | KeepAlive):
        assert begin < frame.end <= len(data)
        begin = frame.end
    if isinstance(frame, Unfinished):
        assert frame.size > len(data) - begin
