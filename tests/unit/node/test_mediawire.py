"""Commands and events as datagrams."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.model.errors import LocalError
from keepline.model.limits import (
    MEDIA_ADDRESSES_CACHED_MAX,
    MEDIA_NETWORKS_MAX,
    MEDIA_RECORDS_PER_DATAGRAM_MAX,
    SECRET_COUNT_MAX,
)
from keepline.node.mediawire import (
    DATAGRAM_BYTES_MAX,
    FRAMES_MS,
    AirBack,
    Bridge,
    Close,
    Closed,
    Command,
    DeadAir,
    Deafen,
    DigitsReceived,
    Event,
    FinishReason,
    Latched,
    MediaStarted,
    Open,
    Play,
    PlayFinished,
    Record,
    RecordEnd,
    RecordingEnded,
    Redirect,
    StopPlay,
    StopRecord,
    StreamWay,
    Unbridge,
    decode_commands,
    decode_events,
    encode_commands,
    encode_events,
    pack_ip,
    pack_networks,
    unpack_ip,
    unpack_networks,
)
from keepline.node.secretwire import (
    AskSecret,
    DropSecret,
    EndSecret,
    KeySecret,
    ListenOpenly,
    Reveal,
    SecretNews,
    decode_revealed,
    encode_revealed,
)
from keepline.rtp.dtmf import DIGITS
from keepline.rtp.entry import CHECKS, EntryState

u8, u16, u32, u64 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64))
hosts = st.ip_addresses().map(lambda ip: getattr(ip, "ipv4_mapped", None) or ip).map(str)
keys = st.binary(min_size=16, max_size=16).map(bytes.hex)
dtmf = st.none() | st.integers(0, 127)
networks = st.ip_addresses(v=4).map(lambda ip: f"{ip}/32") | st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "::/0"])
ways = st.builds(
    StreamWay,
    st.lists(networks, max_size=MEDIA_NETWORKS_MAX).map(tuple),
    st.sampled_from(FRAMES_MS),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
commands = st.one_of(
    st.builds(Open, u64, u32, u32, hosts, u16, u8, dtmf, u32, u16, u32, ways, u32),
    st.builds(Redirect, u64, u32, u32, hosts, u16, u8, dtmf, ways),
    st.builds(Play, u64, u32, u32, keys, st.booleans(), st.booleans(), u32),
    st.builds(StopPlay, u64, u32, u32),
    st.builds(Close, u64, u32, u32),
    st.builds(Record, u64, u32, u32, keys, u32, st.booleans(), u32),
    st.builds(StopRecord, u64, u32, u32),
    st.builds(Deafen, u64, u32, u32),
    st.builds(Bridge, u64, u32, u32, u64, u32),
    st.builds(Unbridge, u64, u32, u32),
    st.builds(
        *(AskSecret, u64, u32, u32, u32, st.integers(1, SECRET_COUNT_MAX), u8),
        *(st.sampled_from(["", *DIGITS]), st.sampled_from(CHECKS)),
    ),
    st.builds(EndSecret, u64, u32, u32),
    st.builds(ListenOpenly, u64, u32, u32),
    st.builds(KeySecret, u64, u32, u32, st.sampled_from(DIGITS)),
    st.builds(DropSecret, u64, u32, u32, u32),
    st.builds(Reveal, u64, u32, u32, u32),
)
events = st.one_of(
    st.builds(MediaStarted, u32),
    st.builds(PlayFinished, u64, u32, u32, st.sampled_from(FinishReason)),
    st.builds(DigitsReceived, u64, u32, u32),
    st.builds(Latched, u64, u32),
    st.builds(Closed, u64, u32, u32),
    st.builds(DeadAir, u64, u32, u32, st.booleans()),
    st.builds(AirBack, u64, u32, u32),
    st.builds(RecordingEnded, u64, u32, u32, st.sampled_from(RecordEnd), u32, u32),
    st.builds(SecretNews, u64, u32, u32, st.sampled_from(EntryState), u32),
)


@given(u32, st.lists(commands, max_size=20))
def test_commands_come_back(epoch: int, sent: list[Command]) -> None:
    got: list[Command] = []
    for data in encode_commands(epoch, sent):
        found, some = decode_commands(data)
        assert found == epoch
        got += some
    assert got == sent


@given(u32, st.lists(events, max_size=20))
def test_events_come_back(epoch: int, sent: list[Event]) -> None:
    got: list[Event] = []
    for data in encode_events(epoch, sent):
        found, some = decode_events(data)
        assert found == epoch
        got += some
    assert got == sent


def test_a_long_batch_takes_several_datagrams_in_order() -> None:
    sent = [StopPlay(1, 2, number) for number in range(2 * MEDIA_RECORDS_PER_DATAGRAM_MAX + 1)]
    datagrams = encode_commands(3, sent)
    assert len(datagrams) == 3
    assert max(map(len, datagrams)) <= DATAGRAM_BYTES_MAX
    assert [command for data in datagrams for command in decode_commands(data)[1]] == sent


def test_nothing_to_say_is_no_datagram() -> None:
    assert encode_commands(1, []) == encode_events(1, []) == []


@given(st.binary(max_size=400))
def test_bytes_that_are_no_batch_are_a_local_error_and_nothing_else(data: bytes) -> None:
    for magic in (b"", b"KLC1", b"KLE1"):
        for decode in (decode_commands, decode_events):
            with suppress(LocalError):
                decode(magic + data)


def test_a_batch_of_the_other_kind_is_refused() -> None:
    (data,) = encode_commands(1, [Close(1, 2, 3)])
    with pytest.raises(LocalError):
        decode_events(data)
    with pytest.raises(LocalError):
        decode_commands(data[:-1])


@pytest.mark.parametrize(
    "command",
    [
        Open(1, 0, 1, "example.org", 4000, 0, 101, 1, 1, 1),
        Open(1, 0, 1, "127.0.0.1", 65_536, 0, 101, 1, 1, 1),
        Open(-1, 0, 1, "127.0.0.1", 4000, 0, 101, 1, 1, 1),
        Play(1, 0, 1, "abc"),
        Play(1, 0, 1, "ab" * 15),
        Play(1, 0, 1, "zz" * 16),
        Close(1, 0, 1 << 32),
    ],
)
def test_what_does_not_fit_its_record_is_a_local_error(command: Command) -> None:
    with pytest.raises(LocalError):
        encode_commands(1, [command])


@pytest.mark.parametrize(
    "way",
    [
        StreamWay(frame_ms=25),
        StreamWay(networks=("10.0.0.0/8",) * (MEDIA_NETWORKS_MAX + 1)),
        StreamWay(networks=("ten",)),
    ],
)
def test_a_route_that_does_not_fit_is_our_mistake(way: StreamWay) -> None:
    with pytest.raises(LocalError):
        encode_commands(1, [Redirect(1, 2, 3, "192.0.2.1", 4, 0, None, way)])


def test_a_route_of_bytes_that_make_no_sense_is_refused() -> None:
    (data,) = encode_commands(1, [Redirect(1, 2, 3, "192.0.2.1", 4, 0, None)])
    for at, value in ((-138, 25), (-137, MEDIA_NETWORKS_MAX + 1)):
        spoilt = bytearray(data)
        spoilt[at] = value
        with pytest.raises(LocalError):
            decode_commands(bytes(spoilt))


@given(u32, u64, u32, st.none() | st.text("0123456789", max_size=SECRET_COUNT_MAX))
def test_what_is_revealed_comes_back(epoch: int, call: int, number: int, digits: str | None) -> None:
    held = None if digits is None else bytearray(digits.encode())
    data = encode_revealed(epoch, Reveal(call, 0, number, 3), held)
    assert decode_revealed(bytes(data)) == (call, number, digits)
    with pytest.raises(LocalError):
        decode_revealed(bytes(data[:-1]))


def test_a_key_is_not_shown_where_its_command_is() -> None:
    assert "7" not in repr(KeySecret(1, 0, 2, "7"))
    with pytest.raises(LocalError) as raised:
        encode_commands(0, [KeySecret(1 << 70, 0, 2, "7")])
    assert "'7'" not in str(raised.value)


@pytest.mark.parametrize("command", [AskSecret(1, 0, 2, 3, 0, 0, "", ""), AskSecret(1, 0, 2, 3, 33, 0, "", "")])
def test_an_entry_of_no_length_is_refused(command: Command) -> None:
    with pytest.raises(LocalError):
        encode_commands(0, [command])


def test_addresses_that_calls_repeat_are_kept_up_to_a_limit() -> None:
    for number in range(MEDIA_ADDRESSES_CACHED_MAX + 10):
        packed = pack_ip(f"10.1.{number // 256}.{number % 256}")
        assert unpack_ip(packed) == f"10.1.{number // 256}.{number % 256}"
        networks = pack_networks((f"10.{number // 256}.{number % 256}.0/24",))
        assert unpack_networks(networks[:17]) == (f"10.{number // 256}.{number % 256}.0/24",)
    for cache in (pack_ip, unpack_ip, pack_networks, unpack_networks):
        assert cache.cache_info().currsize == MEDIA_ADDRESSES_CACHED_MAX
