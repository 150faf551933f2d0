"""Media's reports: RTCP out at its intervals, RTCP in as it comes, none of it in the way of a packet (RFC 3550 §6).

A report goes to the port above the peer's RTP port, or where the peer's own come from, or with `rtcp_mux` to the RTP
port itself (RFC 5761). What a peer's reports say is stored in the slot. It refuses to believe them beyond that: reports
come from the peer's address or not at all, and nothing that is heard, played or sent depends on one.
"""

import select
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from socket import SO_RCVBUF, SOL_SOCKET, socket
from struct import Struct
from typing import Final

from keepline.model.limits import RTCP_PACKET_BYTES_MAX, RTCP_PER_TICK_MAX, RTP_DRAIN_MAX
from keepline.node import slots as at
from keepline.node.media_stream import Stream
from keepline.node.slots import RTCP, Slots
from keepline.rtp.packet import TS_MASK
from keepline.rtp.rtcp import (
    ReportBlock,
    RtcpReport,
    Sending,
    fraction_lost,
    interval_s,
    middle,
    ntp_time,
    pack_compound,
    parse_compound,
    round_trip_s,
)

_CLOCK_HZ: Final = 8_000
_RECEIVE_BUFFER_BYTES: Final = 4_096
_U16: Final = Struct("=H")
_U32_MAX: Final = 0xFFFFFFFF
_UNITS_PER_MS: Final = 8


@dataclass(slots=True, eq=False)
class _Reporter:
    """What the reports of one stream need beside it; a successor begins anew, which costs one report's fraction."""

    stream: Stream
    number: int = 0
    """Reports made."""
    sent: int = 0
    """Packets that were out at the last report."""
    expected: int = 0
    received: int = 0


class Rtcp:
    """The reports of every open slot. `sockets[i]` is bound to the port above that of slot i; there may be none."""

    def __init__(self, slots: Slots, sockets: Sequence[socket]) -> None:
        self._slots = slots
        self._sockets = sockets
        self._epoll = select.epoll()
        self._reporters: dict[int, _Reporter] = {}
        """By slot."""
        self._slot_of = {sock.fileno(): slot for slot, sock in enumerate(sockets)}
        self._due: list[tuple[float, int, int, int]] = []
        """Monotonic time, slot, call, and the number of the report that is due: older entries are void."""
        self._buffer = bytearray(RTCP_PACKET_BYTES_MAX + 1)
        for sock in sockets:
            sock.setblocking(False)

    def close(self) -> None:
        """Let go of the epoll; the sockets stay as they are."""
        self._epoll.close()
        self._reporters.clear()

    def add(self, stream: Stream, now_s: float) -> None:
        """Begin to report on a stream that has begun, or that a predecessor left."""
        reporter = _Reporter(stream, 0, stream.sent, *_counts(stream))
        self._reporters[stream.slot] = reporter
        if stream.slot < len(self._sockets):
            sock = self._sockets[stream.slot]
            if not stream.sent:
                _empty(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)
        self._schedule(reporter, now_s)

    def remove(self, stream: Stream, now_s: float) -> None:
        """RtcpReport a last time, with BYE (§6.6), and no more."""
        reporter = self._reporters.pop(stream.slot)
        if stream.slot < len(self._sockets):
            self._epoll.unregister(self._sockets[stream.slot].fileno())
        if stream.sent:  # §6.3.7: who has sent nothing says no goodbye
            self._send(reporter, now_s, goodbye=True)

    def tick(self, now_s: float) -> None:
        """Take in what has come and send what is due, up to the limit of each."""
        for fd, _ in self._epoll.poll(0, RTCP_PER_TICK_MAX):
            self._receive(self._slot_of[fd], now_s)
        due = self._due
        for _ in range(RTCP_PER_TICK_MAX):
            if not due or due[0][0] > now_s:
                return
            _, slot, call, number = heappop(due)
            reporter = self._reporters.get(slot)
            if reporter is not None and reporter.stream.call == call and reporter.number == number:
                self._send(reporter, now_s)
                reporter.number += 1
                self._schedule(reporter, now_s)

    def _schedule(self, reporter: _Reporter, now_s: float) -> None:
        stream = reporter.stream
        due_s = now_s + interval_s(stream.ssrc, reporter.number)
        heappush(self._due, (due_s, stream.slot, stream.call, reporter.number))

    # -- out ------------------------------------------------------------------------------------------------------

    def _send(self, reporter: _Reporter, now_s: float, *, goodbye: bool = False) -> None:
        stream = reporter.stream
        sending = self._sending(stream, now_s) if stream.sent != reporter.sent else None
        reporter.sent = stream.sent
        block = self._block(reporter, now_s)
        blocks = [] if block is None else [block]
        data = pack_compound(stream.ssrc, sending, blocks, f"{stream.call:016x}", goodbye=goodbye)
        view, base = self._slots.view, stream.base
        try:
            if view[base + at.S_RTCP_MUX]:
                if stream.latched:
                    stream.sock.send(data)
                else:
                    stream.sock.sendto(data, stream.remote)
            elif stream.slot < len(self._sockets):
                (port,) = _U16.unpack_from(view, base + at.S_RTCP_PORT)
                self._sockets[stream.slot].sendto(data, (stream.remote[0], port or stream.remote[1] + 1))
        except (OSError, OverflowError):  # a lost report: the next one says the same and more
            return

    def _sending(self, stream: Stream, now_s: float) -> Sending:
        slots = self._slots
        units = int((now_s - slots.monotonic_anchor_s) * _CLOCK_HZ)
        octets = stream.sent * stream.frame_bytes
        return Sending(ntp_time(slots.now_s(now_s)), (stream.ts_origin + units) & TS_MASK, stream.sent, octets)

    def _block(self, reporter: _Reporter, now_s: float) -> ReportBlock | None:
        stream = reporter.stream
        if not stream.account.received:
            return None
        expected, received = _counts(stream)
        fraction = fraction_lost(expected - reporter.expected, received - reporter.received)
        reporter.expected, reporter.received = expected, received
        *_, last_report, heard_s = RTCP.unpack_from(self._slots.view, stream.base + at.S_RTCP)
        delay = int((now_s - heard_s) * 65_536) if last_report else 0
        return ReportBlock(
            stream.remote_ssrc,
            fraction,
            expected - received,
            stream.account.highest,
            int(stream.account.jitter),
            last_report,
            max(0, delay),
        )

    # -- in -------------------------------------------------------------------------------------------------------

    def _receive(self, slot: int, now_s: float) -> None:
        try:
            length, source = self._sockets[slot].recvfrom_into(self._buffer)
        except OSError:  # the error of a report sent to a closed port
            return
        stream = self._reporters[slot].stream
        is_peer = source[0] == stream.remote[0] and length <= RTCP_PACKET_BYTES_MAX
        if not is_peer or not self.take(stream, bytes(self._buffer[:length]), now_s):
            stream.bump(at.S_IGNORED)
        else:
            _U16.pack_into(self._slots.view, stream.base + at.S_RTCP_PORT, source[1])

    def take(self, stream: Stream, data: bytes, now_s: float) -> bool:
        """Store what a compound packet of the peer says; False when it is none, or speaks of other streams alone."""
        reports = parse_compound(data)
        if reports is None or not any(_concerns(stream, report) for report in reports):
            return False
        view, offset = self._slots.view, stream.base + at.S_RTCP
        trip_ms, trips, lost, jitter_ms, share, heard, last_report, heard_s = RTCP.unpack_from(view, offset)
        now_ntp = ntp_time(self._slots.now_s(now_s))
        for report in reports:
            if report.ntp and report.ssrc == stream.remote_ssrc:
                last_report, heard_s = middle(report.ntp), now_s
            for block in report.blocks:
                if block.ssrc != stream.ssrc:
                    continue
                heard = min(heard + 1, _U32_MAX)
                lost, jitter_ms, share = block.lost, block.jitter / _UNITS_PER_MS, block.fraction / 256
                trip_s = round_trip_s(now_ntp, block)
                if trip_s is not None and trips < _U32_MAX:
                    trips += 1
                    trip_ms += (trip_s * 1000 - trip_ms) / trips
        RTCP.pack_into(view, offset, trip_ms, trips, lost, jitter_ms, share, heard, last_report, heard_s)
        return True


def _concerns(stream: Stream, report: RtcpReport) -> bool:
    return report.ssrc == stream.remote_ssrc or any(block.ssrc == stream.ssrc for block in report.blocks)


def _counts(stream: Stream) -> tuple[int, int]:
    account = stream.account
    return account.received + account.lost, account.received


def _empty(sock: socket) -> None:
    """Bound a socket's queue and throw away what the call before has left in it."""
    sock.setsockopt(SOL_SOCKET, SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    for _ in range(RTP_DRAIN_MAX):
        try:
            sock.recv(1)
        except BlockingIOError:
            return
        except OSError:
            continue
