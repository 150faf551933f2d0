"""The RTP end of one caller: a strict receiver and a light sender, G.711, 20 ms a packet (RFC 3550, 3551, 4733).

Arrivals are stamped by the kernel (SO_TIMESTAMPNS): a gap is the sender's and not this program's own scheduling.
It adapts to nothing: no jitter buffer, no tolerance; what was odd is written down and judged elsewhere. No RTCP.
"""

import socket
import struct
from array import array
from collections import deque
from contextlib import suppress
from zlib import crc32

from callers_verdict import FRAME_BYTES, LOST, Heard

FRAME_S = 0.02
SO_TIMESTAMPNS = 35  # Linux; missing from the socket module of Python 3.11
HEADER = struct.Struct("!BBHII")
EVENT = struct.Struct("!BBH")
TIMESPEC = struct.Struct("@qq")
DIGITS = "0123456789*#ABCD"
EVENT_VOLUME = 10
END_PACKETS = 3
LOST_FILLED_MAX = 1000
"""Longer losses are counted but not filled in frame by frame."""
SOURCES_KEPT_MAX = 8
EVEN_PORT_TRIES = 100
GAP_BUCKET_NS = 500_000
GAP_BUCKETS = 4000
"""Two seconds; longer gaps count in the last bucket."""

_inbox = bytearray(2048)
_view = memoryview(_inbox)


class Receiver:
    """Everything that one stream of RTP did, in the order of arrival; `read` takes one packet from the socket."""

    __slots__ = (
        "done", "first_ns", "frames", "frames_max", "gap_at", "gap_ns", "gaps", "heard", "is_held", "last_ns",
        "next_seq", "next_ts", "payload_type", "peer", "sock", "sources", "ssrcs",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, gaps: "array[int]", frames_max: int) -> None:
        self.sock = sock
        self.gaps = gaps
        self.frames: array[int] = array("I")
        self.frames_max = frames_max
        self.heard = Heard(frames=self.frames)
        self.payload_type = -1
        self.first_ns = self.last_ns = self.gap_ns = self.gap_at = 0
        self.next_seq = self.next_ts = -1
        self.sources: set[tuple[str, int]] = set()
        self.ssrcs: set[int] = set()
        self.peer: tuple[str, int] | None = None
        """Who is to be heard; what is no audio at all and comes from elsewhere is then nobody's fault here."""
        self.is_held = False
        """The line is on hold: the pause that ends with the next packet is meant."""
        self.done = False

    def read(self) -> None:
        """Take one packet, if there is one."""
        try:
            size, control, _, source = self.sock.recvmsg_into((_inbox,), 64)
        except (BlockingIOError, ConnectionRefusedError):
            return
        if self.done:
            return
        heard = self.heard
        # A short packet leaves the rest of the one before in the inbox; its size gives it away.
        bits, kind, seq, ts, ssrc = HEADER.unpack_from(_inbox)
        if size != 12 + FRAME_BYTES or bits != 0x80 or kind & 0x7F != self.payload_type:
            if self.peer is not None and source != self.peer:
                return
            heard.odd_packets += 1
            heard.odd_example = heard.odd_example or f"from {source}, {size} bytes: {_view[: min(size, 16)].hex()}"
            return
        seconds, nanoseconds = TIMESPEC.unpack(control[0][2])
        now_ns = seconds * 1_000_000_000 + nanoseconds
        first = self.next_seq < 0
        if (seq != self.next_seq or ts != self.next_ts or kind > 0x7F) and not self._odd(seq, ts, kind, size, now_ns):
            self._remember(ssrc, source)  # of another stream it may be, and then that is what is wrong
            return
        heard.packets += 1
        if not first:
            gap_ns = now_ns - self.last_ns
            if gap_ns > self.gap_ns:
                self.gap_ns = gap_ns
                self.gap_at = heard.packets
            bucket = gap_ns // GAP_BUCKET_NS
            self.gaps[bucket if 0 <= bucket < GAP_BUCKETS else -1] += 1
        self.last_ns = now_ns
        self.next_seq = (seq + 1) & 0xFFFF
        self.next_ts = (ts + FRAME_BYTES) & 0xFFFFFFFF
        if ssrc not in self.ssrcs or source not in self.sources:
            self._remember(ssrc, source)
        if len(self.frames) < self.frames_max:
            self.frames.append(crc32(_view[12:size]))
        else:
            heard.frames_left_out += 1

    def _odd(self, seq: int, ts: int, kind: int, size: int, now_ns: int) -> bool:
        """The first packet, or one that is not the successor of the one before; False: it is late or came twice."""
        heard = self.heard
        first = self.next_seq < 0
        if self._is_double(seq, ts, size):
            heard.doubled += 1
            return False
        if self.is_held and not first:
            self.is_held, self.last_ns = False, now_ns
            self.next_ts = ts if (seq == self.next_seq) else self.next_ts
            kind &= 0x7F
        if kind > 0x7F:
            heard.markers += 1
            heard.first_has_marker = heard.first_has_marker or first
        if first:
            return True
        ahead = (seq - self.next_seq) & 0xFFFF
        if ahead >= 0x8000:
            heard.late_or_double += 1
            return False
        if ahead:
            heard.sequence_gaps += 1
            heard.lost += ahead
            self.frames.extend([LOST] * min(ahead, LOST_FILLED_MAX))
        jump = (ts - self.next_ts - ahead * FRAME_BYTES + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if jump and len(heard.timestamp_jumps) < 100:
            heard.timestamp_jumps.append((len(self.frames), jump))
            heard.jumped_at.append(now_ns / 1e9)
        return True

    def _is_double(self, seq: int, ts: int, size: int) -> bool:
        """Whether this is the packet before once more."""
        before = (self.next_seq - 1) & 0xFFFF, (self.next_ts - FRAME_BYTES) & 0xFFFFFFFF
        kept = self.frames and not self.heard.frames_left_out
        return bool(kept) and (seq, ts) == before and crc32(_view[12:size]) == self.frames[-1]

    def _remember(self, ssrc: int, source: tuple[str, int]) -> None:
        if not self.first_ns:
            self.first_ns = self.last_ns
        if len(self.sources) < SOURCES_KEPT_MAX and len(self.ssrcs) < SOURCES_KEPT_MAX:
            self.sources.add(source)
            self.ssrcs.add(ssrc)

    def finish(self) -> Heard:
        """What was heard; packets after this do not count any more."""
        self.done = True
        heard = self.heard
        heard.sources, heard.ssrcs = len(self.sources), len(self.ssrcs)
        heard.gap_ms_max, heard.gap_max_at = self.gap_ns / 1e6, self.gap_at
        return heard


class Sender:
    """Sends one packet a tick: audio, or the digit being pressed. A talk spurt after silence begins with a marker."""

    __slots__ = (
        "_duration", "_end", "_event", "_marker", "_packet", "_seq", "_ssrc", "_ts", "audio", "audio_every", "codec",
        "digits", "event_type", "on_pressed", "remote", "sent", "sock", "ticks",
    )  # fmt: skip

    def __init__(self, sock: socket.socket, ssrc: int, seq: int, ts: int, audio: list[bytes], audio_every: int) -> None:
        self.sock = sock
        self.audio = audio
        """Payloads to send in turn."""
        self.audio_every = audio_every
        """1: every tick; n: every n-th; 0: digits only."""
        self.codec = self.event_type = 0
        self.remote: tuple[str, int] = ("", 0)
        self.digits: deque[tuple[str, int]] = deque()
        """(digit, packets it lasts), waiting."""
        self.on_pressed = None
        self.sent = self.ticks = 0
        self._packet = bytearray(12 + FRAME_BYTES)
        self._ssrc, self._seq, self._ts = ssrc, seq, ts
        self._event = -1
        self._duration = self._end = 0
        self._marker = True

    def tick(self) -> None:
        """20 ms have passed."""
        self.ticks += 1
        ts = (self._ts + self.ticks * FRAME_BYTES) & 0xFFFFFFFF
        if self._event >= 0 or self.digits:
            self._send_event(ts)
        elif self.audio_every and self.ticks % self.audio_every == 0:
            packet = self._packet
            marker = 0x80 if self._marker or self.audio_every > 1 else 0
            self._seq = (self._seq + 1) & 0xFFFF
            HEADER.pack_into(packet, 0, 0x80, self.codec | marker, self._seq, ts, self._ssrc)
            packet[12:] = self.audio[self.ticks % len(self.audio)]
            self._marker = False
            self._send(packet)

    def _send_event(self, ts: int) -> None:
        """RFC 4733 §2.5.1: one timestamp, growing duration, the end three times."""
        first = self._event < 0
        if first:
            digit, self._end = self.digits.popleft()
            self._event, self._duration = DIGITS.index(digit), 0
            # The timestamp of the event is that of its first packet.
            self._ts, self.ticks = ts, 0
            if self.on_pressed:
                self.on_pressed(digit)
        self._duration += 1
        last = self._duration >= self._end
        units = min(self._duration, self._end) * FRAME_BYTES
        self._seq = (self._seq + 1) & 0xFFFF
        kind = self.event_type | (0x80 if first else 0)
        head = HEADER.pack(0x80, kind, self._seq, self._ts, self._ssrc)
        self._send(head + EVENT.pack(self._event, EVENT_VOLUME | (0x80 if last else 0), units))
        if self._duration >= self._end + END_PACKETS - 1:
            self._event = -1

    def _send(self, packet: "bytes | bytearray") -> None:
        try:
            self.sock.sendto(packet, self.remote)
            self.sent += 1
        except OSError:
            pass  # A full buffer or a closed port: the receiver's figures show what it led to.


def open_rtp_socket(host: str, port: int = 0) -> socket.socket:
    """As `open_socket`, on an even port: RTCP goes to the port above, where no other caller's RTP must be."""
    if port:
        return open_socket(host, port)
    for _ in range(EVEN_PORT_TRIES):
        sock = open_socket(host, 0)
        port = int(sock.getsockname()[1])
        if port % 2 == 0:
            return sock
        sock.close()
        with suppress(OSError):
            return open_socket(host, port - 1)
    raise OSError(f"no even port is free on {host}")


def open_socket(host: str, port: int) -> socket.socket:
    """A non-blocking UDP socket whose packets carry the kernel's time of arrival; port 0 lets the kernel choose."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
