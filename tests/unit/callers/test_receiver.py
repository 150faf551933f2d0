"""The receiver counts what comes over a real socket; the sender's digits are what RFC 4733 says."""

import socket
import struct
from array import array
from collections.abc import Iterator
from itertools import pairwise

import pytest
from callers_rtp import GAP_BUCKETS, Receiver, Sender, open_rtp_socket, open_socket

PAYLOAD = b"\x11" * 160


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = open_socket("127.0.0.1", 0), open_socket("127.0.0.1", 0)
    with near, far:
        yield near, far


def packet(seq: int, ts: int, marker: bool = False, ssrc: int = 7, payload: bytes = PAYLOAD) -> bytes:
    return struct.pack("!BBHII", 0x80, 0x80 if marker else 0, seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc) + payload


def receive(pair: tuple[socket.socket, socket.socket], packets: list[bytes]) -> Receiver:
    near, far = pair
    receiver = Receiver(near, array("Q", bytes(8 * GAP_BUCKETS)), 1000)
    receiver.payload_type = 0
    for data in packets:
        far.sendto(data, near.getsockname())
        receiver.read()
    receiver.finish()
    return receiver


def test_an_unbroken_stream_wraps_around(pair: tuple[socket.socket, socket.socket]) -> None:
    heard = receive(pair, [packet(65534 + n, 2**32 - 160 + 160 * n, n == 0) for n in range(5)]).heard
    assert (heard.packets, heard.sequence_gaps, heard.timestamp_jumps, heard.markers) == (5, 0, [], 1)
    assert (heard.first_has_marker, heard.sources, heard.ssrcs, len(heard.frames)) == (True, 1, 1, 5)


def test_a_lost_packet_is_a_gap_but_no_timestamp_jump(pair: tuple[socket.socket, socket.socket]) -> None:
    heard = receive(pair, [packet(n, 160 * n) for n in (0, 1, 4, 5)]).heard
    assert (heard.sequence_gaps, heard.lost, heard.timestamp_jumps) == (1, 2, [])
    assert len(heard.frames) == 6
    assert not heard.first_has_marker


def test_a_jump_of_the_timestamp_is_seen(pair: tuple[socket.socket, socket.socket]) -> None:
    heard = receive(pair, [packet(0, 0), packet(1, 160), packet(2, 640), packet(3, 800)]).heard
    assert (heard.sequence_gaps, heard.timestamp_jumps) == (0, [(2, 320)])


def test_the_gap_before_a_timestamp_jump_counts(pair: tuple[socket.socket, socket.socket]) -> None:
    receiver = receive(pair, [packet(0, 0), packet(1, 480)])
    assert receiver.gap_ns > 0
    assert sum(receiver.gaps) == 1


def test_doubles_markers_streams_and_odd_packets_are_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    packets = [packet(0, 0, True), packet(1, 160), packet(1, 160), packet(2, 320, True), packet(3, 480, ssrc=8)]
    heard = receive(pair, [*packets, packet(4, 640, payload=b"short")]).heard
    assert (heard.doubled, heard.markers, heard.ssrcs, heard.odd_packets) == (1, 2, 2, 1)
    assert heard.packets == 4


def test_a_number_used_twice_for_different_audio_is_no_double(pair: tuple[socket.socket, socket.socket]) -> None:
    packets = [packet(0, 0, True), packet(1, 160), packet(1, 160, payload=b"\x12" * 160), packet(1, 320)]
    heard = receive(pair, packets).heard
    assert (heard.doubled, heard.late_or_double, heard.packets) == (0, 2, 2)


def test_what_is_late_may_be_another_stream_and_is_counted_as_one(pair: tuple[socket.socket, socket.socket]) -> None:
    heard = receive(pair, [packet(900, 0, True), packet(901, 160), packet(5, 160, ssrc=8)]).heard
    assert (heard.late_or_double, heard.ssrcs, heard.packets) == (1, 2, 2)


def test_a_second_source_is_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    near, _ = pair
    receiver = Receiver(near, array("Q", bytes(8 * GAP_BUCKETS)), 1000)
    receiver.payload_type = 0
    for n in range(2):
        with open_socket("127.0.0.1", 0) as other:
            other.sendto(packet(n, 160 * n), near.getsockname())
            receiver.read()
    assert receiver.finish().sources == 2


def test_rtp_ports_are_even() -> None:
    for _ in range(20):
        with open_rtp_socket("127.0.0.1") as sock:
            assert sock.getsockname()[1] % 2 == 0


def test_audio_past_the_limit_is_counted_not_kept(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    receiver = Receiver(near, array("Q", bytes(8 * GAP_BUCKETS)), 3)
    receiver.payload_type = 0
    for n in range(5):
        far.sendto(packet(n, 160 * n), near.getsockname())
        receiver.read()
    assert (len(receiver.frames), receiver.heard.frames_left_out) == (3, 2)


def test_a_digit_has_one_timestamp_a_growing_duration_and_three_ends(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    sender = Sender(near, 9, 65530, 2**32 - 400, [PAYLOAD], 1)
    sender.remote, sender.event_type = far.getsockname(), 101
    pressed: list[str] = []
    sender.on_pressed = pressed.append
    for tick in range(14):
        if tick == 2:
            sender.digits.append(("#", 5))
        sender.tick()
    packets = [far.recv(2048) for _ in range(14)]
    heads = [struct.unpack("!BBHII", data[:12]) for data in packets]
    assert all((b[2] - a[2]) & 0xFFFF == 1 for a, b in pairwise(heads))
    events = [
        (head, struct.unpack("!BBH", data[12:])) for head, data in zip(heads, packets, strict=True) if len(data) == 16
    ]
    assert pressed == ["#"]
    assert [event[0] for _, event in events] == [11] * 7
    assert [event[2] for _, event in events] == [160, 320, 480, 640, 800, 800, 800]
    assert [event[1] >> 7 for _, event in events] == [0, 0, 0, 0, 1, 1, 1]
    assert len({head[3] for head, _ in events}) == 1
    assert [head[1] >> 7 for head, _ in events] == [1, 0, 0, 0, 0, 0, 0]
    # The audio after the digit goes on where time, not the digit, has got to.
    assert (heads[9][3] - heads[1][3]) & 0xFFFFFFFF == 8 * 160
