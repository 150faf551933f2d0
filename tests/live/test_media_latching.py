"""Who may speak for the peer: sources learnt within the trunk's networks, kept, learnt again; strangers never."""

from pathlib import Path

import pytest

from keepline.model.limits import LATCH_PACKETS, LATCH_S
from keepline.node.media import TICKS_PER_S
from keepline.node.mediawire import Latched, StreamWay
from keepline.rtp.dtmf import event_packets
from tests.live.media_rig import EVENT, Clock, Phone, Rig, until

STRANGER = "127.0.0.9"
NEIGHBOUR = "127.0.1.7"
FIRST_SEQ = 100
NEAR = StreamWay(networks=("127.0.0.1/32", "127.0.1.0/24"))


def press(phone: Phone, port: int, digit: str) -> None:
    for packet in event_packets(digit, 60):
        phone.send(port, packet.payload, EVENT, packet.marker)
    phone.ts += 1_600


def ignored(rig: Rig, count: int) -> None:
    until(lambda: rig.slots.stats(0).ignored, lambda found: found >= count)


def heard(rig: Rig, count: int) -> None:
    until(lambda: rig.slots.stats(0).packets_received, lambda found: found == count)


def latch(rig: Rig, phone: Phone) -> None:
    """Packets of one phone until it is learnt."""
    while not rig.slots.latched(0):
        phone.send(rig.ports[0])
        heard(rig, phone.seq - FIRST_SEQ)


def to(rig: Rig, phone: Phone) -> Phone:
    """The same phone, sending to the port where media listens."""
    phone.host = "127.0.0.1"
    return phone


def test_by_default_only_the_signalled_address_is_heard_whatever_its_port(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone, stranger = rig.phone(), to(rig, rig.phone(STRANGER))
        moved = rig.phone()
        rig.open(phone)
        press(stranger, rig.ports[0], "9")
        ignored(rig, len(event_packets("9", 60)))
        moved.send(rig.ports[0])
        assert rig.wait(Latched) == Latched(1, 0)
        assert rig.slots.remote(0)[1] == moved.port
        assert rig.slots.digits(0) == (0, "")
        heard(rig, 1)


def test_a_source_within_the_networks_is_answered_where_it_is(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone, neighbour = rig.phone(), to(rig, rig.phone(NEIGHBOUR))
        rig.open(phone, way=NEAR)
        neighbour.send(rig.ports[0])
        rig.wait(Latched)
        neighbour.hear(3)
        assert not rig.slots.latched(0)
        latch(rig, neighbour)
        assert neighbour.seq - FIRST_SEQ >= LATCH_PACKETS


def test_the_signalled_address_takes_its_stream_back_within_the_first_packets(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone, neighbour = rig.phone(), to(rig, rig.phone(NEIGHBOUR, ssrc=0x7777))
        rig.open(phone, way=NEAR)
        for _ in range(LATCH_PACKETS - 1):
            neighbour.send(rig.ports[0])
        heard(rig, LATCH_PACKETS - 1)
        press(phone, rig.ports[0], "1")
        until(lambda: rig.slots.digits(0), lambda digits: digits == (1, "1"))
        press(neighbour, rig.ports[0], "9")
        press(phone, rig.ports[0], "2")
        until(lambda: rig.slots.digits(0), lambda digits: digits == (2, "12"))
        assert rig.slots.latched(0)


def test_after_the_first_packets_nobody_takes_it(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone, neighbour = rig.phone(), to(rig, rig.phone(NEIGHBOUR))
        rig.open(phone, way=NEAR)
        latch(rig, neighbour)
        before = rig.slots.stats(0)
        press(phone, rig.ports[0], "9")
        press(neighbour, rig.ports[0], "1")
        until(lambda: rig.slots.digits(0), lambda digits: digits == (1, "1"))
        heard(rig, before.packets_received + len(event_packets("1", 60)))


def test_a_third_source_is_not_heard_while_another_is_learnt(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        first, second = to(rig, rig.phone(NEIGHBOUR)), to(rig, rig.phone("127.0.1.8"))
        rig.open(rig.phone(), way=NEAR)
        first.send(rig.ports[0])
        rig.wait(Latched)
        press(second, rig.ports[0], "9")
        ignored(rig, len(event_packets("9", 60)))
        assert rig.slots.digits(0) == (0, "")


def test_outside_the_networks_not_even_the_signalled_address_is_heard(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone, way=StreamWay(networks=("127.0.1.0/24",)))
        phone.hear(2)
        phone.send(rig.ports[0])
        ignored(rig, 1)
        assert not rig.slots.latched(0)


def test_what_strangers_queued_before_the_latch_is_not_heard_after_it(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        phone, stranger = rig.phone(), to(rig, rig.phone(STRANGER, ssrc=0x6666))
        rig.start()
        rig.open(phone)
        rig.kill()
        phone.send(rig.ports[0])
        for _ in range(10):
            press(stranger, rig.ports[0], "9")
        phone.send(rig.ports[0])
        rig.start()
        rig.wait(Latched)
        heard(rig, 2)
        ignored(rig, 10)
        assert rig.slots.digits(0) == (0, "")


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "object":
    with Rig(tmp_path, 20) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


@pytest.mark.parametrize("quiet_s", [1.5, 3.0])
def test_after_two_seconds_of_silence_the_peer_may_come_from_elsewhere(clock: Clock, quiet_s: float) -> None:
    rig, loop = clock.rig, clock.loop()
    phone, neighbour, stranger = rig.phone(), to(rig, rig.phone(NEIGHBOUR)), to(rig, rig.phone(STRANGER))
    rig.send(rig.opening(phone, way=NEAR))
    clock.wake(loop)
    phone.send(rig.ports[0])
    clock.wake(loop, 0.02)
    assert rig.slots.latched(0)
    for _ in range(int(quiet_s / 0.05)):
        clock.wake(loop, 0.05)
    neighbour.seq, neighbour.ts = phone.seq, phone.ts + int(quiet_s * 8000)
    press(stranger, rig.ports[0], "9")
    press(neighbour, rig.ports[0], "3")
    for _ in range(40):
        clock.wake(loop, 0.002)
    assert rig.slots.digits(0) == ((0, "") if quiet_s < 2 else (1, "3"))
    assert rig.slots.stats(0).lost == 0


def test_a_peer_that_was_only_quiet_goes_on_as_before(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    phone = rig.phone()
    rig.send(rig.opening(phone))
    clock.wake(loop)
    for _ in range(3):
        phone.send(rig.ports[0])
        clock.wake(loop, 0.02)
    for _ in range(100):
        clock.wake(loop, 0.05)
    assert not rig.slots.latched(0)
    phone.seq += 2
    for _ in range(3):
        phone.send(rig.ports[0])
        clock.wake(loop, 0.02)
    assert rig.slots.latched(0)
    stats = rig.slots.stats(0)
    assert (stats.packets_received, stats.lost) == (6, 2)


def test_a_burst_from_the_callers_own_host_keeps_the_caller_out_no_longer_than_a_stream_of_its_length(
    clock: Clock,
) -> None:
    rig, loop = clock.rig, clock.loop()
    phone, other = rig.phone(), rig.phone(ssrc=0x7777)
    rig.send(rig.opening(phone))
    clock.wake(loop)
    for _ in range(5 * LATCH_PACKETS):
        other.send(rig.ports[0])
        clock.wake(loop, 0.002)
    assert not rig.slots.latched(0)
    press(other, rig.ports[0], "9")
    press(phone, rig.ports[0], "1")
    for _ in range(20):
        clock.wake(loop, 0.002)
    assert rig.slots.latched(0)
    assert rig.slots.remote(0)[1] == phone.port
    assert rig.slots.digits(0)[1][-1] == "1"
    press(other, rig.ports[0], "8")
    for _ in range(20):
        clock.wake(loop, 0.002)
    assert rig.slots.digits(0)[1][-1] == "1"


@pytest.mark.parametrize(
    ("packets", "seconds", "is_latched"),
    [(LATCH_PACKETS, LATCH_S, True), (LATCH_PACKETS - 1, LATCH_S, False), (LATCH_PACKETS, LATCH_S - 0.02, False)],
)
def test_a_source_is_learnt_by_as_many_packets_as_take_as_long_as_they_should(
    clock: Clock, packets: int, seconds: float, is_latched: bool
) -> None:
    rig, loop = clock.rig, clock.loop()
    neighbour = to(rig, rig.phone(NEIGHBOUR))
    rig.send(rig.opening(rig.phone(), way=NEAR))
    clock.wake(loop)
    neighbour.send(rig.ports[0])
    clock.wake(loop, 1 / TICKS_PER_S)
    for _ in range(packets - 1):
        neighbour.send(rig.ports[0])
        clock.wake(loop, (seconds + 0.001) / (packets - 1))
    assert rig.slots.stats(0).packets_received == packets
    assert rig.slots.latched(0) == is_latched


def test_whoever_was_the_peer_before_it_was_silent_takes_its_stream_back(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    neighbour, other = to(rig, rig.phone(NEIGHBOUR)), to(rig, rig.phone(NEIGHBOUR, ssrc=0x7777))
    rig.send(rig.opening(rig.phone(), way=NEAR))
    clock.wake(loop)
    for _ in range(2 * LATCH_PACKETS):
        neighbour.send(rig.ports[0])
        clock.wake(loop, 0.02)
    assert rig.slots.latched(0)
    for _ in range(60):
        clock.wake(loop, 0.05)
    assert not rig.slots.latched(0)
    press(other, rig.ports[0], "9")
    press(neighbour, rig.ports[0], "3")
    for _ in range(20):
        clock.wake(loop, 0.002)
    assert rig.slots.latched(0)
    assert rig.slots.remote(0)[1] == neighbour.port
    assert rig.slots.digits(0)[1][-1] == "3"
