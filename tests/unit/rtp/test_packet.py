"""RTP packets as bytes, and the account of a stream against a model."""

from hypothesis import given
from hypothesis import strategies as st

from keepline.rtp.packet import Order, RtpPacket, StreamAccount, pack_packet, parse_packet, payload_bounds

packets = st.builds(
    RtpPacket,
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
)


@given(packets)
def test_a_packet_comes_back(packet: RtpPacket) -> None:
    assert parse_packet(pack_packet(packet)) == packet


@given(st.binary(max_size=60))
def test_any_bytes_are_a_packet_or_none(data: bytes) -> None:
    for first in (0x80, 0x8F, 0x90, 0xA0, 0xBF):
        parse_packet(bytes([first]) + data)
    packet = parse_packet(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


@given(st.binary(min_size=1, max_size=60), st.integers(0, 60))
def test_bounds_stay_within_what_was_received(data: bytes, length: int) -> None:
    buffer = bytearray(data + bytes(100))
    bounds = payload_bounds(buffer, min(length, len(data)))
    assert bounds is None or 12 <= bounds[0] <= bounds[1] <= min(length, len(data))


@given(st.integers(0, 65_535), st.lists(st.sampled_from("....x"), min_size=1, max_size=300))
def test_loss_is_what_did_not_come(first: int, fates: list[str]) -> None:
    account = StreamAccount()
    account.start(first)
    account.count(first, -1)
    arrived = 1
    for at, fate in enumerate(fates):
        if fate == ".":
            account.count((first + 1 + at) & 0xFFFF, -1)
            arrived += 1
    assert account.received == arrived
    last = max([at + 1 for at, fate in enumerate(fates) if fate == "."], default=0)
    assert account.lost == last + 1 - arrived


@given(st.integers(0, 65_535), st.permutations(range(1, 12)))
def test_order_does_not_change_the_count(first: int, order: list[int]) -> None:
    account = StreamAccount()
    account.start(first)
    account.count(first, -1)
    for at in order:
        account.count((first + at) & 0xFFFF, -1)
    assert (account.received, account.lost) == (12, 0)


def test_a_successor_counts_on_from_stored_numbers() -> None:
    first = StreamAccount()
    first.start(65_530)
    for at in range(10):
        first.count((65_530 + at) & 0xFFFF, 0)
    second = StreamAccount(first.base, first.highest, first.received, first.jitter)
    assert second.count(6, 0) == Order.NEXT
    assert (second.received, second.lost) == (11, 2)


def test_a_first_packet_that_an_earlier_process_did_not_store_is_found_again() -> None:
    account = StreamAccount(base=40_000)
    assert [account.count(40_001, -1), account.count(40_002, -1)] == [Order.ASTRAY, Order.RESTARTED]
    assert (account.received, account.lost) == (1, 0)
