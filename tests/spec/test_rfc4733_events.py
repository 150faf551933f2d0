"""RFC 4733: keys as events, both ends."""

import pytest

from keepline.rtp.dtmf import DIGITS, END, EventReceiver, event_packets

TS = 0xFFFFFF00


def test_rfc4733_2_3_payload_format() -> None:
    payload = event_packets("5", 100)[0].payload
    assert payload == bytes([5, 10, 0, 160])


def test_rfc4733_3_2_event_codes() -> None:
    assert [event_packets(digit)[0].payload[0] for digit in "0123456789*#ABCD"] == list(range(16))


def test_rfc4733_2_5_1_1_marker_is_set_on_the_first_packet_alone() -> None:
    assert [packet.marker for packet in event_packets("1", 100)] == [True] + [False] * 6


def test_rfc4733_2_5_1_2_duration_grows_with_each_update() -> None:
    durations = [int.from_bytes(packet.payload[2:], "big") for packet in event_packets("1", 100)]
    assert durations == [160, 320, 480, 640, 800, 800, 800]


def test_rfc4733_2_5_1_4_the_last_packet_is_sent_three_times() -> None:
    packets = event_packets("1", 100)
    assert [packet.payload[1] >= END for packet in packets] == [False] * 4 + [True] * 3
    assert len({packet.payload for packet in packets[-3:]}) == 1


def test_rfc4733_2_5_2_1_a_key_counts_at_its_first_packet() -> None:
    receiver = EventReceiver()
    assert receiver.update(TS, True, 5, False, 160)
    assert (receiver.count, DIGITS[receiver.code]) == (1, "5")


def test_rfc4733_2_5_2_1_updates_and_ends_of_a_known_event_do_not_count() -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, False, 160)
    assert not any(receiver.update(TS, False, 5, end, 320) for end in (False, True, True, True))


@pytest.mark.parametrize("end", [False, True])
def test_rfc4733_2_5_2_2_a_key_counts_though_only_a_later_packet_arrives(end: bool) -> None:
    receiver = EventReceiver()
    assert receiver.update(TS, False, 5, end, 800)


def test_rfc4733_2_5_2_1_a_new_timestamp_is_a_new_event_though_the_key_is_the_same() -> None:
    receiver = EventReceiver()
    assert all(receiver.update(TS + at * 1_600 & 0xFFFFFFFF, True, 5, True, 800) for at in range(4))
    assert receiver.count == 4


def test_rfc4733_2_5_2_1_a_straggler_of_an_earlier_event_does_not_count() -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, True, 800)
    receiver.update(TS + 1_600 & 0xFFFFFFFF, True, 6, False, 160)
    assert not receiver.update(TS, False, 5, True, 800)
    assert not receiver.update(TS + 1_600 & 0xFFFFFFFF, False, 6, True, 800)


def test_rfc4733_2_5_2_1_a_clock_that_was_set_back_does_not_make_keys_stragglers() -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, True, 800)
    back = TS - 500_000 & 0xFFFFFFFF
    assert receiver.update(back, True, 6, False, 160)
    assert not receiver.update(back, False, 6, True, 800)
    assert not receiver.update(back - 1_600 & 0xFFFFFFFF, False, 7, True, 800)
    assert receiver.update(back + 1_600 & 0xFFFFFFFF, True, 6, False, 160)


def test_rfc4733_2_5_1_3_the_next_segment_of_a_long_event_does_not_count() -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, False, 0xFFFF)
    second = TS + 0xFFFF & 0xFFFFFFFF
    assert not receiver.update(second, False, 5, False, 160)
    assert not receiver.update(second + 0xFFFF & 0xFFFFFFFF, False, 5, False, 160)
    assert (receiver.count, receiver.ts) == (1, second + 0xFFFF & 0xFFFFFFFF)


def test_rfc4733_2_5_1_3_a_shorter_segment_is_known_by_its_exact_continuation() -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, False, 0x9000)
    assert not receiver.update(TS + 0x9000 & 0xFFFFFFFF, False, 5, False, 160)
    assert receiver.update(TS + 0x9000 + 161 & 0xFFFFFFFF, False, 5, False, 160)


@pytest.mark.parametrize(("marker", "code", "ended"), [(True, 5, False), (False, 6, False), (False, 5, True)])
def test_rfc4733_2_5_1_3_anything_else_after_a_segment_is_a_new_event(marker: bool, code: int, ended: bool) -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, ended, 0xFFFF)
    assert receiver.update(TS + 0xFFFF & 0xFFFFFFFF, marker, code, False, 160)


@pytest.mark.parametrize("code", [16, 32, 255])
def test_rfc4733_3_1_events_that_are_no_keys_leave_the_state_alone(code: int) -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, False, 160)
    assert not receiver.update(TS + 8_000 & 0xFFFFFFFF, True, code, False, 160)
    assert not receiver.update(TS, False, 5, True, 800)
    assert receiver.count == 1


def test_rfc3550_8_2_a_new_stream_s_clock_does_not_hide_its_keys() -> None:
    receiver = EventReceiver()
    receiver.update(TS, True, 5, True, 160)
    receiver.start(10)
    assert receiver.update(5, True, 6, False, 160)
    assert receiver.count == 2
