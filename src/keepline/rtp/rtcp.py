"""RTCP: the reports that the two ends of a stream send one another (RFC 3550 §6, A.2 to A.4, A.7).

Bytes and numbers in, the same out. Of what a peer sends, reports about us and the times of its own are read; source
descriptions, applications and extensions are stepped over. It refuses whatever is no compound packet in every length
(A.2), and to keep time or state: intervals come from a number that the caller counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Final

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
PACKET_TYPES: Final = range(192, 224)
"""Second bytes that mean RTCP where both share a port (RFC 5761 §4)."""
INTERVAL_S: Final = 5.0
"""The least interval between reports (§6.2); two members of 64 kbit/s never need a longer one."""
COMPENSATION: Final = 1.21828
"""e - 3/2: makes up for the timer's reconsideration (§6.3.1)."""
NTP_UNIX_S: Final = 2_208_988_800
"""From 1900 to 1970."""
ROUND_TRIP_S_MAX: Final = 30.0
"""A longer one is a clock set anew or a lie."""
_LOST_MAX: Final = 0x7FFFFF

_HEAD: Final = Struct("!BBHI")
_SENDER: Final = Struct("!QIII")
_BLOCK: Final = Struct("!IIIIII")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one stream (§6.4.1)."""

    ssrc: int
    """The stream's."""
    fraction: int
    """Lost since the report before, in 256ths."""
    lost: int
    """Since the beginning, 24 bits with a sign."""
    highest: int
    """Extended sequence number."""
    jitter: int
    """Timestamp units."""
    last_report: int
    """The middle 32 bits of the NTP time of the last sender report heard of it; 0 for none."""
    delay: int
    """Since that report was heard, in 65,536ths of a second."""


@dataclass(frozen=True, slots=True)
class RtcpReport:
    """A sender or receiver report; `ntp` is 0 in the latter."""

    ssrc: int
    ntp: int
    blocks: tuple[ReportBlock, ...]


def parse_compound(data: bytes) -> list[RtcpReport] | None:
    """The reports of a compound packet; None when it is not valid throughout (A.2)."""
    reports: list[RtcpReport] = []
    at, end = 0, len(data)
    while at < end:
        if end - at < 8 and not (reports and end - at == 4):
            return None
        first, kind, words = data[at], data[at + 1], data[at + 2] << 8 | data[at + 3]
        following = at + 4 * (words + 1)
        if first >> 6 != 2 or following > end:
            return None
        if not reports and (kind not in (SENDER_REPORT, RECEIVER_REPORT) or first & 0x20):
            return None
        if first & 0x20 and following != end:
            return None
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            report = _report(data, at, following, first & 0x1F, kind)
            if report is None:
                return None
            reports.append(report)
        at = following
    return reports or None


def _report(data: bytes, at: int, end: int, count: int, kind: int) -> RtcpReport | None:
    body = at + _HEAD.size + (_SENDER.size if kind == SENDER_REPORT else 0)
    if body + count * _BLOCK.size > end:
        return None
    ssrc = int.from_bytes(data[at + 4 : at + 8])
    ntp = int.from_bytes(data[at + 8 : at + 16]) if kind == SENDER_REPORT else 0
    return RtcpReport(ssrc, ntp, tuple(_block(data, body + index * _BLOCK.size) for index in range(count)))


def _block(data: bytes, at: int) -> ReportBlock:
    ssrc, losses, highest, jitter, last_report, delay = _BLOCK.unpack_from(data, at)
    lost = losses & 0xFFFFFF
    return ReportBlock(
        ssrc, losses >> 24, lost - 0x1000000 if lost > _LOST_MAX else lost, highest, jitter, last_report, delay
    )


@dataclass(frozen=True, slots=True)
class Sending:
    """What a sender says of its own stream at one instant."""

    ntp: int
    """64 bits: seconds since 1900 and their fraction."""
    ts: int
    """The RTP timestamp of the same instant."""
    packets: int
    octets: int
    """Of payload."""


def pack_compound(
    ssrc: int, sending: Sending | None, blocks: Iterable[ReportBlock], cname: str, *, goodbye: bool = False
) -> bytes:
    """A compound packet: a report, the source's name, and BYE when it is the last (§6.1). Without `sending` an RR."""
    packed = [_pack_block(block) for block in blocks]
    body = b"" if sending is None else _SENDER.pack(
        sending.ntp, sending.ts & 0xFFFFFFFF, sending.packets & 0xFFFFFFFF, sending.octets & 0xFFFFFFFF
    )  # fmt: skip
    kind = RECEIVER_REPORT if sending is None else SENDER_REPORT
    words = 1 + (len(body) + len(packed) * _BLOCK.size) // 4
    parts = [_HEAD.pack(0x80 | len(packed), kind, words, ssrc), body, *packed]
    name = cname.encode()[:255]
    item = bytes((1, len(name))) + name
    item += bytes(4 - len(item) % 4)  # at least one zero ends the list of items (§6.5)
    parts.append(_HEAD.pack(0x81, SOURCE_DESCRIPTION, 1 + len(item) // 4, ssrc) + item)
    if goodbye:
        parts.append(_HEAD.pack(0x81, GOODBYE, 1, ssrc))
    return b"".join(parts)


def _pack_block(block: ReportBlock) -> bytes:
    lost = min(max(block.lost, -_LOST_MAX - 1), _LOST_MAX) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction << 24 | lost,
        block.highest & 0xFFFFFFFF,
        block.jitter & 0xFFFFFFFF,
        block.last_report,
        min(block.delay, 0xFFFFFFFF),
    )


def fraction_lost(expected: int, received: int) -> int:
    """The share lost of one interval, in 256ths (A.3); 0 with duplicates."""
    return min(255, max(0, ((expected - received) << 8) // expected)) if expected > 0 else 0


def ntp_time(unix_s: float) -> int:
    """The 64-bit NTP timestamp of a time (§4)."""
    whole = int(unix_s)
    return (whole + NTP_UNIX_S & 0xFFFFFFFF) << 32 | int((unix_s - whole) * 0x100000000)


def middle(ntp: int) -> int:
    """The 32 bits in the middle of an NTP timestamp: seconds modulo 65,536 and 65,536ths."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip_s(heard_ntp: int, block: ReportBlock) -> float | None:
    """The time there and back (§6.4.1); None when the peer has heard no report of ours, or the sum makes no sense."""
    if not block.last_report:
        return None
    units = (middle(heard_ntp) - block.last_report - block.delay) & 0xFFFFFFFF
    seconds = (units if units < 0x80000000 else units - 0x100000000) / 65_536
    # Both ends round to 15 µs, and a peer on the same machine answers faster than that.
    return max(0.0, seconds) if -0.001 <= seconds <= ROUND_TRIP_S_MAX else None


def interval_s(ssrc: int, number: int) -> float:
    """How long to wait before report `number` (from 0): 2 to 6 s, half of it before the first (§6.2, A.7).

    The randomness that keeps members apart comes from the SSRC, so that the same call does the same again.
    """
    mixed = ((ssrc ^ number * 0x9E3779B1) * 0x85EBCA6B) & 0xFFFFFFFF
    mixed = ((mixed ^ mixed >> 15) * 0xC2B2AE35) & 0xFFFFFFFF
    share = 0.5 + (mixed ^ mixed >> 13) / 0x100000000
    return INTERVAL_S * (share if number else share / 2) / COMPENSATION
