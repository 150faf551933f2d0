"""Keys through loss, repetition and disorder, sender to receiver."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.model.errors import LocalError
from keepline.rtp.dtmf import DIGITS, END, EventReceiver, event_packets

pressed = st.lists(st.tuples(st.sampled_from(DIGITS), st.integers(20, 300)), max_size=8)


def take(receiver: EventReceiver, ts: int, marker: bool, payload: bytes) -> str:
    """One packet into the receiver; the key it made known, or nothing."""
    end, duration = payload[1] >= END, int.from_bytes(payload[2:], "big")
    return DIGITS[receiver.code] if receiver.update(ts & 0xFFFFFFFF, marker, payload[0], end, duration) else ""


@given(pressed, st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_keys_arrive_once_each_in_order(keys: list[tuple[str, int]], ts: int, chance: Random) -> None:
    receiver, heard = EventReceiver(), ""
    earlier: list[tuple[int, bool, bytes]] = []
    for key, duration_ms in keys:
        sent = [(ts, packet.marker, packet.payload) for packet in event_packets(key, duration_ms)]
        kept = [packet for packet in sent if chance.random() < 0.5] or sent[-1:]
        arriving = kept + chance.sample(kept, 1) + (chance.sample(earlier, 1) if earlier else [])
        if chance.random() < 0.5:
            chance.shuffle(kept)
        for packet in [*kept, *arriving]:
            heard += take(receiver, *packet)
        # A process dies between any two keys: three numbers are enough to go on.
        receiver = EventReceiver(receiver.count, receiver.ts, receiver.code)
        earlier += sent
        ts += duration_ms * 8 + 400
    assert heard == "".join(key for key, _ in keys)
    assert receiver.count == len(keys)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.booleans(), st.binary(min_size=4, max_size=4)), max_size=50))
def test_any_packets_are_taken(packets: list[tuple[int, bool, bytes]]) -> None:
    receiver = EventReceiver()
    for packet in packets:
        take(receiver, *packet)
    assert receiver.count <= len(packets)


@pytest.mark.parametrize(("digit", "duration_ms"), [("", 100), ("12", 100), ("E", 100), ("1", 9_000)])
def test_what_is_no_key_or_held_too_long_is_a_local_error(digit: str, duration_ms: int) -> None:
    with pytest.raises(LocalError):
        event_packets(digit, duration_ms)


def test_a_short_press_is_still_sent_three_times() -> None:
    assert [packet.marker for packet in event_packets("#", 1)] == [True, False, False]
    assert event_packets("a") == event_packets("A")
