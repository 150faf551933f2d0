"""Recordings: every byte at its place, gaps silent, whole at any moment, kept over a death, never in the way."""

import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.model.errors import LocalError
from keepline.node import media_recording
from keepline.node.media import MediaLoop
from keepline.node.media_recording import HEADER, RecordingFiles, StreamRecording, header, write
from keepline.node.mediawire import (
    Close,
    Play,
    Record,
    RecordEnd,
    RecordingEnded,
    Redirect,
    StopRecord,
    decode_events,
    encode_commands,
)
from tests.live.media_rig import Clock, Phone, Rig, until

KEY = "ab" * 16


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    (tmp_path / "prompts").mkdir()
    with Rig(tmp_path / "prompts", 20) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recordings" / f"{KEY}.wav"


def opened(clock: Clock, **changes: int) -> tuple[MediaLoop, Phone]:
    loop, phone = clock.loop(), clock.rig.phone()
    clock.rig.send(clock.rig.opening(phone, **changes))
    clock.wake(loop)
    return loop, phone


def record(clock: Clock, loop: MediaLoop, length_s: float = 60, number: int = 1, both: bool = False) -> None:
    clock.rig.send(Record(1, 0, number, KEY, round(length_s * 1000), both))
    clock.wake(loop)


def talk(clock: Clock, loop: MediaLoop, phone: Phone, frames: range) -> None:
    """One frame each 20 ms, its bytes its number."""
    for index in frames:
        clock.wake(loop, 0.018)
        phone.send(clock.rig.ports[0], bytes([index + 1]) * 160)
        clock.wake(loop, 0.002)


def ended(clock: Clock, loop: MediaLoop) -> RecordingEnded:
    """The event, once the thread has written; it may have been told already."""
    rig = clock.rig

    def is_there() -> bool:
        while select.select([rig.commands], [], [], 0)[0]:
            rig.events += decode_events(rig.commands.recv(65_536))[1]
        return bool(loop._recorder._files._done) or any(isinstance(event, RecordingEnded) for event in rig.events)

    until(is_there, bool)
    clock.wake(loop, 0.1)
    return rig.wait(RecordingEnded)


def samples(path: Path) -> bytes:
    """The samples of a file that is complete, its header right about them."""
    data = path.read_bytes()
    fields = HEADER.unpack_from(data)
    size = len(data) - HEADER.size
    assert (fields[0], fields[2], fields[-2]) == (b"RIFF", b"WAVE", b"data")
    assert (fields[1], fields[-1]) == (HEADER.size - 8 + size, size)
    return data[HEADER.size :]


def test_what_the_caller_says_is_recorded_byte_for_byte(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop)
    talk(clock, loop, phone, range(100))
    clock.rig.send(StopRecord(1, 0, 1))
    clock.wake(loop)
    event = ended(clock, loop)
    assert (event.call, event.slot, event.number, event.why) == (1, 0, 1, RecordEnd.STOPPED)
    assert event.length_ms == pytest.approx(2_000, abs=40)
    heard = samples(file)
    assert heard.strip(b"\xff") == b"".join(bytes([index + 1]) * 160 for index in range(100))
    assert clock.rig.slots.stats(0).packets_received == 100


def test_gaps_are_silent_and_late_packets_find_their_places(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop)
    talk(clock, loop, phone, range(10))
    seq, ts = phone.seq, phone.ts
    phone.seq, phone.ts = seq + 1, ts + 160
    clock.wake(loop, 0.02)
    talk(clock, loop, phone, range(11, 40))
    phone.seq, phone.ts = seq + 30, ts + 4_800 + 1_600
    clock.wake(loop, 0.2)
    talk(clock, loop, phone, range(50, 60))
    after = phone.seq, phone.ts
    phone.seq, phone.ts = seq, ts
    talk(clock, loop, phone, range(10, 11))  # a second late
    phone.seq, phone.ts = after
    clock.rig.send(StopRecord(1, 0, 1))
    clock.wake(loop)
    ended(clock, loop)
    frames = samples(file).lstrip(b"\xff")
    expected = [bytes([index + 1]) * 160 for index in range(40)] + [b"\xff" * 1_600]
    expected += [bytes([index + 1]) * 160 for index in range(50, 60)]
    assert frames.rstrip(b"\xff") == b"".join(expected)


def test_with_both_the_two_are_channels(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    key, audio = clock.rig.prompt(3, 160 * 20)
    record(clock, loop, both=True)
    clock.rig.send(Play(1, 0, 2, key))
    talk(clock, loop, phone, range(50))
    clock.rig.send(StopRecord(1, 0, 1))
    clock.wake(loop)
    event = ended(clock, loop)
    heard = samples(file)
    assert len(heard) == 2 * event.length_ms * 8
    assert heard[0::2].strip(b"\xff") == b"".join(bytes([index + 1]) * 160 for index in range(50))
    assert heard[1::2].strip(b"\xff") == audio
    phone.drain()
    assert b"".join(packet.payload for packet in phone.packets).strip(b"\xff") == audio


def test_it_ends_at_its_limit(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop, 1.5)
    talk(clock, loop, phone, range(120))
    event = ended(clock, loop)
    assert (event.why, event.length_ms) == (RecordEnd.LIMIT, 1_500)
    assert len(samples(file)) == 12_000
    talk(clock, loop, phone, range(5))
    assert clock.rig.slots.stats(0).packets_received == 125


def test_the_end_of_the_call_and_another_codec_end_it(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop)
    talk(clock, loop, phone, range(10))
    clock.rig.send(Redirect(1, 0, 1, phone.host, phone.port, 8, 101))
    for _ in range(30):
        clock.wake(loop, 0.02)
    assert ended(clock, loop).why is RecordEnd.CLOSED
    assert samples(file).strip(b"\xff").endswith(b"\x0a" * 160)
    record(clock, loop, number=2)
    clock.rig.send(Close(1, 0, 9))
    clock.wake(loop)
    assert ended(clock, loop).number == 2


def test_a_successor_goes_on_in_the_same_file(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop)
    talk(clock, loop, phone, range(40))
    until(lambda: file.exists() and file.stat().st_size, lambda size: size > HEADER.size)
    loop._recorder._files.close()  # what the thread has is written; what the stream has gathered dies with it
    kept = samples(file)
    successor = clock.loop()
    talk(clock, successor, phone, range(40, 80))
    clock.rig.send(StopRecord(1, 0, 1))
    clock.wake(successor)
    assert ended(clock, successor).length_ms == pytest.approx(1_600, abs=40)
    heard = samples(file)
    assert heard.startswith(kept.rstrip(b"\xff"))
    assert heard.rstrip(b"\xff").endswith(b"".join(bytes([index + 1]) * 160 for index in range(40, 80)))


def forgotten(clock: Clock, loop: MediaLoop) -> Phone:
    """The slot knows nothing of what was recorded by it, as when all memory is new; another phone is there."""
    clock.rig.send(Close(1, 0, 9))
    clock.wake(loop)
    clock.wake(loop, 0.6)
    ended(clock, loop)
    phone = clock.rig.phone()
    clock.rig.send(clock.rig.opening(phone, call=2))
    clock.wake(loop)
    clock.rig.events.clear()
    return phone


def test_a_recording_keeps_what_it_had_though_all_memory_is_gone(clock: Clock, file: Path) -> None:
    """Everything was killed: a new media process is asked for the recording by its key, and knows nothing of it."""
    loop, phone = opened(clock)
    record(clock, loop, 2.0)
    talk(clock, loop, phone, range(40))
    phone = forgotten(clock, loop)
    had = samples(file)
    clock.rig.send(Record(2, 0, 1, KEY, 2_000))
    clock.wake(loop)
    talk(clock, loop, phone, range(40, 120))
    event = ended(clock, loop)
    while event.call != 2:
        event = ended(clock, loop)
    assert (event.why, event.length_ms) == (RecordEnd.LIMIT, 2_000), "both parts count"
    assert event.heard_ms > 1_500
    heard = samples(file)
    assert heard.startswith(had)
    assert heard[len(had) :].strip(b"\xff").startswith(bytes([41]) * 160)


def test_of_a_recording_that_no_memory_knows_the_file_says_how_long_it_is(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop)
    talk(clock, loop, phone, range(40))
    forgotten(clock, loop)
    had = len(samples(file)) // 8
    for key, length_ms in ((KEY, had), ("cd" * 16, 0), ("", 0)):
        clock.rig.send(StopRecord(2, 0, 1, key))
        clock.wake(loop)
        event = clock.rig.wait(RecordingEnded)
        while event.call != 2:
            event = clock.rig.wait(RecordingEnded)
        assert (event.why, event.length_ms) == (RecordEnd.STOPPED, length_ms)


def test_a_killed_process_leaves_a_whole_file(tmp_path: Path, file: Path) -> None:
    (tmp_path / "prompts").mkdir()
    with Rig(tmp_path / "prompts").start() as rig:
        phone = rig.phone()
        rig.open(phone)
        rig.send(Record(1, 0, 1, KEY, 60_000))
        for _ in range(3):
            phone.send(rig.ports[0])
            phone.hear(30)
        until(lambda: file.exists() and file.stat().st_size, lambda size: size > 4_000)
        rig.kill()
        data = file.read_bytes()
        before = data[HEADER.size : HEADER.size + HEADER.unpack_from(data)[-1]]  # all that the header speaks of
        assert b"\x55" * 160 in before
        rig.start()
        phone.hear(5)
        rig.send(StopRecord(1, 0, 1))
        event = rig.wait(RecordingEnded)
        assert event.why is RecordEnd.STOPPED
        after = samples(file)
        assert len(after) == event.length_ms * 8
        assert after.startswith(before)


def test_a_stop_of_no_recording_is_answered_and_an_old_record_refused(clock: Clock) -> None:
    loop, _ = opened(clock)
    clock.rig.send(StopRecord(1, 0, 1), StopRecord(7, 9, 3))
    clock.wake(loop)
    assert clock.rig.wait(RecordingEnded) == RecordingEnded(1, 0, 1, RecordEnd.STOPPED, 0)
    assert clock.rig.wait(RecordingEnded) == RecordingEnded(7, 9, 3, RecordEnd.STOPPED, 0)
    record(clock, loop, number=4)
    record(clock, loop, number=4)
    clock.rig.send(Record(2, 0, 5, KEY, 1_000))
    clock.wake(loop)
    assert loop.refused == 2


def test_it_ends_when_the_caller_makes_no_sound_any_more(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    clock.rig.send(Record(1, 0, 1, KEY, 60_000, silence_ms=2_000))
    clock.wake(loop)
    talk(clock, loop, phone, range(50))  # bytes that are loud
    for _ in range(130):
        clock.wake(loop, 0.018)
        phone.send(clock.rig.ports[0], b"\xfe" * 160)  # a line's noise
        clock.wake(loop, 0.002)
    event = ended(clock, loop)
    assert (event.why, event.heard_ms) == (RecordEnd.SILENCE, pytest.approx(1_000, abs=40))
    assert event.length_ms == pytest.approx(3_300, abs=350)
    assert len(samples(file)) == event.length_ms * 8


def test_a_line_without_packets_is_silent_too(clock: Clock, file: Path) -> None:
    loop, _ = opened(clock)
    clock.rig.send(Record(1, 0, 1, KEY, 60_000, silence_ms=1_000))
    for _ in range(100):
        clock.wake(loop, 0.02)
    event = ended(clock, loop)
    assert (event.why, event.heard_ms) == (RecordEnd.SILENCE, 0)


def test_who_missed_the_end_of_a_recording_asks_again(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop, 1.5)
    talk(clock, loop, phone, range(120))
    told = ended(clock, loop)
    successor = clock.loop()
    record(clock, successor, 1.5)
    assert ended(clock, successor) == told
    clock.rig.send(StopRecord(1, 0, 1))
    clock.wake(successor)
    assert ended(clock, successor) == told
    clock.rig.send(Close(1, 0, 9), StopRecord(1, 0, 1))
    clock.wake(successor)
    assert ended(clock, successor) == told


def test_the_end_of_a_call_does_not_make_it_another_codecs_file(clock: Clock, file: Path) -> None:
    loop, phone = opened(clock)
    record(clock, loop)
    talk(clock, loop, phone, range(20))
    clock.rig.send(Redirect(1, 0, 1, phone.host, phone.port, 8, 101))
    for _ in range(30):
        clock.wake(loop, 0.02)
    told = ended(clock, loop)
    record(clock, loop)
    assert ended(clock, loop) == told
    assert HEADER.unpack_from(file.read_bytes())[5] == 7


def test_a_disk_that_will_not_have_it_fails_the_recording_alone(clock: Clock, file: Path) -> None:
    file.parent.write_text("in the way")
    loop, phone = opened(clock)
    record(clock, loop)
    talk(clock, loop, phone, range(60))
    clock.rig.send(StopRecord(1, 0, 1))
    clock.wake(loop)
    event = ended(clock, loop)
    assert (event.why, event.length_ms) == (RecordEnd.FAILED, 0)
    assert clock.rig.slots.stats(0).packets_received == 60


def test_past_recording_pieces_max_pieces_are_left_out_and_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, entered = threading.Event(), threading.Event()

    def slow(*given: object) -> None:
        entered.set()
        assert held.wait(20)
        write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(media_recording, "write", slow)
    monkeypatch.setattr(media_recording, "RECORDING_PIECES_MAX", 2)
    files, recording = RecordingFiles(), StreamRecording(1, 0, 1, tmp_path / "a.wav", 8, 1, 0.0, 80_000)
    for index in range(6):
        recording.hear(index * 4_000, b"\x01" * 4_000, index * 0.5)
        files.hand_over(recording, (index + 1) * 4_000)
        assert entered.wait(20)
    assert recording.lost == 3
    held.set()
    files.hand_over(recording, 24_000, RecordEnd.STOPPED)
    files.close()
    (event,) = files.ended()
    assert (event.why, event.length_ms) == (RecordEnd.STOPPED, 3_000)
    assert samples(tmp_path / "a.wav") == b"\x01" * 12_000 + b"\xd5" * 12_000


def test_a_clock_set_anew_goes_on_where_time_says(tmp_path: Path) -> None:
    recording = StreamRecording(1, 0, 1, tmp_path / "a.wav", 0, 1, 100.0, 1 << 20)
    recording.hear(4_000_000_000, b"a" * 160, 100.0)
    recording.hear(4_000_000_160, b"b" * 160, 100.02)
    recording.hear(5, b"c" * 160, 100.04)
    recording.hear(165, b"d" * 160, 100.06)
    assert [place for _, place, _ in recording.pieces] == [0, 160, 320, 480]


def test_a_header_of_g711() -> None:
    made = header(7, 2, 800)
    assert len(made) == 58
    assert made[20:24] == b"\x07\x00\x02\x00"
    assert made[-4:] == (1_600).to_bytes(4, "little")


def test_a_key_that_is_none_is_our_mistake() -> None:
    with pytest.raises(LocalError):
        encode_commands(1, [Record(1, 0, 1, "abcd", 1)])
