"""Which streams are recorded, and until when: commands, slots, half seconds; the files are `media_recording`'s.

What a successor needs (key, number, beginning, length, channels, silence) is in the slot, and once a recording is over
how it ended, until the next one: who has missed it asks. It refuses to name files: keys do.
"""

from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Final

from keepline.node import slots as at
from keepline.node.media_messages import Event, Record, RecordEnd, RecordingEnded, StopRecord
from keepline.node.media_recording import (
    BYTES_PER_MS,
    BYTES_PER_S,
    TAGS,
    UNCHANGED,
    RecordingFiles,
    StreamRecording,
    kept_file,
)
from keepline.node.media_rtp import RtpStreams
from keepline.node.media_stream import Stream
from keepline.node.slots import RECORD, Slots

RECORDINGS: Final = "recordings"
"""The directory, beside that of the prompts."""
PIECE_S: Final = 0.5
_HEARD: Final = Struct("=II")
_A_LAW: Final = 4
"""In the byte of channels: the codec that the recording began with."""
_END_SHIFT: Final = 4
"""Above them stands how it ended, once it has."""
_PCMA: Final = 8


class Recorder:
    """The recordings of every open slot."""

    def __init__(self, slots: Slots, streams: RtpStreams, directory: Path, tell: Callable[[Event], None]) -> None:
        self._slots = slots
        self._streams = streams
        self._directory = directory
        self._tell = tell
        self._files = RecordingFiles()
        self._next_piece_s = 0.0

    def begin(self, stream: Stream, command: Record, now_s: float) -> bool:
        """Begin a recording in place of any other; False when the command is an old one, or its recording runs."""
        number_at = (stream.base + at.S_RECORDED) // 4
        if command.number == self._slots.u32[number_at] and stream.recording is None:
            return self._tell_again(command.call, command.slot, command.number)
        if command.number <= self._slots.u32[number_at]:
            return False
        self.end(stream, RecordEnd.STOPPED, now_s)
        size, channels = command.length_ms_max * BYTES_PER_MS, 2 if command.both else 1
        key = bytes.fromhex(command.key)
        kind = channels | (_A_LAW if stream.payload_type == _PCMA else 0)
        kept = kept_file(self._path(command.key))
        heard = 0
        if kept is not None:  # the memory that knew of it is gone, and the file is not
            kind = kept.channels | (_A_LAW if kept.tag == TAGS[_PCMA] else 0)
            heard, now_s = kept.size, now_s - kept.size / BYTES_PER_S
        RECORD.pack_into(
            self._slots.view, stream.base + at.S_RECORD, now_s, key, command.number, size & 0xFFFFFFFF, kind
        )
        _HEARD.pack_into(self._slots.view, stream.base + at.S_HEARD, command.silence_ms, heard // BYTES_PER_MS)
        self._slots.u32[number_at] = command.number
        self.resume(stream)
        return True

    def resume(self, stream: Stream) -> None:
        """Go on with the recording that the slot speaks of, if it does."""
        kind, end = self._kind(stream.slot)
        if kind and not end:
            self._streams.record(stream, self._of_slot(stream.slot, kind))

    def stop(self, command: StopRecord, stream: Stream | None, now_s: float) -> None:
        """End a recording; of one that is over is told how it ended, one that never was had a length of 0."""
        recording = stream.recording if stream is not None and stream.call == command.call else None
        if stream is not None and recording is not None and recording.number == command.number:
            self.end(stream, RecordEnd.STOPPED, now_s)
        elif not self._tell_again(command.call, command.slot, command.number):
            kept = kept_file(self._path(command.key)) if command.key else None
            if kept is not None:
                length_ms = kept.size // BYTES_PER_MS
                about = (command.call, command.slot, command.number)
                self._tell(RecordingEnded(*about, RecordEnd.STOPPED, length_ms, length_ms))
                return
            self._tell(RecordingEnded(command.call, command.slot, command.number, RecordEnd.STOPPED, 0))

    def end(self, stream: Stream, why: RecordEnd, now_s: float) -> None:
        """End the recording of a stream, if there is one; the event comes when its file is whole."""
        recording = stream.recording
        if recording is None:
            return
        self._streams.record(stream, None)
        self._store_heard(recording)
        kind, _ = self._kind(stream.slot)
        self._slots.view[stream.base + at.S_RECORD + RECORD.size - 1] = why.value << _END_SHIFT | kind
        self._files.hand_over(recording, recording.size_at(now_s), why)

    def look(self, now_s: float) -> None:
        """Hand over what was gathered, twice a second, and tell what is complete."""
        if now_s >= self._next_piece_s:
            self._next_piece_s = now_s + PIECE_S
            for stream in self._streams.recorded:
                self._piece(stream, now_s)
        for event in self._files.ended():
            self._tell(event)

    def close(self, now_s: float) -> None:
        """Write what was gathered; the recordings go on in a successor."""
        for stream in self._streams.recorded:
            if stream.recording is not None:
                self._files.hand_over(stream.recording, stream.recording.size_at(now_s))
        self._files.close()

    def _piece(self, stream: Stream, now_s: float) -> None:
        recording = stream.recording
        if recording is None:
            return
        size = recording.size_at(now_s)
        self._store_heard(recording)
        if recording.payload_type != stream.payload_type:
            self.end(stream, RecordEnd.CLOSED, now_s)
        elif size >= recording.size_max:
            self.end(stream, RecordEnd.LIMIT, now_s)
        elif recording.is_silent(size):
            self.end(stream, RecordEnd.SILENCE, now_s)
        else:
            self._files.hand_over(recording, size)

    def _tell_again(self, call: int, slot: int, number: int) -> bool:
        """Tell how a recording of the slot's call ended, once its file is written; False where none of it has."""
        kind, end = self._kind(slot)
        recording = self._of_slot(slot, kind)
        if not end or (recording.call, recording.number) != (call, number):
            return False
        self._files.hand_over(recording, UNCHANGED, RecordEnd(end))
        return True

    def _kind(self, slot: int) -> tuple[int, int]:
        """Channels and codec of the slot's recording, 0 for none; and how it ended, 0 while it has not."""
        byte = self._slots.view[self._slots.base(slot) + at.S_RECORD + RECORD.size - 1]
        return byte & (1 << _END_SHIFT) - 1, byte >> _END_SHIFT

    def _store_heard(self, recording: StreamRecording) -> None:
        base = self._slots.base(recording.slot)
        self._slots.u32[(base + at.S_HEARD) // 4 + 1] = recording.heard // BYTES_PER_MS

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.wav"

    def _of_slot(self, slot: int, kind: int) -> StreamRecording:
        view, base = self._slots.view, self._slots.base(slot)
        began_s, key, number, size, _ = RECORD.unpack_from(view, base + at.S_RECORD)
        silence_ms, heard_ms = _HEARD.unpack_from(view, base + at.S_HEARD)
        return StreamRecording(
            call=self._slots.figures_of(slot),
            slot=slot,
            number=number,
            path=self._path(key.hex()),
            payload_type=_PCMA if kind & _A_LAW else 0,
            channels=kind & ~_A_LAW,
            began_s=began_s,
            size_max=size,
            silence_max=silence_ms * BYTES_PER_MS,
            heard=heard_ms * BYTES_PER_MS,
        )
