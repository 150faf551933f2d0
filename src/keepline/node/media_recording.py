"""Recordings of calls: WAV files of G.711 as it came, written by a thread so that no packet waits for a disk.

A stream gathers half a second of frames with their places in the file, and hands them over; the thread fills what lies
between with silence, and writes the header anew after each piece, so that a file is whole at any moment. What is too
late for its place overwrites the silence there. It refuses to convert: a recording has the codec that it began with.

A successor goes on at the same place in the same file; of what the dead process had gathered half a second is lost at
most, and is silence. Sources: RFC 3551 §4.5.14 (PCMA, PCMU), the WAVE form of RIFF (tags 6 and 7).
"""

import os
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from struct import Struct
from typing import Final

from keepline.model.limits import RECORDING_PIECES_MAX
from keepline.node.media_messages import RecordEnd, RecordingEnded
from keepline.node.media_prompts import SILENCE
from keepline.rtp.loudness import is_loud

BYTES_PER_MS: Final = 8
BYTES_PER_S: Final = 8_000
CALLER, NODE = 0, 1
"""Channels of a file: what was heard of the caller, and what it heard."""
TAGS: Final = {0: 7, 8: 6}
"""WAVE format tags by payload type."""
HEADER: Final = Struct("<4sI4s4sIHHIIHHH4sII4sI")
UNCHANGED: Final = -1
"""The size of a file that is only to be told of."""
_TIMING_MAX: Final = 2 * BYTES_PER_S
"""A place further than this from the time of arrival is the peer's clock set anew."""


def header(tag: int, channels: int, size: int) -> bytes:
    """The 58 bytes before the samples of a G.711 file whose channels have `size` bytes each."""
    data = size * channels
    form = (b"WAVE", b"fmt ", 18, tag, channels, BYTES_PER_S, BYTES_PER_S * channels, channels, 8, 0)
    return HEADER.pack(b"RIFF", HEADER.size - 8 + data, *form, b"fact", 4, size, b"data", data)


@dataclass(slots=True, eq=False)
class StreamRecording:
    """One recording as media works on it."""

    call: int
    slot: int
    number: int
    path: Path
    payload_type: int
    channels: int
    began_s: float
    """Monotonic time of the beginning of the file."""
    size_max: int
    """Bytes of a channel."""
    silence_max: int = 0
    """Bytes of a channel without a sound of the caller's that end it; 0 for none."""
    heard: int = 0
    """Where the caller's last sound ends."""
    lost: int = 0
    """Pieces thrown away since the disk was too slow."""
    pieces: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(Channel, place, frame) not handed over yet."""
    deaf_before: int = 0
    """What the caller said before this place is not recorded, however late it comes."""
    _origin: int | None = None
    """The caller's timestamp at the beginning of the file."""

    def hear(self, ts: int, payload: bytes, now_s: float) -> None:
        """Gather a frame of the caller's at the place that its timestamp gives it."""
        expected = int((now_s - self.began_s) * BYTES_PER_S)
        place = expected if self._origin is None else (ts - self._origin) & 0xFFFFFFFF
        if not -_TIMING_MAX < place - expected < _TIMING_MAX:
            place = expected
        if self._origin is None or place == expected:
            self._origin = (ts - place) & 0xFFFFFFFF
        if place < self.deaf_before:
            return
        if is_loud(payload, self.payload_type):
            self.heard = max(self.heard, min(place + len(payload), self.size_max))
        self._gather(CALLER, place, payload)

    def hear_again(self, now_s: float) -> None:
        """The caller is recorded from here on, after a time in which it was not."""
        self.deaf_before = self.heard = self.size_at(now_s)

    def say(self, at_s: float, payload: bytes) -> None:
        """Gather a frame that was sent at a time."""
        self._gather(NODE, round((at_s - self.began_s) * BYTES_PER_S), payload)

    def _gather(self, channel: int, place: int, payload: bytes) -> None:
        if place < 0:
            place, payload = 0, payload[-place:]
        payload = payload[: max(0, self.size_max - place)]
        if payload:
            self.pieces.append((channel, place, payload))

    def is_silent(self, size: int) -> bool:
        """Whether the caller has made no sound for as long as ends it."""
        return 0 < self.silence_max <= size - self.heard

    def size_at(self, now_s: float) -> int:
        """How long the file is to be at a time, in bytes of a channel."""
        return max(0, min(int((now_s - self.began_s) * BYTES_PER_S), self.size_max))


class RecordingFiles:
    """The thread that writes, and what it has done. Everything but `run` is the media loop's to call."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[StreamRecording, list[tuple[int, int, bytes]], int, RecordEnd | None] | None]
        self._queue = SimpleQueue()
        self._done: deque[RecordingEnded] = deque()
        self._broken: set[Path] = set()
        self._thread: threading.Thread | None = None

    def hand_over(self, recording: StreamRecording, size: int, end: RecordEnd | None = None) -> None:
        """Have what a recording has gathered written; the file then is `size` long, and with `end` complete.

        With the size `UNCHANGED` nothing is written, and only the end told once all before is.
        """
        pieces, recording.pieces = recording.pieces, []
        if end is None and self._queue.qsize() >= RECORDING_PIECES_MAX:
            recording.lost += 1  # its place will be silence
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
            self._thread.start()
        self._queue.put((recording, pieces, size, end))

    def ended(self) -> list[RecordingEnded]:
        """The recordings whose files have been completed since the last time this was asked."""
        found = []
        while self._done:
            found.append(self._done.popleft())
        return found

    def close(self) -> None:
        """Write what was handed over and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            recording, pieces, size, end = job
            try:
                if recording.path not in self._broken and size != UNCHANGED:
                    write(recording, pieces, size)
            except OSError:
                self._broken.add(recording.path)
            if end is not None:
                failed = recording.path in self._broken
                self._broken.discard(recording.path)
                length_ms = 0
                with suppress(OSError):
                    length_ms = _size_of(recording) // BYTES_PER_MS
                why = RecordEnd.FAILED if failed else end
                heard_ms = min(recording.heard // BYTES_PER_MS, length_ms)
                about = (recording.call, recording.slot, recording.number)
                self._done.append(RecordingEnded(*about, why, length_ms, heard_ms))


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A recording that is there already, of a media process whose memory is gone."""

    tag: int
    channels: int
    size: int
    """Bytes of a channel."""


def kept_file(path: Path) -> KeptFile | None:
    """What a file has; None where there is none, or no recording of ours."""
    try:
        with path.open("rb") as file:
            found = file.read(HEADER.size)
            length = os.fstat(file.fileno()).st_size
    except OSError:
        return None
    if len(found) < HEADER.size:
        return None
    tag, channels = HEADER.unpack(found)[5:7]
    return KeptFile(tag, channels, (length - HEADER.size) // channels) if tag in TAGS.values() and channels else None


def _size_of(recording: StreamRecording) -> int:
    return max(0, recording.path.stat().st_size - HEADER.size) // recording.channels


def write(recording: StreamRecording, pieces: list[tuple[int, int, bytes]], size: int) -> None:
    """Put frames at their places, make the file `size` long, its header right. `OSError` as of the disk."""
    channels, silence = recording.channels, SILENCE[recording.payload_type]
    recording.path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(recording.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        have = max(0, os.fstat(fd).st_size - HEADER.size) // channels
        first = min([have, *(place for _, place, _ in pieces)])
        end = max([have, size, *(place + len(frame) for _, place, frame in pieces)])
        end += -end % BYTES_PER_MS  # whole milliseconds; RIFF itself wants an even length
        samples = bytearray(os.pread(fd, (have - first) * channels, HEADER.size + first * channels))
        samples += silence * ((end - first) * channels - len(samples))
        for channel, place, frame in pieces:
            begin = (place - first) * channels + channel
            samples[begin : begin + len(frame) * channels : channels] = frame
        _write_all(fd, samples, HEADER.size + first * channels)
        _write_all(fd, header(TAGS[recording.payload_type], channels, end), 0)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes | bytearray, offset: int) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.pwrite(fd, view[done:], offset + done)
