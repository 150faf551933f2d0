"""The streams that send in one way, by the tick in which they do: what the sending loop goes through.

Most streams send frames of 20 ms, and nothing is done about them but the sending. Those that need more (recorded with
both channels, bridged) are groups of their own, so that the others do not pay for it.
"""

from collections.abc import Iterator
from struct import Struct

from keepline.node.media_stream import TICK_UNITS, Stream
from keepline.node.slots import FRAME_BYTES


class Group:
    """The streams that send frames of one length, by the tick modulo that length in which they do."""

    __slots__ = ("bytes", "is_prepared", "pack_all", "phases", "ticks")

    def __init__(self, frame_bytes: int, is_prepared: bool = False) -> None:
        self.bytes = frame_bytes
        self.is_prepared = is_prepared
        """Something is to be done for each packet before it is sent."""
        self.ticks = frame_bytes // TICK_UNITS
        self.phases: list[list[Stream]] = [[] for _ in range(self.ticks)]
        self.pack_all = Struct(f"!HII{frame_bytes}s").pack_into
        """Sequence, timestamp, SSRC, payload."""


class Groups:
    """Every group that there has been."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups = [Group(FRAME_BYTES)]

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups)

    def add(self, stream: Stream) -> None:
        """Have a stream send, if it does."""
        if stream.sends:
            self._phase_of(stream).append(stream)

    def remove(self, stream: Stream) -> None:
        """Have it no longer send; its frames, recording and bridge are still those with which it was added."""
        if stream.sends:
            self._phase_of(stream).remove(stream)

    def _phase_of(self, stream: Stream) -> list[Stream]:
        is_recorded = stream.recording is not None and stream.recording.channels == 2
        is_prepared = is_recorded or stream.bridge is not None
        for group in self._groups:
            if group.bytes == stream.frame_bytes and group.is_prepared == is_prepared:
                break
        else:
            group = Group(stream.frame_bytes, is_prepared)
            self._groups.append(group)
        return group.phases[stream.slot % group.ticks]
