"""Telephone events, the keys of a phone in RTP (RFC 4733): what a receiver counts and what a sender sends.

The receiver is three numbers that a process can store and its successor take up: how many keys were counted, the
timestamp of the event counted last, and its code. An event is known by its timestamp: its updates, its
three last packets, duplicates and stragglers share it, so the first to arrive counts and the others do not.
It refuses to time keys: a press counts at its first packet, however long it is held.
"""

from dataclasses import dataclass
from typing import Final

from keepline.model.errors import LocalError
from keepline.rtp.packet import TS_MASK

DIGITS: Final = "0123456789*#ABCD"
"""By event code (§3.2); codes from 16 on are no keys and are left alone."""
PAYLOAD_BYTES: Final = 4
END: Final = 0x80
FRAME_UNITS: Final = 160
"""20 ms at 8 kHz: the interval of updates."""
SEGMENT_UNITS_MAX: Final = 0xFFFF
"""A longer event goes on in another segment under a new timestamp (§2.5.1.3)."""
CLOCK_STEP_UNITS: Final = 2 * SEGMENT_UNITS_MAX
"""16 s: no straggler is that far behind. The peer's clock was set back under the same SSRC, and its keys go on."""
END_PACKETS: Final = 3
"""The last packet is sent three times in all (§2.5.1.4)."""
VOLUME_DBM0: Final = 10
"""-10 dBm0, sent as its absolute value."""


class EventReceiver:
    """Counts each key once."""

    __slots__ = ("_duration", "_ended", "code", "count", "ts")

    def __init__(self, count: int = 0, ts: int = 0, code: int = 0) -> None:
        self.count = count
        """Keys ever counted."""
        self.ts = ts
        """Timestamp of the event counted last, or of its last segment."""
        self.code = code
        self._ended = False
        self._duration = 0

    def update(self, ts: int, marker: bool, code: int, ended: bool, duration: int) -> bool:
        """Take in an event packet; True when it is a key that was not counted before.

        `duration` in timestamp units. When it is not a new key, `ts` may still have changed: a segment of a long one.
        """
        if code >= len(DIGITS):
            return False
        ahead = (ts - self.ts) & TS_MASK
        if self.count:
            if ahead == 0:
                self._ended |= ended
                self._duration = max(self._duration, duration)
                return False
            if ahead > TS_MASK - CLOCK_STEP_UNITS:
                return False
            if self._is_next_segment(ahead, marker, code):
                self.ts, self._ended, self._duration = ts, ended, duration
                return False
        self.count += 1
        self.ts, self.code, self._ended, self._duration = ts, code, ended, duration
        return True

    def press(self, key: str, ts: int) -> None:
        """Count a key that was heard as tones, in audio of this timestamp."""
        self.count += 1
        self.ts, self.code, self._ended, self._duration = ts, DIGITS.index(key), True, 0

    @property
    def is_held(self) -> bool:
        """Whether the key that was counted last is still pressed, as far as its packets say."""
        return self.count > 0 and not self._ended

    def start(self, ts: int) -> None:
        """A new stream whose clock stands at `ts`: none of its events has been counted."""
        self.ts = (ts - (1 << 30)) & TS_MASK
        self._ended, self._duration = True, 0

    def _is_next_segment(self, ahead: int, marker: bool, code: int) -> bool:
        # A sender may cut segments shorter than the longest; then only an exact continuation is taken for one.
        if marker or self._ended or code != self.code:
            return False
        return ahead == SEGMENT_UNITS_MAX or ahead == self._duration > SEGMENT_UNITS_MAX >> 1


@dataclass(frozen=True, slots=True)
class EventPacket:
    """One packet of a key; all packets of a key have the timestamp of its beginning."""

    marker: bool
    payload: bytes


def event_packets(digit: str, duration_ms: int = 100) -> list[EventPacket]:
    """What a phone sends for one key, a packet every 20 ms; `LocalError` for no key, or one held past 8 s."""
    code = DIGITS.find(digit.upper()) if len(digit) == 1 else -1
    frames = max(1, duration_ms // 20)
    if code < 0 or frames * FRAME_UNITS > SEGMENT_UNITS_MAX:
        raise LocalError(f"cannot send {digit!r} for {duration_ms} ms as one telephone event")
    updates = [_payload(code, 0, frame * FRAME_UNITS) for frame in range(1, frames)]
    payloads = [*updates, *[_payload(code, END, frames * FRAME_UNITS)] * END_PACKETS]
    return [EventPacket(at == 0, payload) for at, payload in enumerate(payloads)]


def _payload(code: int, end: int, duration: int) -> bytes:
    return bytes((code, end | VOLUME_DBM0)) + duration.to_bytes(2, "big")
