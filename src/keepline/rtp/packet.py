"""RTP packets and a receiver's account of a stream (RFC 3550 §5.1, §6.4.1, A.1, A.3, A.8).

Bytes and numbers in, numbers out; this runs for each packet of each call, so objects are slots and nothing is
allocated that need not be. It refuses to judge sources (media's latch does), to reorder, and to read header
extensions, which it steps over.
"""

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

HEADER_BYTES: Final = 12
HEADER: Final = Struct("!BBHII")
"""First byte (version, padding, extension, CSRC count), marker and payload type, sequence, timestamp, SSRC."""
PLAIN: Final = 0x80
"""The first byte of version 2 without padding, extension or CSRC: nearly every packet there is."""
MARKER: Final = 0x80

SEQ_MASK: Final = 0xFFFF
TS_MASK: Final = 0xFFFFFFFF
DROPOUT_MAX: Final = 3_000
"""Packets that may be missing before the sequence counts as begun anew (A.1)."""
MISORDER_MAX: Final = 100
"""Packets that one may be late (A.1)."""
TRANSIT_STEP_MAX: Final = 8_000
"""Timestamp units, one second: a larger step of the transit time is the peer's clock set anew, not jitter."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet, taken apart."""

    payload_type: int
    marker: bool
    seq: int
    ts: int
    ssrc: int
    payload: bytes


def parse_packet(data: bytes) -> RtpPacket | None:
    """The packet in a datagram, or None when it is no RTP of version 2."""
    bounds = payload_bounds(data, len(data))
    if bounds is None:
        return None
    _, second, seq, ts, ssrc = HEADER.unpack_from(data)
    return RtpPacket(second & 0x7F, second >= MARKER, seq, ts, ssrc, data[bounds[0] : bounds[1]])


def pack_packet(packet: RtpPacket) -> bytes:
    """The datagram of a packet, without padding, extension or CSRC."""
    second = (MARKER if packet.marker else 0) | packet.payload_type
    return HEADER.pack(PLAIN, second, packet.seq, packet.ts, packet.ssrc) + packet.payload


def payload_bounds(data: bytes | bytearray, length: int) -> tuple[int, int] | None:
    """Where the payload of the packet in `data[:length]` begins and ends; None when it is no RTP (A.1, §5.3.1)."""
    if length < HEADER_BYTES or data[0] >> 6 != 2:
        return None
    first = data[0]
    start, end = HEADER_BYTES + 4 * (first & 0x0F), length
    if first & 0x10:
        if start + 4 > length:
            return None
        start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    if first & 0x20:
        padding = data[length - 1]
        if not padding:
            return None
        end -= padding
    return (start, end) if start <= end else None


class Order(IntEnum):
    """What `StreamAccount.count` found a packet to be."""

    NEXT = 0
    """Ahead of all before, whether or not some are missing between."""
    LATE = 1
    """A duplicate, or out of order."""
    RESTARTED = 2
    """The second of two that follow each other after a jump: the sequence goes on from here."""
    ASTRAY = 3
    """A jump; not counted unless the next packet confirms it."""


class StreamAccount:
    """Loss and jitter of one received stream, able to go on from stored numbers.

    Sequence numbers are extended: they keep growing past 65,535. Loss stays cumulative over a restart.
    """

    __slots__ = ("_expected_after_jump", "_transit", "base", "highest", "jitter", "received")

    def __init__(self, base: int = 0, highest: int = 0, received: int = 0, jitter: float = 0.0) -> None:
        self.base = base
        """The first extended sequence number."""
        self.highest = highest
        self.received = received
        """Packets counted, late ones included."""
        self.jitter = jitter
        """Timestamp units (A.8)."""
        self._transit: int | None = None
        self._expected_after_jump = -1

    def start(self, seq: int) -> None:
        """Begin with a stream whose next packet is `seq`, keeping what was counted before (A.1 init_seq)."""
        if not self.received:
            self.base, self.highest = seq, seq - 1
        else:
            ahead = (seq - 1 - self.highest) & SEQ_MASK
            self.base += ahead
            self.highest += ahead
        self._transit = None
        self._expected_after_jump = -1

    def count(self, seq: int, transit: int) -> int:
        """Account for a packet; returns an `Order`.

        `transit` is arrival time less timestamp, in timestamp units modulo 2^32, for audio; -1 where the timestamp
        says nothing about the time of sending (telephone events, RFC 4733 §2.3.2).
        """
        ahead = (seq - self.highest) & 0xFFFF
        if 0 < ahead < 3_000:
            self.highest += ahead
            self.received += 1
            if transit >= 0:
                last = self._transit
                self._transit = transit
                if last is not None:
                    step = transit - last if transit > last else last - transit
                    if step > 0x7FFFFFFF:
                        step = 0x100000000 - step
                    if step < 8_000:
                        self.jitter += (step - self.jitter) * 0.0625
            return 0
        if ahead == 0 or ahead > SEQ_MASK + 1 - MISORDER_MAX:
            self.received += 1
            return Order.LATE
        if seq == self._expected_after_jump:
            self.start(seq)
            self.highest += 1
            self.received += 1
            return Order.RESTARTED
        self._expected_after_jump = (seq + 1) & SEQ_MASK
        return Order.ASTRAY

    @property
    def lost(self) -> int:
        """Expected less received (A.3); negative with duplicates."""
        return self.highest - self.base + 1 - self.received if self.received else 0
