"""One end of a bridge: the audio on its way to one stream. It refuses to know sockets, packets and slots."""

from collections import deque

from keepline.model.limits import BRIDGE_EVENTS_MAX
from keepline.node.media_prompts import SILENCE
from keepline.rtp.companding import PCMU, QUIETER, TRANSCODED
from keepline.rtp.dtmf import PAYLOAD_BYTES
from keepline.rtp.jitter import JitterBuffer


class BridgeEnd:
    """What a bridged stream is to send, and the end that gets what it hears."""

    __slots__ = ("_event_began", "_event_heard", "buffer", "events", "heard_ssrc", "other", "payload_type")

    def __init__(self, payload_type: int) -> None:
        self.other: BridgeEnd | None = None
        self.heard_ssrc = -1
        self.payload_type = payload_type
        self.buffer = JitterBuffer(*_sound(payload_type))
        self.events: deque[tuple[int, bytes]] = deque()
        """Packets of keys that the other end pressed: their timestamp there, and their payload."""
        self._event_heard = -1
        self._event_began = 0

    def begin_anew(self, payload_type: int) -> None:
        """The stream goes on in another way: nothing held is of use to it, and nothing it said to the other."""
        self.payload_type, self.heard_ssrc = payload_type, -1
        self.buffer.reset(*_sound(payload_type))
        self.events.clear()

    def hear_event(self, ts: int, payload: bytes) -> None:
        """Take in a packet of a key that this end's stream has heard, for the other to send."""
        other = self.other
        if other is not None and len(payload) >= PAYLOAD_BYTES and len(other.events) < BRIDGE_EVENTS_MAX:
            other.events.append((ts, payload[:PAYLOAD_BYTES]))

    def next_event(self, ts: int) -> tuple[int, bool, bytes]:
        """The next packet of a key, to be sent at `ts`: the timestamp of the key, whether it begins it, the payload."""
        heard, payload = self.events.popleft()
        is_first = heard != self._event_heard
        if is_first:
            self._event_heard, self._event_began = heard, ts
        return self._event_began, is_first, payload

    def hear(self, payload_type: int, ssrc: int, ts: int, payload: bytes) -> None:
        """Take in what this end's stream has heard, for the other to send."""
        other = self.other
        if other is None:
            return
        if ssrc != self.heard_ssrc:
            self.heard_ssrc = ssrc
            other.buffer.reset(*_sound(other.payload_type))
        table = TRANSCODED.get((payload_type, other.payload_type))
        other.buffer.put(ts, payload.translate(table) if table else payload)


def _sound(payload_type: int) -> tuple[bytes, bytes]:
    return SILENCE.get(payload_type, SILENCE[PCMU]), QUIETER.get(payload_type, QUIETER[PCMU])
