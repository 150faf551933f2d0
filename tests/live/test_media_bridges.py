"""Two calls bridged: what one says the other hears, in its own stream, whatever the network and the processes do."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.node.mediawire import (
    Bridge,
    Close,
    Play,
    PlayFinished,
    Record,
    RecordingEnded,
    Redirect,
    StopPlay,
    StreamWay,
    Unbridge,
)
from keepline.node.slots import BRIDGE, S_BRIDGE
from keepline.rtp.companding import PCMA, PCMU, TRANSCODED
from keepline.rtp.jitter import TARGET_UNITS
from tests.live.bridge_rig import JOINED, Pair, frame
from tests.live.media_rig import EVENT, Clock, Phone, Rig, assert_unbroken, until

SILENCE = b"\xff" * 160


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    (tmp_path / "prompts").mkdir()
    with Rig(tmp_path / "prompts", 20) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


def test_each_hears_what_the_other_says_in_its_own_stream(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    said = [frame(at) for at in range(50)], [frame(at + 1_000) for at in range(50)]
    pair.run({0: list(said[0]), 1: list(said[1])})
    pair.run({0: [None] * 6, 1: [None] * 6})
    for who, phone in enumerate(pair.phones):
        heard, whole = pair.heard(who), b"".join(said[1 - who])
        assert heard[: len(whole)] == whole
        assert len(heard) <= len(whole) + 3 * 160  # the last frame again, quieter, where the stream stops
        assert_unbroken(phone.packets, jumps=0)
        assert {(packet.ssrc, packet.payload_type) for packet in phone.packets} == {(0xA0 + who, PCMU)}


def test_the_way_through_takes_40_to_60_ms_and_no_more(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    pair.run({0: [frame(at) for at in range(20)]})
    pair.phones[1].drain()
    payloads = [packet.payload for packet in pair.phones[1].packets]
    ago = 20 - 1 - next(at for at in range(20) if frame(at) == payloads[-1])
    assert TARGET_UNITS // 160 <= ago <= TARGET_UNITS // 160 + 1


def test_a_codec_of_each(clock: Clock) -> None:
    pair = Pair(clock, second={"payload_type": PCMA})
    pair.kinds = (PCMU, PCMA)
    pair.bridge()
    pair.run({0: [frame(at) for at in range(20)], 1: [frame(at + 500) for at in range(20)]})
    there = b"".join(frame(at) for at in range(20)).translate(TRANSCODED[PCMU, PCMA])
    back = b"".join(frame(at + 500) for at in range(20)).translate(TRANSCODED[PCMA, PCMU])
    assert len(pair.heard(1)) > 15 * 160
    assert there.startswith(pair.heard(1))
    assert back.startswith(pair.heard(0))
    assert {packet.payload_type for packet in pair.phones[1].packets} == {PCMA}


@pytest.mark.parametrize("frame_ms", [10, 30, 40, 60])
def test_frames_of_another_length(clock: Clock, frame_ms: int) -> None:
    pair = Pair(clock, second={"frame_ms": frame_ms})
    pair.bridge()
    pair.run({0: [frame(at) for at in range(60)]})
    heard = pair.heard(1)
    assert b"".join(frame(at) for at in range(60)).startswith(heard)
    assert len(heard) > 50 * 160
    assert {len(packet.payload) for packet in pair.phones[1].packets} == {frame_ms * 8}


def test_reordered_doubled_lost_and_foreign_packets(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    phone, port = pair.phones[0], pair.rig.ports[0]
    pair.run({0: [frame(at) for at in range(10)]})
    seq, ts = phone.seq, phone.ts
    for turn in ([11, 10], [12, 12], [13], [], [15], [16], [17], [18], [19], [20], [21]):
        for at in turn:
            phone.seq, phone.ts = seq + at - 10, ts + (at - 10) * 160
            phone.send(port, frame(at))
        phone.ssrc, phone.seq, phone.ts = 0x99, 7, 7
        phone.send(port, frame(50))  # another source at the same address, never twice in a row
        phone.ssrc = 0x11
        for _ in range(10):
            clock.wake(pair.loop, 0.002)
    concealed = [frame(at) if at != 14 else frame(13) for at in range(22)]
    heard = pair.heard(1)
    assert b"".join(concealed).startswith(heard)
    assert len(heard) >= 18 * 160
    assert_unbroken(pair.phones[1].packets)


def test_a_prompt_comes_before_what_the_other_says(clock: Clock) -> None:
    pair = Pair(clock)
    key, audio = pair.rig.prompt(1, 160 * 10)
    pair.rig.send(Play(1, 0, 2, key, repeat=True))
    pair.bridge()
    pair.run({1: [frame(at) for at in range(10)]})
    assert audio.startswith(pair.heard(0)[:160])
    pair.rig.send(StopPlay(1, 0, 2))
    clock.wake(pair.loop)
    before = len(pair.phones[0].packets)
    pair.run({1: [frame(at) for at in range(10, 20)]})
    pair.phones[0].drain()
    after = b"".join(packet.payload for packet in pair.phones[0].packets[before:])
    assert after in b"".join(frame(at) for at in range(20))


def test_after_a_bridge_there_is_silence_and_commands_may_come_twice(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    pair.run({0: [frame(at) for at in range(10)]})
    pair.bridge()  # again
    refused = pair.loop.refused
    pair.bridge(Unbridge(1, 0, 1))
    pair.bridge(Unbridge(1, 0, 1))
    pair.bridge()  # late
    assert pair.loop.refused == refused + 2
    pair.heard(1)
    before = len(pair.phones[1].packets)
    pair.run({0: [frame(at) for at in range(10, 20)]})
    pair.heard(1)
    assert {packet.payload for packet in pair.phones[1].packets[before:]} == {SILENCE}
    assert pair.loop._streams.find(0).is_plain == pair.loop._streams.find(0).latched  # type: ignore[union-attr]
    pair.bridge(Bridge(1, 0, 2, 2, 1))
    pair.run({0: [frame(at) for at in range(20, 30)]})
    pair.phones[1].drain()
    assert frame(25) in {packet.payload for packet in pair.phones[1].packets}


@pytest.mark.parametrize("closed", [0, 1])
def test_when_either_call_ends_the_other_hears_silence(clock: Clock, closed: int) -> None:
    pair = Pair(clock)
    pair.bridge()
    talk = [frame(at) for at in range(10)]
    pair.run({0: list(talk), 1: list(talk)})
    pair.rig.send(Close(closed + 1, closed, 9))
    clock.wake(pair.loop)
    other = 1 - closed
    pair.heard(other)
    before = len(pair.phones[other].packets)
    pair.run({0: list(talk), 1: list(talk)})
    pair.heard(other)
    assert {packet.payload for packet in pair.phones[other].packets[before:]} == {SILENCE}
    # The next call in that slot is not part of it.
    pair.rig.send(pair.rig.opening(pair.phones[closed], closed, 7))
    clock.wake(pair.loop)
    pair.run({other: list(talk)})
    pair.phones[closed].drain()
    assert pair.phones[closed].packets[-1].payload == SILENCE


def test_a_bridge_waits_for_its_other_end(clock: Clock) -> None:
    loop, rig = clock.loop(), clock.rig
    first, second = rig.phone(ssrc=0x11), rig.phone(ssrc=0x22)
    rig.send(rig.opening(first, 0, 1), JOINED, Bridge(1, 0, 1, 2, 1))
    clock.wake(loop)
    rig.send(rig.opening(second, 1, 2))
    clock.wake(loop)
    for at in range(10):
        first.send(rig.ports[0], frame(at))
        for _ in range(10):
            clock.wake(loop, 0.002)
    second.drain()
    assert frame(5) in {packet.payload for packet in second.packets}


def test_bridges_that_make_no_sense_do_nothing(clock: Clock) -> None:
    pair = Pair(clock)
    for command in (Bridge(1, 0, 1, 1, 0), Bridge(1, 0, 2, 2, 1_000), Bridge(5, 0, 3, 2, 1), Unbridge(5, 0, 1)):
        pair.bridge(command)
    pair.run({0: [frame(at) for at in range(5)]})
    assert pair.heard(1) == b""


def test_a_third_call_takes_an_end_over(clock: Clock) -> None:
    pair = Pair(clock)
    third = pair.rig.phone(ssrc=0x33)
    pair.rig.send(pair.rig.opening(third, 2, 3))
    pair.bridge()
    pair.bridge(Bridge(3, 2, 1, 2, 1))
    pair.run({0: [frame(at) for at in range(10)], 1: [frame(at + 500) for at in range(10)]})
    third.drain()
    assert frame(503) in {packet.payload for packet in third.packets}
    assert pair.heard(1) == b""
    assert pair.heard(0) == b""


def test_hold_and_another_codec_in_the_middle(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    talk = [frame(at) for at in range(10)]
    pair.run({0: list(talk), 1: list(talk)})
    host, port = pair.phones[1].host, pair.phones[1].port
    pair.rig.send(Redirect(2, 1, 1, host, port, PCMU, EVENT, StreamWay(sends=False)))
    clock.wake(pair.loop)
    pair.phones[1].drain()
    before = len(pair.phones[1].packets)
    pair.run({0: [frame(at) for at in range(10, 40)], 1: list(talk)})
    pair.phones[1].drain()
    assert len(pair.phones[1].packets) == before
    assert pair.phones[0].port  # it goes on hearing what the holder plays
    pair.rig.send(Redirect(2, 1, 2, host, port, PCMA, EVENT, StreamWay()))
    clock.wake(pair.loop)
    pair.kinds = (PCMU, PCMA)
    pair.run({0: [frame(at) for at in range(40, 60)]})
    pair.phones[1].drain()
    after = b"".join(packet.payload for packet in pair.phones[1].packets[before:]).strip(b"\xd5")
    whole = b"".join(frame(at) for at in range(40, 60)).translate(TRANSCODED[PCMU, PCMA])
    assert len(after) > 15 * 160
    assert whole.startswith(after)


def test_a_recording_of_a_bridged_call_has_both(clock: Clock, tmp_path: Path) -> None:
    pair = Pair(clock)
    pair.bridge()
    pair.rig.send(Record(1, 0, 1, "ab" * 16, 60_000, True))
    clock.wake(pair.loop)
    said = [frame(at) for at in range(30)], [frame(at + 500) for at in range(30)]
    pair.run({0: list(said[0]), 1: list(said[1])})
    pair.rig.send(Close(1, 0, 9))
    clock.wake(pair.loop)
    until(lambda: len(pair.loop._recorder._files._done), bool)
    clock.wake(pair.loop, 0.1)
    assert pair.rig.wait(RecordingEnded).length_ms >= 590
    samples = (tmp_path / "recordings" / f"{'ab' * 16}.wav").read_bytes()[58:]
    assert b"".join(said[0]) in samples[::2]
    assert b"".join(said[1][:25]) in samples[1::2]


def test_a_bridge_outlives_its_process(clock: Clock) -> None:
    pair = Pair(clock)
    pair.bridge()
    pair.run({0: [frame(at) for at in range(10)]})
    successor = clock.loop()
    pair.bridge()  # said again by whoever is not sure
    pair.run({0: [frame(at) for at in range(10, 30)], 1: [frame(at + 500) for at in range(20)]}, successor)
    heard = pair.heard(1)
    assert b"".join(frame(at) for at in range(12, 25)) in heard
    assert b"".join(frame(at) for at in range(500, 515)) in pair.heard(0)
    assert_unbroken(pair.phones[1].packets, jumps=1)


def test_kill_9_of_media_in_the_middle_of_a_bridge(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phones = rig.phone(ssrc=0x11), rig.phone(ssrc=0x22)
        for slot, phone in enumerate(phones):
            rig.open(phone, slot, slot + 1)
        rig.send(JOINED)
        until(lambda: BRIDGE.unpack_from(rig.slots.view, rig.slots.base(0) + S_BRIDGE)[2], lambda number: number == 1)
        at = 0
        for kills in range(3):
            begun = time.monotonic()
            before = len(phones[1].packets)
            while not any(frame(n) == p.payload for p in phones[1].packets[before:] for n in range(at - 5, at)):
                assert time.monotonic() - begun < 20, f"nothing is heard after {kills} kills"
                phones[0].send(rig.ports[0], frame(at))
                phones[1].send(rig.ports[1], frame(at))
                at += 1
                phones[0].hear(1)
                phones[1].drain()
            rig.kill()
            rig.start()
        assert_unbroken(phones[1].packets, jumps=10)


def test_the_play_of_a_bridged_call_ends_as_any_other(clock: Clock) -> None:
    pair = Pair(clock)
    key, audio = pair.rig.prompt(2, 480)
    pair.bridge()
    pair.rig.send(Play(1, 0, 2, key))
    clock.wake(pair.loop)
    pair.run({1: [frame(at) for at in range(10)]})
    assert pair.rig.wait(PlayFinished).number == 2
    assert pair.heard(0).startswith(audio)
    assert isinstance(pair.phones[0], Phone)
