"""What the phone hears, counted and kept as a WAV file: 8 kHz, 16 bits, mono, gaps as silence of their length."""

import wave
from pathlib import Path

import numpy as np

from keepline.model.limits import PHONE_GAP_S_MAX
from keepline.rtp import g711
from keepline.rtp.packet import RtpPacket, StreamAccount

RATE_HZ = 8000
_TS_HALF = 1 << 31
_DECODERS = {"PCMU": g711.decode_ulaw, "PCMA": g711.decode_alaw}


class Recording:
    """A WAV file being written."""

    def __init__(self, path: Path) -> None:
        """Open the file for writing; raises OSError."""
        self._file = path.open("wb")
        self._wave = wave.open(self._file)  # noqa: SIM115 - closed by `close`
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._wave.setframerate(RATE_HZ)

    def write(self, samples: g711.Samples) -> None:
        """Append sound."""
        self._wave.writeframesraw(samples.astype("<i2").tobytes())

    def close(self) -> None:
        """Finish the file."""
        self._wave.close()
        self._file.close()


class Ear:
    """Takes the packets of one call as they come. Late ones are counted and not heard."""

    def __init__(self, codec: str, payload_type: int, recording: Recording | None) -> None:
        self._decode = _DECODERS[codec]
        self._payload_type = payload_type
        self._recording = recording
        self._account = StreamAccount()
        self._ssrc: int | None = None
        self._next_ts = 0
        self.samples = 0
        """Heard, gaps left out."""

    @property
    def packets(self) -> int:
        return self._account.received

    @property
    def lost(self) -> int:
        return max(0, self._account.lost)

    def hear(self, packet: RtpPacket) -> None:
        """Take one packet; those of another payload type are not for the ear."""
        if packet.payload_type != self._payload_type:
            return
        if packet.ssrc != self._ssrc:
            self._ssrc, self._next_ts = packet.ssrc, packet.ts
            self._account.start(packet.seq)
        self._account.count(packet.seq, -1)
        gap = (packet.ts - self._next_ts + _TS_HALF) % (2 * _TS_HALF) - _TS_HALF
        if -PHONE_GAP_S_MAX * RATE_HZ <= gap < 0:
            return
        samples = self._decode(packet.payload)
        if self._recording is not None:
            # A longer gap is a clock set anew, and no pause that anybody heard.
            if 0 < gap <= PHONE_GAP_S_MAX * RATE_HZ:
                self._recording.write(np.zeros(gap, np.int16))
            self._recording.write(samples)
        self.samples += len(samples)
        self._next_ts = packet.ts + len(samples)
