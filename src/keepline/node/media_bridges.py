"""Which streams are bridged: two open slots are one conversation, each hears what the other says.

A bridge belongs to the call that ordered it, and its slot says which slot and call the other end is. So a successor
goes on with it, and an end that is not open yet finds its bridge when it is. A stream that plays a prompt is
heard by nobody else: the prompt comes before what the other end says. When either call is closed, the other hears
silence. It refuses to mix: a stream has one bridge at most, and the last one ordered holds.
"""

from keepline.node import slots as at
from keepline.node.media_bridge_end import BridgeEnd
from keepline.node.media_messages import Bridge, Unbridge
from keepline.node.media_rtp import RtpStreams
from keepline.node.media_stream import Stream
from keepline.node.slots import BRIDGE, Slots


class Bridges:
    """The bridges of every open slot."""

    def __init__(self, slots: Slots, streams: RtpStreams) -> None:
        self._slots = slots
        self._streams = streams
        self._others: dict[Stream, Stream] = {}
        """Each bridged stream and the one at the other end, both ways."""
        self._waiting: dict[tuple[int, int], Stream] = {}
        """Streams whose other end is not there yet, by its call and slot."""

    def begin(self, stream: Stream, command: Bridge) -> bool:
        """Bridge a stream with another in place of any other bridge; False when the command is an old one."""
        if command.number <= _ordered(stream) or command.other_slot >= self._slots.count:
            return False
        self._forget(stream)
        self._part(stream)
        self._store(stream, command.other_call, command.other_slot, command.number)
        self._join(stream)
        return True

    def end(self, stream: Stream, command: Unbridge) -> bool:
        """End the bridge of this number, or one before it; False when it was ended, or another holds."""
        other_call, _, number = BRIDGE.unpack_from(self._slots.view, stream.base + at.S_BRIDGE)
        if command.number < number or (command.number == number and not other_call):
            return False
        self._forget(stream)
        self._part(stream)
        self._store(stream, 0, 0, command.number)
        return True

    def opened(self, stream: Stream) -> None:
        """A stream is there: if another waits to be bridged with it, it is."""
        waiting = self._waiting.get((stream.call, stream.slot)) if self._waiting else None
        if waiting is not None:
            self._join(waiting)

    def resume(self) -> None:
        """Go on with the bridges that the slots speak of."""
        for stream in list(self._streams.all):
            if stream.bridge is None:
                self._join(stream)

    def redirected(self, stream: Stream) -> None:
        """A stream goes on in another way."""
        if stream.bridge is not None:
            stream.bridge.begin_anew(stream.payload_type)

    def closed(self, stream: Stream) -> None:
        """A stream is over: whoever was at the other end hears silence."""
        self._forget(stream)
        self._part(stream)

    def _join(self, stream: Stream) -> None:
        call, slot, _ = BRIDGE.unpack_from(self._slots.view, stream.base + at.S_BRIDGE)
        if not call or slot >= self._slots.count:
            return
        other = self._streams.find(slot)
        if other is None or other.call != call:
            self._waiting[call, slot] = stream
            return
        if other is stream:
            return
        self._forget(stream)
        self._part(stream)
        self._part(other)
        ends = BridgeEnd(stream.payload_type), BridgeEnd(other.payload_type)
        ends[0].other, ends[1].other = ends[1], ends[0]
        self._others[stream], self._others[other] = other, stream
        self._streams.bridge(stream, ends[0])
        self._streams.bridge(other, ends[1])

    def _part(self, stream: Stream) -> None:
        other = self._others.pop(stream, None)
        if other is None:
            return
        del self._others[other]
        for each in (stream, other):
            self._streams.bridge(each, None)
            if each.frames is None:
                each.silence()

    def _forget(self, stream: Stream) -> None:
        """It waits for nobody."""
        if stream in self._waiting.values():
            self._waiting = {key: each for key, each in self._waiting.items() if each is not stream}

    def _store(self, stream: Stream, call: int, slot: int, number: int) -> None:
        # The number last: a command whose effect is half stored is applied again.
        view, base = self._slots.view, stream.base + at.S_BRIDGE
        view[base : base + BRIDGE.size - 4] = BRIDGE.pack(call, slot, 0)[:-4]
        self._slots.u32[(base + BRIDGE.size - 4) // 4] = number


def _ordered(stream: Stream) -> int:
    number: int = BRIDGE.unpack_from(stream.slots.view, stream.base + at.S_BRIDGE)[2]
    return number
