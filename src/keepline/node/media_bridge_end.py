"""One end of a bridge: the audio on its way to one stream. It refuses to know sockets, packets and slots."""

from keepline.node.media_prompts import SILENCE
from keepline.rtp.companding import PCMU, QUIETER, TRANSCODED
from keepline.rtp.jitter import JitterBuffer


class BridgeEnd:
    """What a bridged stream is to send, and the end that gets what it hears."""

    __slots__ = ("buffer", "heard_ssrc", "other", "payload_type")

    def __init__(self, payload_type: int) -> None:
        self.other: BridgeEnd | None = None
        self.heard_ssrc = -1
        self.payload_type = payload_type
        self.buffer = JitterBuffer(*_sound(payload_type))

    def begin_anew(self, payload_type: int) -> None:
        """The stream goes on in another way: nothing held is of use to it, and nothing it said to the other."""
        self.payload_type, self.heard_ssrc = payload_type, -1
        self.buffer.reset(*_sound(payload_type))

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
