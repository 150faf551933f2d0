"""The memory that outlives processes: layout, atomic pairs, readers beside a writer."""

import os
from collections.abc import Iterator

import pytest

from keepline.model.errors import LocalError
from keepline.model.limits import MEDIA_NETWORKS_MAX, RTP_SLOTS_MAX
from keepline.node import slots as layout
from keepline.node.mediawire import FinishReason
from keepline.node.slots import PlayState, Slots


@pytest.fixture
def slots() -> Iterator[Slots]:
    made = Slots.create(3, 1_000.0, 50.0)
    yield made
    made.close()
    os.close(made.fd)


def put_digits(slots: Slots, slot: int, digits: str) -> None:
    """As media does."""
    base = slots.base(slot)
    for at, digit in enumerate(digits):
        slots.view[base + layout.S_RING + at % layout.RING_BYTES] = ord(digit)
    slots.u64[(base + layout.S_DIGITS) // 8] = 0xFFFFFFFF << 32 | len(digits)


def test_new_memory_is_empty(slots: Slots) -> None:
    assert slots.count == 3
    assert slots.open_slots() == []
    for slot in range(3):
        assert slots.call_of(slot) == 0
        assert slots.play_state(slot) == PlayState(0, 0, 0, None)
        assert slots.digits(slot) == (0, "")
        assert slots.stats(slot) == layout.SlotStats(0, 0, 0, 0.0, 0, 0, 0)
        assert not slots.latched(slot)


def test_another_process_sees_the_same(slots: Slots) -> None:
    other = Slots.attach(slots.fd)
    slots.u64[slots.base(1) // 8] = 1 << 63
    slots.calls_epoch = 7
    slots.stepping_call = 1 << 40
    assert other.call_of(1) == 1 << 63
    assert other.open_slots() == [1]
    assert (other.calls_epoch, other.stepping_call, other.count) == (7, 1 << 40, 3)
    other.close()


def test_the_header_keeps_its_fields_apart(slots: Slots) -> None:
    slots.calls_epoch, slots.media_epoch, slots.live_calls, slots.events_overflow = 1, 2, 3, True
    slots.media_heartbeat_s, slots.calls_heartbeat_s, slots.media_tick, slots.stepping_call = 4.5, 5.5, 6, 7
    assert (slots.calls_epoch, slots.media_epoch, slots.live_calls, slots.events_overflow) == (1, 2, 3, True)
    assert (slots.media_heartbeat_s, slots.calls_heartbeat_s, slots.media_tick, slots.stepping_call) == (4.5, 5.5, 6, 7)
    slots.events_overflow = False
    assert not slots.events_overflow


def test_node_time_is_the_anchor_carried_on(slots: Slots) -> None:
    other = Slots.attach(slots.fd)
    assert other.now_s(51.5) == 1_001.5
    other.close()


def test_fields_do_not_overlap() -> None:
    at = sorted((value, name) for name, value in vars(layout).items() if name.startswith("S_"))
    widths = {
        "S_CALL": 8, "S_FINISHED": 8, "S_DIGITS": 8, "S_PLAY_START": layout.PLAY.size, "S_PROMPT_KEY": 16,
        "S_REMOTE_IP": 16, "S_SEQ0": layout.ORIGIN.size, "S_STATS": layout.STATS.size, "S_REMOTE_PORT": 2,
        "S_STATS_BASE": layout.STATS_BASE.size, "S_RING": layout.RING_BYTES, "S_PACKET": layout.PACKET_BYTES_MAX,
        "S_RTCP_PORT": 2, "S_RTCP_MUX": 1, "S_FRAME_BYTES": 2, "S_RTCP": layout.RTCP.size, "S_FIGURES_OF": 8,
        "S_SILENCE": layout.SILENCE.size, "S_OPENED_AT": 8, "S_HEARD_AT": 8, "S_DIRECTION": 1,
        "S_RECORD": layout.RECORD.size, "S_SIGNALLED_IP": 16, "S_SIGNALLED_PORT": 2,
        "S_NETWORK_COUNT": 1, "S_NETWORKS": 17 * MEDIA_NETWORKS_MAX,
        "S_HEARD": 8, "S_INBAND": 8,
        "S_FLAGS": 1, "S_LATCHED": 1, "S_PT": 1, "S_DTMF_PT": 1,
    }  # fmt: skip
    inside = {"S_DIGITS_SEEN", "S_FLAGS", "S_SSRC", "S_TS0", "S_FRAME0"}
    end = 0
    for offset, name in at:
        if name not in inside:
            assert offset >= end, name
            end = offset + widths.get(name, 4)
    assert end <= layout.SLOT_BYTES
    assert layout.S_DIGITS_SEEN == layout.S_PLAY_START + 4
    assert layout.S_FLAGS == layout.S_PLAY_START + 8
    assert (layout.S_SSRC, layout.S_TS0) == (layout.S_SEQ0 + 2, layout.S_SEQ0 + 6)


def test_counters_that_publish_are_aligned() -> None:
    for name in ("S_CALL", "S_FINISHED", "S_DIGITS"):
        assert getattr(layout, name) % 8 == 0
    for name in ("S_APPLIED", "S_PLAYING", "S_SENT", "S_LATE", "S_IGNORED", "S_SEND_FAILED"):
        assert getattr(layout, name) % 4 == 0


def test_a_play_that_has_finished_no_longer_plays_though_the_writer_died_between(slots: Slots) -> None:
    base = slots.base(2)
    slots.u32[(base + layout.S_APPLIED) // 4] = 9
    slots.u32[(base + layout.S_PLAYING) // 4] = 9
    assert slots.play_state(2) == PlayState(9, 9, 0, None)
    slots.u64[(base + layout.S_FINISHED) // 8] = FinishReason.DIGIT.value << 32 | 9
    assert slots.play_state(2) == PlayState(9, 0, 9, FinishReason.DIGIT)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 63, 64, 65, 200])
def test_the_last_digits_are_read_in_order(slots: Slots, count: int) -> None:
    digits = "".join("0123456789*#ABCD"[at * 7 % 16] for at in range(count))
    put_digits(slots, 1, digits)
    assert slots.digits(1) == (count, digits[-layout.RING_READABLE :])


def test_a_digit_being_written_is_not_seen(slots: Slots) -> None:
    put_digits(slots, 1, "1" * 64)
    slots.view[slots.base(1) + layout.S_RING] = ord("9")
    assert slots.digits(1) == (64, "1" * 32)


def test_statistics(slots: Slots) -> None:
    base = slots.base(0)
    layout.STATS.pack_into(slots.view, base + layout.S_STATS, 90, 199, 16.0)
    layout.STATS_BASE.pack_into(slots.view, base + layout.S_STATS_BASE, 100, 5)
    for at, value in ((layout.S_SENT, 50), (layout.S_LATE, 1), (layout.S_IGNORED, 2), (layout.S_SEND_FAILED, 3)):
        slots.u32[(base + at) // 4] = value
    assert slots.stats(0) == layout.SlotStats(50, 90, 10, 2.0, 1, 2, 3)


def test_the_peer_s_address(slots: Slots) -> None:
    slots.set_remote(2, bytes(range(16)), 65_535)
    assert slots.remote(2) == (bytes(range(16)), 65_535)


@pytest.mark.parametrize("slot", [-1, 3, 1 << 40])
def test_there_is_no_such_slot(slots: Slots, slot: int) -> None:
    with pytest.raises(IndexError):
        slots.call_of(slot)


@pytest.mark.parametrize("count", [0, -1, RTP_SLOTS_MAX + 1])
def test_there_is_a_limit(count: int) -> None:
    with pytest.raises(LocalError, match="slots"):
        Slots.create(count, 0.0, 0.0)


@pytest.mark.parametrize("content", [b"", b"x" * 5_000, layout.MAGIC + (2).to_bytes(4, "little") * 2 + bytes(5_104)])
def test_other_memory_is_refused(content: bytes) -> None:
    fd = os.memfd_create("other")
    os.write(fd, content)
    with pytest.raises(LocalError, match="slots memory"):
        Slots.attach(fd)
    os.close(fd)
