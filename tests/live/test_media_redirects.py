"""A stream that goes on another way: new address, codec or frames, hold and its end; and any frames of the peer."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from keepline.node.media import MediaLoop
from keepline.node.mediawire import FRAMES_MS, FinishReason, Play, PlayFinished, Redirect, StreamWay
from keepline.node.slots import PACKET_BYTES_MAX
from keepline.rtp.packet import RtpPacket
from tests.live.media_rig import AUDIO, EVENT, Clock, Phone, Rig, assert_unbroken


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with Rig(tmp_path, 20) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


def run(clock: Clock, loop: MediaLoop, seconds: float) -> None:
    for _ in range(round(seconds / 0.002)):
        clock.wake(loop, 0.002)


def redirect(clock: Clock, phone: Phone, number: int = 1, kind: int = AUDIO, call: int = 1, **way: object) -> None:
    way = StreamWay(**way)  # type: ignore[arg-type]
    clock.rig.send(Redirect(call, 7, number, phone.host, phone.port, kind, EVENT, way))


def drained(phone: Phone) -> list[RtpPacket]:
    first = len(phone.packets)
    phone.drain()
    return phone.packets[first:]


@pytest.mark.parametrize("frame_ms", FRAMES_MS)
def test_frames_of_every_length_are_sent_and_a_prompt_fits_them(clock: Clock, frame_ms: int) -> None:
    rig, loop, size = clock.rig, clock.loop(), frame_ms * 8
    phone = rig.phone()
    key, audio = rig.prompt(1, 5_000)
    rig.send(rig.opening(phone, 7, way=StreamWay(frame_ms=frame_ms)), Play(1, 7, 2, key))
    clock.wake(loop)
    run(clock, loop, 0.9)
    packets = drained(phone)
    assert {len(packet.payload) for packet in packets} == {size}
    assert len(packets) == pytest.approx(900 / frame_ms, abs=1.1)
    assert [(b.seq - a.seq & 0xFFFF, b.ts - a.ts & 0xFFFFFFFF) for a, b in pairwise(packets)] == [(1, size)] * (
        len(packets) - 1
    )
    assert b"".join(packet.payload for packet in packets).strip(b"\xff") == audio
    assert rig.wait(PlayFinished).reason is FinishReason.ENDED
    assert rig.slots.stats(7).frame_ms == frame_ms
    assert 12 + size <= PACKET_BYTES_MAX


@pytest.mark.parametrize("frame_ms", FRAMES_MS)
def test_a_successor_goes_on_with_frames_of_every_length(clock: Clock, frame_ms: int) -> None:
    rig, loop = clock.rig, clock.loop()
    phone = rig.phone()
    key, audio = rig.prompt(1, 9_600)
    rig.send(rig.opening(phone, 7, way=StreamWay(frame_ms=frame_ms)), Play(1, 7, 2, key))
    clock.wake(loop)
    for _ in range(4):
        run(clock, loop, 0.3)
        loop = clock.loop()
    run(clock, loop, 0.3)
    heard = b"".join(packet.payload for packet in drained(phone)).strip(b"\xff")
    assert heard == audio


@pytest.mark.parametrize("frame_ms", [5, 10, 30, 40, 60, 100, 180])
def test_frames_of_any_length_are_received(clock: Clock, frame_ms: int) -> None:
    rig, loop = clock.rig, clock.loop()
    phone = rig.phone()
    rig.send(rig.opening(phone, 7))
    clock.wake(loop)
    for _ in range(20):
        phone.send(rig.ports[7], b"\x55" * frame_ms * 8)
        phone.ts += frame_ms * 8 - 160
        clock.wake(loop, frame_ms / 1000)
    stats = rig.slots.stats(7)
    assert (stats.packets_received, stats.lost, stats.ignored) == (20, 0, 0)
    assert stats.jitter_ms < 3


def test_a_redirected_stream_goes_on_to_the_new_address_and_hears_it_alone(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    old, new = rig.phone("127.0.0.2"), rig.phone()
    key, audio = rig.prompt(1, 160 * 40)
    rig.send(rig.opening(old, 7), Play(1, 7, 2, key))
    old.host = "127.0.0.1"
    clock.wake(loop)
    old.send(rig.ports[7])
    run(clock, loop, 0.4)
    redirect(clock, new)
    clock.wake(loop)
    old.send(rig.ports[7])
    new.ssrc = 0x5555
    for _ in range(5):
        new.send(rig.ports[7])
        run(clock, loop, 0.1)
    run(clock, loop, 0.2)
    before, after = drained(old), drained(new)
    together = [*before, *after]
    assert len(after) > 30
    assert_unbroken(together)
    assert b"".join(packet.payload for packet in together).strip(b"\xff") == audio
    stats = rig.slots.stats(7)
    assert (stats.packets_received, stats.lost, stats.ignored) == (6, 0, 1)
    assert rig.slots.remote(7)[1] == new.port


def test_codec_and_frames_may_change_while_a_prompt_plays(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    phone = rig.phone()
    key, ulaw = rig.prompt(1, 160 * 60)
    _, alaw = rig.prompt(1, 160 * 60, ".alaw")
    rig.send(rig.opening(phone, 7), Play(1, 7, 2, key))
    clock.wake(loop)
    run(clock, loop, 0.2)
    redirect(clock, phone, 1, 8)
    run(clock, loop, 0.2)
    redirect(clock, phone, 2, 8, frame_ms=40)
    run(clock, loop, 0.4)
    redirect(clock, phone, 3, 0, frame_ms=10)
    run(clock, loop, 0.8)
    packets = drained(phone)
    assert [packet.payload_type for packet in packets] == [0] * 10 + [8] * 20 + [0] * 80
    assert {len(packet.payload) for packet in packets} == {80, 160, 320}
    for a, b in pairwise(packets):
        assert b.seq == (a.seq + 1) & 0xFFFF
        assert len(a.payload) <= (b.ts - a.ts) & 0xFFFFFFFF <= len(a.payload) + 320
    heard = b"".join(packet.payload for packet in packets).strip(b"\xff\xd5")
    assert ulaw == alaw
    assert heard == ulaw
    assert rig.wait(PlayFinished).reason is FinishReason.ENDED


def test_on_hold_nothing_is_sent_and_a_prompt_stands_still(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    phone = rig.phone()
    key, audio = rig.prompt(1, 160 * 30)
    rig.send(rig.opening(phone, 7), Play(1, 7, 2, key))
    clock.wake(loop)
    phone.send(rig.ports[7])
    run(clock, loop, 0.3)
    redirect(clock, phone, 1, sends=False, hears=False)
    clock.wake(loop)
    before = drained(phone)
    run(clock, loop, 1.0)
    assert drained(phone) == []
    redirect(clock, phone, 2)
    run(clock, loop, 0.5)
    after = drained(phone)
    assert_unbroken([*before, *after], jumps=1)
    assert (after[0].ts - before[-1].ts & 0xFFFFFFFF) == pytest.approx(8_000, abs=480)
    assert b"".join(packet.payload for packet in [*before, *after]).strip(b"\xff") == audio


def test_a_successor_keeps_to_a_hold(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    phone = rig.phone()
    rig.send(rig.opening(phone, 7))
    clock.wake(loop)
    redirect(clock, phone, 1, sends=False)
    clock.wake(loop)
    drained(phone)
    loop = clock.loop()
    run(clock, loop, 0.5)
    assert drained(phone) == []


def test_a_redirect_of_another_call_or_an_older_number_is_refused(clock: Clock) -> None:
    rig, loop = clock.rig, clock.loop()
    phone, other = rig.phone(), rig.phone()
    rig.send(rig.opening(phone, 7))
    clock.wake(loop)
    redirect(clock, phone, 5)
    redirect(clock, other, 5)
    redirect(clock, other, 4)
    redirect(clock, other, 6, call=2)
    clock.wake(loop)
    run(clock, loop, 0.2)
    assert loop.refused == 3
    assert drained(other) == []
