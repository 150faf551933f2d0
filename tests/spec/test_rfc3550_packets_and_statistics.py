"""RFC 3550: the header, and a receiver's account of a stream."""

import pytest

from keepline.rtp.packet import (
    DROPOUT_MAX,
    MISORDER_MAX,
    Order,
    RtpPacket,
    StreamAccount,
    pack_packet,
    parse_packet,
)

GOOD = bytes([0x80, 0x80 | 101, 0x12, 0x34, 1, 2, 3, 4, 0xAB, 0xCD, 0xEF, 0x01])


def started(seq: int = 1_000) -> StreamAccount:
    """An account that has counted one packet."""
    account = StreamAccount()
    account.start(seq)
    account.count(seq, 0)
    return account


def test_rfc3550_5_1_fixed_header() -> None:
    packet = parse_packet(GOOD + b"payload")
    assert packet == RtpPacket(101, True, 0x1234, 0x01020304, 0xABCDEF01, b"payload")
    assert pack_packet(packet) == GOOD + b"payload"


@pytest.mark.parametrize("first", [0x00, 0x40, 0xC0])
def test_rfc3550_5_1_version_must_be_2(first: int) -> None:
    assert parse_packet(bytes([first]) + GOOD[1:] + b"payload") is None


def test_rfc3550_5_1_padding_is_no_payload() -> None:
    packet = parse_packet(b"\xa0" + GOOD[1:] + b"payload\0\0\3")
    assert packet is not None
    assert packet.payload == b"payload"


@pytest.mark.parametrize("count", [0, 9, 255])
def test_rfc3550_a_1_padding_must_fit(count: int) -> None:
    assert parse_packet(b"\xa0" + GOOD[1:] + b"payload" + bytes([count])) is None


def test_rfc3550_5_1_csrc_list_is_stepped_over() -> None:
    packet = parse_packet(b"\x83" + GOOD[1:] + b"c" * 12 + b"payload")
    assert packet is not None
    assert packet.payload == b"payload"
    assert parse_packet(b"\x83" + GOOD[1:] + b"c" * 11) is None


def test_rfc3550_5_3_1_header_extension_is_stepped_over() -> None:
    packet = parse_packet(b"\x90" + GOOD[1:] + b"\xbe\xde\0\2" + b"e" * 8 + b"payload")
    assert packet is not None
    assert packet.payload == b"payload"
    for cut in (b"", b"\xbe\xde\0", b"\xbe\xde\0\2eeeeeee"):
        assert parse_packet(b"\x90" + GOOD[1:] + cut) is None


def test_rfc3550_5_1_sequence_wraps() -> None:
    account = started(65_535)
    assert [account.count(seq, 0) for seq in (0, 1)] == [Order.NEXT, Order.NEXT]
    assert (account.highest, account.lost) == (65_537, 0)


def test_rfc3550_a_1_a_gap_within_the_dropout_limit_is_loss() -> None:
    account = started()
    assert account.count(1_000 + DROPOUT_MAX - 1, 0) == Order.NEXT
    assert account.lost == DROPOUT_MAX - 2


def test_rfc3550_a_1_a_jump_alone_is_not_counted() -> None:
    account = started()
    assert account.count(1_000 + DROPOUT_MAX, 0) == Order.ASTRAY
    assert account.count(1_001, 0) == Order.NEXT
    assert (account.received, account.lost) == (2, 0)


def test_rfc3550_a_1_two_in_a_row_after_a_jump_are_a_restart() -> None:
    account = started()
    account.count(1_005, 0)
    assert account.lost == 4
    assert [account.count(seq, 0) for seq in (40_000, 40_001)] == [Order.ASTRAY, Order.RESTARTED]
    assert account.count(40_002, 0) == Order.NEXT
    assert account.lost == 4
    assert account.received == 4


def test_rfc3550_a_1_late_and_duplicate_packets_are_counted() -> None:
    account = started()
    account.count(1_002, 0)
    assert account.count(1_001, 0) == Order.LATE
    assert account.count(1_002, 0) == Order.LATE
    assert account.count((1_002 - MISORDER_MAX + 1) & 0xFFFF, 0) == Order.LATE
    assert account.count((1_002 - MISORDER_MAX) & 0xFFFF, 0) == Order.ASTRAY


def test_rfc3550_a_3_loss_is_expected_less_received_and_negative_with_duplicates() -> None:
    account = started()
    account.count(1_003, 0)
    assert account.lost == 2
    for _ in range(3):
        account.count(1_003, 0)
    assert account.lost == -1


def test_rfc3550_a_8_jitter_moves_by_a_sixteenth() -> None:
    account = started()
    account.count(1_001, 160)
    assert account.jitter == pytest.approx(10.0)
    account.count(1_002, 160)
    assert account.jitter == pytest.approx(10.0 - 10.0 / 16)


def test_rfc3550_a_8_transit_wraps() -> None:
    account = started()
    account.count(1_001, 0xFFFFFFFF)
    assert account.jitter == pytest.approx(1 / 16)


def test_rfc3550_a_8_a_clock_set_anew_is_not_jitter() -> None:
    account = started()
    account.count(1_001, 1_000_000)
    account.count(1_002, 1_000_016)
    assert account.jitter == pytest.approx(1.0)


def test_rfc4733_2_3_2_event_timestamps_say_nothing_about_jitter() -> None:
    account = started()
    for at in range(1, 5):
        account.count(1_000 + at, -1)
    assert (account.jitter, account.received) == (0.0, 5)
