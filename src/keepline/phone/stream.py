"""What the phone sends: a packet every 20 ms, silence or a key (RFC 3550, RFC 4733). Pure; the shell keeps the time."""

from collections import deque
from dataclasses import dataclass

from keepline.rtp.dtmf import EventPacket, event_packets
from keepline.rtp.packet import SEQ_MASK, TS_MASK, RtpPacket, pack_packet

FRAME_S = 0.02
FRAME_SAMPLES = 160
KEY_MS = 100
KEY_GAP_FRAMES = 5
"""Silence after a key, so that receivers without timestamps tell two of the same apart."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet to send now."""

    data: bytes
    began: str
    """The key whose first packet this is; empty for any other packet."""


class OutboundStream:
    """The packets of one call in order."""

    def __init__(
        self, *, ssrc: int, seq: int, ts: int, payload_type: int, dtmf_payload_type: int, silence: int
    ) -> None:
        self._ssrc, self._seq, self._ts = ssrc, seq, ts
        self._payload_type, self._dtmf_payload_type = payload_type, dtmf_payload_type
        self._silence = bytes([silence]) * FRAME_SAMPLES
        self._first = True
        self._keys: deque[str] = deque()
        self._event: deque[EventPacket] = deque()
        self._event_ts = 0
        self._gap_frames = 0

    def press(self, digits: str) -> None:
        """Send these keys after those that wait."""
        self._keys.extend(digits)

    @property
    def idle(self) -> bool:
        """Whether every key is sent, the silence after it included."""
        return not self._keys and not self._event and not self._gap_frames

    def next_frame(self) -> Frame:
        """The packet of the next 20 ms."""
        began = ""
        if not self._event and not self._gap_frames and self._keys:
            began = self._keys.popleft()
            self._event.extend(event_packets(began, KEY_MS))
            self._event_ts = self._ts
        if self._event:
            event = self._event.popleft()
            packet = self._packet(self._dtmf_payload_type, event.marker, self._event_ts, event.payload)
            self._gap_frames = KEY_GAP_FRAMES
        else:
            self._gap_frames = max(0, self._gap_frames - 1)
            packet = self._packet(self._payload_type, self._first, self._ts, self._silence)
        self._first = False
        self._ts = (self._ts + FRAME_SAMPLES) & TS_MASK
        return Frame(pack_packet(packet), began)

    def _packet(self, payload_type: int, marker: bool, ts: int, payload: bytes) -> RtpPacket:
        seq = self._seq
        self._seq = (seq + 1) & SEQ_MASK
        return RtpPacket(payload_type, marker, seq, ts, self._ssrc, payload)
