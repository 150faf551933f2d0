"""Which streams are recorded, and until when: commands, slots, half seconds; the files are `media_recording`'s.

What a successor needs (key, number, beginning, length, channels) is in the slot. It refuses to name files: keys do.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from keepline.node import slots as at
from keepline.node.media_messages import Event, Record, RecordEnd, RecordingEnded, StopRecord
from keepline.node.media_recording import BYTES_PER_MS, Recording, RecordingFiles
from keepline.node.media_rtp import RtpStreams
from keepline.node.media_stream import Stream
from keepline.node.slots import RECORD, Slots

RECORDINGS: Final = "recordings"
"""The directory, beside that of the prompts."""
PIECE_S: Final = 0.5


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
        """Begin a recording in place of any other; False when the command is an old one."""
        number_at = (stream.base + at.S_RECORDED) // 4
        if command.number <= self._slots.u32[number_at]:
            return False
        self.end(stream, RecordEnd.STOPPED, now_s)
        size, channels = command.length_ms_max * BYTES_PER_MS, 2 if command.both else 1
        key = bytes.fromhex(command.key)
        RECORD.pack_into(
            self._slots.view, stream.base + at.S_RECORD, now_s, key, command.number, size & 0xFFFFFFFF, channels
        )
        self._slots.u32[number_at] = command.number
        self.resume(stream)
        return True

    def resume(self, stream: Stream) -> None:
        """Go on with the recording that the slot speaks of, if it does."""
        recording = self._of_slot(stream)
        if recording is not None:
            self._streams.record(stream, recording)

    def stop(self, command: StopRecord, stream: Stream | None, now_s: float) -> None:
        """End a recording; one that is over, or never was, is answered with a length of 0."""
        recording = stream.recording if stream is not None and stream.call == command.call else None
        if stream is not None and recording is not None and recording.number == command.number:
            self.end(stream, RecordEnd.STOPPED, now_s)
        else:
            self._tell(RecordingEnded(command.call, command.slot, command.number, RecordEnd.STOPPED, 0))

    def end(self, stream: Stream, why: RecordEnd, now_s: float) -> None:
        """End the recording of a stream, if there is one; the event comes when its file is whole."""
        recording = stream.recording
        if recording is None:
            return
        self._streams.record(stream, None)
        self._slots.view[stream.base + at.S_RECORD + RECORD.size - 1] = 0
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
        if recording.payload_type != stream.payload_type:
            self.end(stream, RecordEnd.CLOSED, now_s)
        elif size >= recording.size_max:
            self.end(stream, RecordEnd.LIMIT, now_s)
        else:
            self._files.hand_over(recording, size)

    def _of_slot(self, stream: Stream) -> Recording | None:
        began_s, key, number, size, channels = RECORD.unpack_from(self._slots.view, stream.base + at.S_RECORD)
        if not channels:
            return None
        path = self._directory / f"{key.hex()}.wav"
        return Recording(stream.call, stream.slot, number, path, stream.payload_type, channels, began_s, size)
