"""RTCP of the media process on real sockets: reports out and in, the round trip, hostile ones, BYE."""

import random
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from keepline.model.limits import RTCP_PACKET_BYTES_MAX, RTCP_PER_TICK_MAX
from keepline.node.media import MediaLoop
from keepline.node.mediawire import Close, StreamWay
from keepline.rtp.rtcp import ReportBlock, RtcpReport, Sending, middle, ntp_time, pack_compound, parse_compound
from tests.live.media_rig import Clock, Phone, Rig

OURS = 0xABCD
THEIRS = 0x1234


class Reports:
    """The RTCP port of a phone."""

    def __init__(self, phone: Phone, host: str = "127.0.0.1") -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, phone.port + 1 if host == phone.host else 0))
        self.sock.setblocking(False)
        phone_sockets.append(self.sock)

    def got(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.sock.recv(2000))
            except BlockingIOError:
                return found

    def send(self, data: bytes, port: int) -> None:
        self.sock.sendto(data, ("127.0.0.1", port))


phone_sockets: list[socket.socket] = []


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with Rig(tmp_path, 40) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()
    while phone_sockets:
        phone_sockets.pop().close()


def even_phone(rig: Rig) -> Phone:
    """A phone whose next port is free for its RTCP."""
    for port in random.sample(range(33_000, 60_000, 2), 200):
        try:
            for each in (port, port + 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        rig.phones.append(Phone(port=port))
        return rig.phones[-1]
    raise AssertionError("no pair of free ports")


def opened(clock: Clock, **changes: StreamWay) -> tuple[MediaLoop, Phone, Reports]:
    loop, phone = clock.loop(), even_phone(clock.rig)
    reports = Reports(phone)
    clock.rig.send(clock.rig.opening(phone, **changes))
    clock.wake(loop)
    return loop, phone, reports


def run(clock: Clock, loop: MediaLoop, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        clock.wake(loop, 0.02)


def report_of(data: bytes) -> RtcpReport:
    (report,) = parse_compound(data) or []
    return report


def test_rfc3550_6_reports_go_to_the_port_above_at_random_intervals(clock: Clock) -> None:
    loop, _, reports = opened(clock)
    times = []
    for _ in range(3000):
        clock.wake(loop, 0.02)
        times += [clock.now_s for _ in reports.got()]
    gaps = [after - before for before, after in pairwise(times)]
    assert 10 <= len(times) <= 25
    assert all(2.0 <= gap <= 6.3 for gap in gaps)
    assert len({round(gap, 1) for gap in gaps}) > 3


def test_a_sender_report_agrees_with_the_stream(clock: Clock) -> None:
    loop, phone, reports = opened(clock)
    run(clock, loop, 4)
    data = reports.got()[-1]
    report, ts, packets, octets = report_of(data), *(int.from_bytes(data[at : at + 4]) for at in (16, 20, 24))
    phone.drain()
    by_then = [packet for packet in phone.packets if (ts - packet.ts) & 0xFFFFFFFF < 1 << 31]
    assert report.ssrc == OURS
    assert packets == len(by_then)
    assert octets == 160 * packets
    assert (ts - by_then[-1].ts) & 0xFFFFFFFF <= 320
    assert abs((report.ntp >> 32) - (ntp_time(clock.rig.slots.now_s(clock.now_s)) >> 32)) <= 4
    assert report.blocks == ()


def test_what_we_miss_is_told(clock: Clock) -> None:
    loop, phone, reports = opened(clock)
    for index in range(400):
        if index % 4 != 3:
            phone.send(clock.rig.ports[0])
        else:
            phone.seq, phone.ts = phone.seq + 1, phone.ts + 160
        clock.wake(loop, 0.02)
    (block,) = report_of(reports.got()[-1]).blocks
    assert block.ssrc == THEIRS
    assert block.fraction == pytest.approx(64, abs=3)
    assert block.lost == pytest.approx(block.highest - 100, abs=400)
    assert (block.last_report, block.delay) == (0, 0)
    assert block.lost > 20


def test_the_peers_reports_give_round_trip_loss_and_jitter(clock: Clock) -> None:
    rig = clock.rig
    loop, phone, reports = opened(clock)
    phone.send(rig.ports[0])
    run(clock, loop, 4)
    ours = report_of(reports.got()[-1])
    heard_s = clock.now_s
    run(clock, loop, 0.5)  # the peer takes a moment, the network another
    delay_s = 0.4
    sent = round((clock.now_s - heard_s) * 1000)
    elapsed_ms = (middle(ntp_time(rig.slots.now_s(clock.now_s))) - middle(ours.ntp)) / 65.536
    block = ReportBlock(OURS, 26, 12, 70_000, 80, middle(ours.ntp), int(delay_s * 65_536))
    reports.send(pack_compound(THEIRS, Sending(ntp_time(1.7e9), 5, 6, 7), [block], "phone"), rig.rtcp_ports[0])
    clock.wake(loop, 0.002)
    stats = rig.slots.stats(0)
    assert sent == 500
    assert (stats.reports, stats.peer_lost, stats.peer_jitter_ms) == (1, 12, 10.0)
    assert stats.round_trip_ms == pytest.approx(elapsed_ms + 2 - 400, abs=1)
    run(clock, loop, 7)
    (told,) = report_of(reports.got()[-1]).blocks
    assert told.last_report == middle(ntp_time(1.7e9))
    assert 0 < told.delay / 65_536 < 7.1
    assert rig.slots.stats(0).dead_airs == 0


def test_rfc3550_6_6_the_end_of_a_call_says_goodbye(clock: Clock) -> None:
    loop, _, reports = opened(clock)
    run(clock, loop, 0.2)
    clock.rig.send(Close(1, 0, 2))
    clock.wake(loop)
    (last,) = reports.got()
    assert last.endswith(b"\x81\xcb\x00\x01\x00\x00\xab\xcd")
    run(clock, loop, 10)
    assert reports.got() == []


def test_rfc5761_with_rtcp_mux_all_goes_by_one_port(clock: Clock) -> None:
    rig = clock.rig
    loop, phone, reports = opened(clock, way=StreamWay(rtcp_mux=True))
    phone.send(rig.ports[0])
    block = ReportBlock(OURS, 0, 3, 0, 8, 0, 0)
    clock.wake(loop, 0.02)
    phone.sock.sendto(pack_compound(THEIRS, None, [block], "phone"), ("127.0.0.1", rig.ports[0]))
    run(clock, loop, 4)
    found = []
    phone.sock.setblocking(False)
    while True:
        try:
            data = phone.sock.recv(2000)
        except BlockingIOError:
            break
        if data[1] == 200:
            found.append(report_of(data))
    assert found
    assert reports.got() == []
    stats = rig.slots.stats(0)
    assert (stats.peer_lost, stats.packets_received, stats.ignored) == (3, 1, 0)


def test_without_rtcp_mux_a_report_on_the_rtp_port_is_ignored(clock: Clock) -> None:
    loop, phone, _ = opened(clock)
    phone.send(clock.rig.ports[0])
    clock.wake(loop, 0.02)
    phone.sock.sendto(pack_compound(THEIRS, None, [], "phone"), ("127.0.0.1", clock.rig.ports[0]))
    clock.wake(loop, 0.02)
    stats = clock.rig.slots.stats(0)
    assert (stats.reports, stats.ignored, stats.packets_received) == (0, 1, 1)


def test_hostile_reports_change_nothing(clock: Clock) -> None:
    rig = clock.rig
    loop, phone, reports = opened(clock)
    phone.send(rig.ports[0])
    clock.wake(loop, 0.02)
    stranger = Reports(phone, "127.0.0.9")
    block = ReportBlock(OURS, 255, 0x7FFFFF, 1, 0xFFFFFFFF, 1, 1)
    good = pack_compound(THEIRS, Sending(1 << 60, 1, 1, 1), [block], "phone")
    stranger.send(good, rig.rtcp_ports[0])
    other = pack_compound(0x9999, None, [ReportBlock(0x8888, 255, 99, 1, 1, 1, 1)], "who")
    hostile = [
        b"",
        b"\x80",
        other,
        good[:-3],
        b"\xff" * 1500,
        good + bytes(RTCP_PACKET_BYTES_MAX),
        good[:1] + b"\xcb" + good[2:],
    ]
    chance = random.Random(7)
    hostile += [chance.randbytes(chance.randrange(200)) for _ in range(200)]
    for data in hostile:
        reports.send(data, rig.rtcp_ports[0])
        clock.wake(loop, 0.002)
    run(clock, loop, 8)
    stats = rig.slots.stats(0)
    assert (stats.reports, stats.peer_lost, stats.round_trip_ms) == (0, 0, None)
    assert stats.ignored == len(hostile) + 1
    phone.hear(20)
    assert reports.got()


def test_reports_beyond_the_limit_wait_for_the_next_tick(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    count = RTCP_PER_TICK_MAX * 2
    phones = [rig.phone() for _ in range(count)]
    for slot, phone in enumerate(phones):
        rig.send(rig.opening(phone, slot, slot + 1))
        clock.wake(loop)
        phone.send(rig.ports[slot])
    run(clock, loop, 0.1)
    for slot, phone in enumerate(phones):
        data = pack_compound(THEIRS, None, [ReportBlock(OURS, 0, 0, 0, 0, 0, 0)], "x")
        phone.sock.sendto(data, ("127.0.0.1", rig.rtcp_ports[slot]))
    for ticks in (1, 2):
        clock.wake(loop, 0.002)
        assert sum(rig.slots.stats(slot).reports for slot in range(count)) == ticks * RTCP_PER_TICK_MAX


def test_a_successor_goes_on_reporting_with_the_figures_so_far(clock: Clock) -> None:
    loop, phone, reports = opened(clock)
    for _ in range(50):
        phone.send(clock.rig.ports[0])
        clock.wake(loop, 0.02)
    reports.send(pack_compound(THEIRS, None, [ReportBlock(OURS, 0, 4, 0, 8, 0, 0)], "x"), clock.rig.rtcp_ports[0])
    clock.wake(loop, 0.02)
    reports.got()
    successor = clock.loop()
    for _ in range(8):
        run(clock, successor, 1)
        phone.drain()
    data = reports.got()[-1]
    assert 100 < int.from_bytes(data[20:24]) <= len(phone.packets)
    assert clock.rig.slots.stats(0).peer_lost == 4


def test_who_is_held_reports_as_a_receiver(clock: Clock) -> None:
    loop, phone, reports = opened(clock, way=StreamWay(sends=False))
    phone.send(clock.rig.ports[0])
    run(clock, loop, 8)
    assert {data[1] for data in reports.got()} == {201}
    phone.drain()
    assert phone.packets == []
