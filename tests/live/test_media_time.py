"""The loop under a clock of the test: late wake-ups, successors after a gap, readers that are away."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from keepline.model.errors import LocalError
from keepline.model.limits import (
    MEDIA_CATCH_UP_TICKS_MAX,
    MEDIA_COMMANDS_PER_WAKE_MAX,
    RTP_DRAIN_MAX,
    RTP_PACKET_BYTES_MAX,
    RTP_RECEIVE_BUFFER_BYTES,
    RTP_RECEIVE_PER_TICK_MAX,
)
from keepline.node import media, media_rtp
from keepline.node.media import MediaLoop
from keepline.node.mediawire import Open, Play, StopPlay, decode_events
from keepline.node.slots import S_PACKET, S_SENT
from tests.live.media_rig import Clock, Phone, Rig, assert_unbroken


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with Rig(tmp_path, 20) as rig:
        found = Clock(rig)
        monkeypatch.setattr(media, "monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


def opened(clock: Clock, slot: int = 0) -> tuple[MediaLoop, Phone]:
    """A loop with one open slot."""
    loop, phone = clock.loop(), clock.rig.phone()
    clock.rig.send(Open(1, slot, 1, phone.host, phone.port, 0, 101, 5, 65_535, 0xFFFFFFFF))
    clock.wake(loop)
    return loop, phone


def stamps(phone: Phone) -> list[int]:
    """The timestamps heard, in frames from the first."""
    phone.drain()
    return [(packet.ts - phone.packets[0].ts & 0xFFFFFFFF) // 160 for packet in phone.packets]


def test_each_slot_sends_every_tenth_tick(clock: Clock) -> None:
    loop, phone = opened(clock, 7)
    for _ in range(30):
        clock.wake(loop, 0.002)
    assert stamps(phone) == [0, 1, 2]
    assert phone.packets[0].ts == 0xFFFFFFFF
    assert_unbroken(phone.packets)


def test_a_late_wake_up_makes_good_what_it_missed(clock: Clock) -> None:
    loop, phone = opened(clock)
    clock.wake(loop, 0.020)
    clock.wake(loop, 0.098)
    assert stamps(phone)[-1] >= 4
    assert_unbroken(phone.packets)


def test_past_the_limit_the_timestamps_jump_and_the_sequence_does_not(clock: Clock) -> None:
    loop, phone = opened(clock)
    clock.wake(loop, 0.020)
    clock.wake(loop, (MEDIA_CATCH_UP_TICKS_MAX + 2) / 500 + 0.2)
    for _ in range(10):
        clock.wake(loop, 0.002)
    heard = stamps(phone)
    assert heard[-1] >= 15
    assert_unbroken(phone.packets, jumps=1)


@pytest.mark.parametrize(("gap_s", "jumps"), [(0.04, 0), (0.0, 0), (0.5, 1)])
def test_a_successor_counts_the_same_ticks(clock: Clock, gap_s: float, jumps: int) -> None:
    loop, phone = opened(clock)
    for _ in range(3):
        clock.wake(loop, 0.020)
    clock.now_s += gap_s
    successor = clock.loop()
    for _ in range(3):
        clock.wake(successor, 0.020)
    heard = stamps(phone)
    assert len(heard) == len(set(heard))
    assert heard[-1] >= 5 + gap_s * 50 - 1
    assert_unbroken(phone.packets, jumps=jumps)


@pytest.mark.parametrize("gap_s", [0.0, 0.3])
def test_a_packet_that_may_be_out_is_sent_again_the_same(clock: Clock, gap_s: float) -> None:
    rig = clock.rig
    key, audio = rig.prompt(1, 1600)
    loop, phone = opened(clock)
    rig.send(Play(1, 0, 2, key))
    clock.wake(loop)
    for _ in range(5):
        clock.wake(loop, 0.020)
    phone.drain()
    count = len(phone.packets)
    # Killed between the send and the count of it; the payload of the slot is lost as well.
    base = rig.slots.base(0)
    rig.slots.u32[(base + S_SENT) // 4] -= 1
    rig.slots.view[base + S_PACKET + 12 : base + S_PACKET + 172] = bytes(160)
    rig.slots.media_tick = phone_tick(clock, loop)
    clock.now_s += gap_s
    successor = clock.loop()
    again = [phone.sock.recv(2000)]
    assert again == phone.datagrams[-1:]
    for _ in range(12):
        clock.wake(successor, 0.020)
    phone.drain()
    assert len(phone.packets) > count
    assert_unbroken(phone.packets, jumps=1)
    assert b"".join(packet.payload for packet in phone.packets).strip(b"\xff") == audio


def phone_tick(clock: Clock, loop: MediaLoop) -> int:
    """The tick before the last one in which slot 0 sent."""
    return (loop._next_tick - 1) // 10 * 10 - 1


def test_a_torn_header_was_not_sent(clock: Clock) -> None:
    loop, phone = opened(clock)
    for _ in range(3):
        clock.wake(loop, 0.020)
    phone.drain()
    count = len(phone.packets)
    # Killed in the tick that would send the next packet: sequence stored, timestamp not.
    base = clock.rig.slots.base(0)
    seq_at = base + S_PACKET + 2
    following = (phone.packets[-1].seq + 1).to_bytes(2, "big")
    clock.rig.slots.view[seq_at : seq_at + 2] = following
    clock.rig.slots.media_tick = phone_tick(clock, loop) + 10
    clock.now_s += 0.02
    successor = clock.loop()
    clock.wake(successor, 0.020)
    phone.drain()
    assert len(phone.packets) > count
    assert_unbroken(phone.packets, jumps=1)


def test_events_wait_for_a_reader_and_past_the_limit_set_the_mark(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = clock.rig
    loop, _ = opened(clock)
    while True:  # fill the socket
        try:
            rig.media_end.send(b"")
        except BlockingIOError:
            break
    monkeypatch.setattr(media, "MEDIA_EVENTS_WAITING_MAX", 5)
    number = 2
    for _ in range(2):
        rig.send(Play(1, 0, number, "ee" * 16), Play(1, 0, number + 1, "ee" * 16))
        number += 2
        clock.wake(loop)
    assert not rig.slots.events_overflow
    rig.send(*[Play(1, 0, number + more, "ee" * 16) for more in range(4)])
    clock.wake(loop)
    assert rig.slots.events_overflow
    rig.commands.setblocking(False)
    while True:
        try:
            rig.commands.recv(65_536)
        except BlockingIOError:
            break
    rig.slots.events_overflow = False
    clock.wake(loop)
    assert len(decode_events(rig.commands.recv(65_536))[1]) <= 5


def test_a_wake_up_takes_a_bounded_number_of_commands(clock: Clock) -> None:
    loop, _ = opened(clock)
    for number in range(2, MEDIA_COMMANDS_PER_WAKE_MAX + 4):
        clock.rig.send(StopPlay(1, 0, number))
    clock.wake(loop)
    assert clock.rig.slots.play_state(0).applied == MEDIA_COMMANDS_PER_WAKE_MAX + 1
    clock.wake(loop)
    assert clock.rig.slots.play_state(0).applied == MEDIA_COMMANDS_PER_WAKE_MAX + 3


def test_nonsense_is_refused_and_taken_from_the_queue(clock: Clock) -> None:
    loop, _ = opened(clock)
    clock.rig.commands.send(b"KLC1 nonsense")
    clock.rig.send(StopPlay(9, 0, 5), StopPlay(1, 99, 5), StopPlay(1, 3, 5), StopPlay(1, 0, 0))
    clock.wake(loop)
    assert loop.refused == 5


def test_another_reader_is_served_by_the_same_loop(clock: Clock) -> None:
    loop, phone = opened(clock)
    called: list[int] = []
    loop.add_reader(phone.sock.fileno(), lambda: called.append(1))
    clock.wake(loop)
    loop.remove_reader(phone.sock.fileno())
    clock.wake(loop)
    assert called == [1]


def test_sockets_and_slots_must_agree(clock: Clock) -> None:
    with pytest.raises(LocalError, match="sockets for 20 slots"):
        MediaLoop(clock.rig.slots, clock.rig.sockets[1:], clock.rig.media_end, clock.rig.directory)


def test_a_tick_takes_a_bounded_number_of_packets(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_rtp, "RTP_RECEIVE_PER_TICK_MAX", 2)
    loop, phone = opened(clock)
    for slot in range(1, 5):
        clock.rig.send(Open(slot + 1, slot, 1, phone.host, phone.port, 0, 101, 5, 0, 0))
    clock.wake(loop)
    for port in clock.rig.ports[:5]:
        phone.send(port)
    assert RTP_RECEIVE_PER_TICK_MAX > 2
    for wanted in (2, 4, 5, 5):
        clock.wake(loop, 0.002)
        assert sum(clock.rig.slots.stats(slot).packets_received for slot in range(5)) == wanted


def test_a_port_that_changes_hands_is_emptied_and_its_queue_bounded(clock: Clock) -> None:
    rig, caller = clock.rig, clock.rig.phone()
    for _ in range(20):
        caller.send(rig.ports[0])
    loop, phone = opened(clock)
    clock.wake(loop, 0.002)
    assert rig.slots.stats(0).ignored == 0
    bound = rig.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    assert bound == 2 * RTP_RECEIVE_BUFFER_BYTES  # the kernel doubles it for its own needs
    for _ in range(2 * RTP_DRAIN_MAX):
        phone.send(rig.ports[0])
    held = 0
    with suppress(BlockingIOError):
        while rig.sockets[0].recv(2_000):
            held += 1
    assert 0 < held <= RTP_DRAIN_MAX


@pytest.mark.parametrize("more", [0, 1])
def test_a_packet_may_be_so_long_and_no_longer(clock: Clock, more: int) -> None:
    loop, phone = opened(clock)
    for _ in range(2):
        phone.send(clock.rig.ports[0], bytes(RTP_PACKET_BYTES_MAX - 12 + more))
        clock.wake(loop, 0.002)
    stats = clock.rig.slots.stats(0)
    assert (stats.packets_received, stats.ignored) == ((0, 2) if more else (2, 0))
