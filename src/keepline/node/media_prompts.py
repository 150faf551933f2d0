"""Prompts as lists of frames, kept in memory up to a limit, the least recently played dropped first.

Reads `<key>.ulaw` and `<key>.alaw`, on disk or on a tmpfs: raw G.711 at 8 kHz, written by rename and never changed, so
that what was read once is right for ever. It refuses to convert: speech has rendered both.
"""

from pathlib import Path
from typing import Final

from keepline.connectors.speech.memory import memory_directory
from keepline.model.limits import PROMPT_BYTES_MAX, PROMPT_CACHE_BYTES_MAX
from keepline.node.slots import FRAME_BYTES

SUFFIX: Final = {0: ".ulaw", 8: ".alaw"}
"""By payload type (RFC 3551)."""
SILENCE: Final = {0: b"\xff", 8: b"\xd5"}
"""One byte of it."""


class PromptCache:
    """The frames of prompts, by key, payload type and the bytes of a frame."""

    def __init__(self, directory: Path, bytes_max: int = PROMPT_CACHE_BYTES_MAX) -> None:
        self._places = (directory, memory_directory(directory))
        self._bytes_max = bytes_max
        self._frames: dict[tuple[str, int, int], list[bytes]] = {}
        self.bytes = 0
        """Audio held, in bytes."""

    def get(self, key: str, payload_type: int, frame_bytes: int = FRAME_BYTES) -> list[bytes] | None:
        """The prompt's frames, the last one filled up with silence; None when it is missing, empty or too long.

        Reads the disk when the prompt is not in memory. Whoever plays a list keeps it, dropped here or not.
        """
        found = self._frames.pop((key, payload_type, frame_bytes), None)
        if found is None:
            found = self._read(key, payload_type, frame_bytes)
            if found is None:
                return None
            self._make_room(len(found) * frame_bytes)
        self._frames[key, payload_type, frame_bytes] = found
        return found

    def _read(self, key: str, payload_type: int, frame_bytes: int) -> list[bytes] | None:
        if payload_type not in SUFFIX:
            return None
        audio = next(filter(None, (_read_file(place / (key + SUFFIX[payload_type])) for place in self._places)), None)
        if audio is None:
            return None
        audio += SILENCE[payload_type] * (-len(audio) % frame_bytes)
        return [audio[at : at + frame_bytes] for at in range(0, len(audio), frame_bytes)]

    def _make_room(self, wanted: int) -> None:
        self.bytes += wanted
        while self.bytes > self._bytes_max and self._frames:
            oldest = next(iter(self._frames))
            self.bytes -= len(self._frames.pop(oldest)) * oldest[2]


def _read_file(path: Path) -> bytes | None:
    """What stands there; None where that is nothing, or too much."""
    try:
        return path.read_bytes() if 0 < path.stat().st_size <= PROMPT_BYTES_MAX else None
    except OSError:
        return None
