"""The memory that outlives processes: one memfd with a header and one slot for each RTP port.

`media` writes the slots, `calls` reads them, the supervisor holds the memory. Whatever a successor needs to go on
with a stream, and whatever `calls` must know about a play or a digit, is here and not in a process.

The writer may be killed between any two instructions. So: data first, the counter that publishes it last; a counter
is one aligned store of 4 or 8 bytes; two facts that must not come apart share one 8-byte word (a digit's count and
its event's timestamp, a play's end and its reason). Everything that moves with each packet follows from one counter,
`sent`: sequence = seq0 + sent, position in the prompt = sent - play_start. The timestamp follows from the clock:
ts = ts0 + 160 * (frame - frame0).

It refuses to lock and to decide. One process at a time writes a slot.
"""

import mmap
import os
from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

from keepline.model.errors import LocalError
from keepline.model.limits import RTP_SLOTS_MAX
from keepline.node.mediawire import FinishReason

MAGIC: Final = b"KLSLOTS\0"
VERSION: Final = 3
HEADER_BYTES: Final = 4096
SLOT_BYTES: Final = 2048
FRAME_BYTES: Final = 160
"""20 ms of G.711 at 8 kHz, and its timestamp units."""
PACKET_BYTES: Final = 12 + FRAME_BYTES
PACKET_BYTES_MAX: Final = 12 + 3 * FRAME_BYTES
"""Of 60 ms, the longest frame."""
RING_BYTES: Final = 64
RING_READABLE: Final = 32
"""Half the ring: the writer may be about to overwrite the oldest entry of it."""

# Header, offsets in bytes.
H_ANCHORS: Final = 16
H_CALLS_EPOCH: Final = 32
H_MEDIA_EPOCH: Final = 36
H_MEDIA_HEARTBEAT: Final = 40
H_CALLS_HEARTBEAT: Final = 48
H_LIVE_CALLS: Final = 56
H_EVENTS_OVERFLOW: Final = 60
H_MEDIA_TICK: Final = 64
H_STEPPING_CALL: Final = 72

# Slot, offsets in bytes from its beginning.
S_CALL: Final = 0
S_APPLIED: Final = 8
S_PLAYING: Final = 12
S_FINISHED: Final = 16
"""u64: the play's number, and above it the reason."""
S_DIGITS: Final = 24
"""u64: the count of digits, and above it the RTP timestamp of the event that was counted last."""
S_SENT: Final = 32
"""u32: packets sent since `Open`; stored after each send."""
S_PLAY_START: Final = 36
S_DIGITS_SEEN: Final = 40
S_FLAGS: Final = 44
S_LATCHED: Final = 45
S_PT: Final = 46
S_DTMF_PT: Final = 47
S_PROMPT_KEY: Final = 48
S_REMOTE_IP: Final = 64
S_REMOTE_PORT: Final = 80
S_SEQ0: Final = 82
S_SSRC: Final = 84
S_TS0: Final = 88
S_FRAME0: Final = 96
S_STATS: Final = 104
S_STATS_BASE: Final = 116
S_LATE: Final = 124
S_IGNORED: Final = 128
S_SEND_FAILED: Final = 132
S_FIGURES_OF: Final = 136
"""u64: the call that the counters belong to, also when it is over."""
S_RTCP: Final = 144
S_RTCP_PORT: Final = 184
S_RTCP_MUX: Final = 186
S_FRAME_BYTES: Final = 188
"""u16: payload of each packet that is sent; 8 bytes a millisecond."""
S_RING: Final = 192
S_SILENCE: Final = 256
S_OPENED_AT: Final = 272
"""f64: monotonic seconds of `Open`."""
S_HEARD_AT: Final = 280
"""f64: monotonic seconds of a look that found new packets."""
S_DEAD_AIR_MS: Final = 288
"""u32: silence that counts as dead air; 0 for none."""
S_DIRECTION: Final = 292
S_REDIRECTED: Final = 296
"""u32: number of the last `Redirect` that took effect."""
S_SIGNALLED_IP: Final = 300
S_SIGNALLED_PORT: Final = 316
S_NETWORK_COUNT: Final = 318
S_BRIDGE: Final = 320
S_NETWORKS: Final = 340
S_RECORD: Final = 476
S_RECORDED: Final = 512
"""u32: number of the last `Record` that took effect."""
S_PACKET: Final = 516
S_HEARD: Final = 1008
"""Of a recording, u32 each: silence of the caller that ends it, in ms (0: none does); how much of it there was when the
caller was last heard to make a sound, in ms."""
S_INBAND: Final = 1016
"""u32 each: the timestamp up to which a key was heard in the audio; 16 and its code while it is held, 1 once no tone
counts in this call."""
S_SECRET: Final = 1200
"""u64: the number of the entry that is being keyed in private, its count of keys and its state; never a key."""
S_SECRET_KEYS: Final = 1208
"""u32: keys ever counted in private; the ring's count leaves them out."""
S_SECRET_CSEQ: Final = 1212
"""u32: of the last INFO whose key went into an entry."""

ORIGIN: Final = Struct("=HIIxxxxQ")
"""At S_SEQ0: seq0, ssrc, ts0, frame0."""
STATS: Final = Struct("=IIf")
"""At S_STATS: packets received, highest extended sequence, jitter in timestamp units."""
STATS_BASE: Final = Struct("=II")
"""At S_STATS_BASE: first extended sequence, the peer's SSRC."""
PLAY: Final = Struct("=IIB")
"""At S_PLAY_START: play_start, digits_seen, flags."""
RTCP: Final = Struct("=fIiffIIxxxxd")
"""At S_RTCP: mean round trip in ms, how many it is of; what the peer says of our stream: packets lost, jitter in ms,
share lost lately; how many reports that is of; the middle of the NTP time of the peer's last sender report, monotonic
seconds of it."""
RECORD: Final = Struct("=d16sIIB")
"""At S_RECORD: monotonic seconds at which it began, key, number, longest in bytes of a channel, channels (0: no
recording)."""
BRIDGE: Final = Struct("=QII")
"""At S_BRIDGE: call and slot at the other end (0: none), number of the last command that took effect."""
SILENCE: Final = Struct("=IIHIB")
"""At S_SILENCE: dead air in ms, when it first began in ms after `Open`, how often it began, how much there was before
the last time, 1 while that lasts."""
_MAGIC: Final = Struct("=8sII")
_ANCHORS: Final = Struct("=dd")
_PORT: Final = Struct("=H")
_LOW: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class PlayState:
    """What a slot says about its plays."""

    applied: int
    """The last command that took effect."""
    playing: int
    """The play that is heard; 0 for none."""
    finished: int
    """The last play that is over; 0 for none."""
    reason: FinishReason | None
    """Why; None when no play has finished."""


@dataclass(frozen=True, slots=True)
class SlotStats:
    """RTP counters of a call, from `Open` on."""

    packets_sent: int
    packets_received: int
    lost: int
    """Expected less received (RFC 3550 A.3); negative with duplicates."""
    jitter_ms: float
    late: int
    """Duplicated or out of order."""
    ignored: int
    """From elsewhere, not RTP, or of no agreed payload type."""
    send_failed: int
    round_trip_ms: float | None = None
    """The mean of what RTCP measured; None where the peer sent no report about us."""
    reports: int = 0
    """Reports heard about our stream."""
    peer_lost: int = 0
    """Packets of ours that the peer says it missed."""
    peer_jitter_ms: float = 0.0
    """Of our stream, as the peer says."""
    dead_air_s: float = 0.0
    """Time without a packet, where it was long enough to count."""
    dead_air_at_s: float | None = None
    """When that first began, seconds after `Open`; None where it never did."""
    dead_airs: int = 0
    frame_ms: int = 20
    """Of the packets that we send."""


class Slots:
    """The mapped memory and its typed accessors; slot `i` belongs to RTP socket `i`."""

    __slots__ = ("_map", "count", "f64", "fd", "monotonic_anchor_s", "u32", "u64", "view", "wall_anchor_s")

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        if size < HEADER_BYTES:
            raise LocalError(f"slots memory of {size} bytes")
        self.fd = fd
        self._map = mmap.mmap(fd, size)
        self.view = memoryview(self._map)
        self.count: int
        magic, version, self.count = _MAGIC.unpack_from(self.view)
        if magic != MAGIC or version != VERSION or size != HEADER_BYTES + self.count * SLOT_BYTES:
            raise LocalError(f"slots memory {magic!r} of version {version} with {self.count} slots in {size} bytes")
        self.u32 = self.view.cast("I")
        self.u64 = self.view.cast("Q")
        self.f64 = self.view.cast("d")
        self.wall_anchor_s: float
        self.monotonic_anchor_s: float
        self.wall_anchor_s, self.monotonic_anchor_s = _ANCHORS.unpack_from(self.view, H_ANCHORS)

    @classmethod
    def create(cls, slot_count: int, wall_s: float, monotonic_s: float) -> Self:
        """New memory of `slot_count` free slots; the two clocks read at one moment are the node's anchor."""
        if not 0 < slot_count <= RTP_SLOTS_MAX:
            raise LocalError(f"{slot_count} slots; 1 to {RTP_SLOTS_MAX} are possible")
        fd = os.memfd_create("keepline-slots", os.MFD_CLOEXEC)
        os.ftruncate(fd, HEADER_BYTES + slot_count * SLOT_BYTES)
        os.pwrite(fd, _MAGIC.pack(MAGIC, VERSION, slot_count) + _ANCHORS.pack(wall_s, monotonic_s), 0)
        return cls(fd)

    @classmethod
    def attach(cls, fd: int) -> Self:
        """Map the memory behind an inherited or received descriptor, which stays the caller's to close."""
        return cls(fd)

    def close(self) -> None:
        """Unmap; the descriptor stays open."""
        for view in (self.u32, self.u64, self.f64, self.view):
            view.release()
        self._map.close()

    # -- header ---------------------------------------------------------------------------------------------------

    def now_s(self, monotonic_s: float) -> float:
        """Node time (seconds since 1970) for a reading of the monotonic clock; the same in every process."""
        return self.wall_anchor_s + monotonic_s - self.monotonic_anchor_s

    @property
    def calls_epoch(self) -> int:
        """The epoch below which media refuses commands."""
        return self.u32[H_CALLS_EPOCH // 4]

    @calls_epoch.setter
    def calls_epoch(self, value: int) -> None:
        self.u32[H_CALLS_EPOCH // 4] = value

    @property
    def media_epoch(self) -> int:
        """Counts the media processes that this memory has had."""
        return self.u32[H_MEDIA_EPOCH // 4]

    @media_epoch.setter
    def media_epoch(self, value: int) -> None:
        self.u32[H_MEDIA_EPOCH // 4] = value

    @property
    def media_heartbeat_s(self) -> float:
        """Monotonic seconds of media's last sign of life; at most 50 ms old while it is well."""
        return self.f64[H_MEDIA_HEARTBEAT // 8]

    @media_heartbeat_s.setter
    def media_heartbeat_s(self, value: float) -> None:
        self.f64[H_MEDIA_HEARTBEAT // 8] = value

    @property
    def calls_heartbeat_s(self) -> float:
        """Monotonic seconds of the active calls process' last sign of life."""
        return self.f64[H_CALLS_HEARTBEAT // 8]

    @calls_heartbeat_s.setter
    def calls_heartbeat_s(self, value: float) -> None:
        self.f64[H_CALLS_HEARTBEAT // 8] = value

    @property
    def live_calls(self) -> int:
        """Calls that are live, as the calls process counts them."""
        return self.u32[H_LIVE_CALLS // 4]

    @live_calls.setter
    def live_calls(self, value: int) -> None:
        self.u32[H_LIVE_CALLS // 4] = value

    @property
    def events_overflow(self) -> bool:
        """Media had to drop events: read every slot again. Whoever does so sets it back first."""
        return self.u32[H_EVENTS_OVERFLOW // 4] != 0

    @events_overflow.setter
    def events_overflow(self, value: bool) -> None:
        self.u32[H_EVENTS_OVERFLOW // 4] = value

    @property
    def media_tick(self) -> int:
        """The last 2 ms tick whose packets are out, counted from the anchor."""
        return self.u64[H_MEDIA_TICK // 8]

    @media_tick.setter
    def media_tick(self, value: int) -> None:
        self.u64[H_MEDIA_TICK // 8] = value

    @property
    def stepping_call(self) -> int:
        """The call that the calls process is working on; 0 for none."""
        return self.u64[H_STEPPING_CALL // 8]

    @stepping_call.setter
    def stepping_call(self, value: int) -> None:
        self.u64[H_STEPPING_CALL // 8] = value

    # -- slots ----------------------------------------------------------------------------------------------------

    def base(self, slot: int) -> int:
        """The slot's offset in bytes; `IndexError` when there is no such slot."""
        if not 0 <= slot < self.count:
            raise IndexError(f"slot {slot} of {self.count}")
        return HEADER_BYTES + slot * SLOT_BYTES

    def call_of(self, slot: int) -> int:
        """The call in the slot; 0 when it is free."""
        return self.u64[(self.base(slot) + S_CALL) // 8]

    def holds(self, call: str, slot: int) -> bool:
        """The slot is this call's."""
        return 0 <= slot < self.count and self.call_of(slot) == int(call, 16)

    def open_slots(self) -> list[int]:
        """The slots that carry a call, in order."""
        u64, first, step = self.u64, HEADER_BYTES // 8, SLOT_BYTES // 8
        return [slot for slot in range(self.count) if u64[first + slot * step]]

    def play_state(self, slot: int) -> PlayState:
        """Applied, playing, finished and why; a play is never both playing and finished."""
        base = self.base(slot)
        applied, playing = self.u32[(base + S_APPLIED) // 4], self.u32[(base + S_PLAYING) // 4]
        word = self.u64[(base + S_FINISHED) // 8]
        finished = word & _LOW
        reason = FinishReason(word >> 32) if word >> 32 else None
        return PlayState(applied, 0 if playing == finished else playing, finished, reason)

    def digits(self, slot: int) -> tuple[int, str]:
        """The count of digits ever received in the call and the last of them, at most `RING_READABLE`."""
        base = self.base(slot)
        while True:
            head = self.u64[(base + S_DIGITS) // 8] & _LOW
            ring = bytes(self.view[base + S_RING : base + S_RING + RING_BYTES])
            # Half a ring of digits can only come between these two lines when this process was stopped there.
            if self.u64[(base + S_DIGITS) // 8] & _LOW == head:
                first = max(0, head - RING_READABLE)
                return head, "".join(chr(ring[at % RING_BYTES]) for at in range(first, head))

    def figures_of(self, slot: int) -> int:
        """The call that `stats` speaks of: the slot's, or once it is free its last; 0 for none."""
        return self.u64[(self.base(slot) + S_FIGURES_OF) // 8]

    def stats(self, slot: int) -> SlotStats:
        """The slot's RTP counters; they stay after `Close` until the next `Open`."""
        base = self.base(slot)
        received, highest, jitter = STATS.unpack_from(self.view, base + S_STATS)
        first, _ = STATS_BASE.unpack_from(self.view, base + S_STATS_BASE)
        expected = highest - first + 1 if received else 0
        sent, late, ignored, failed = (self.u32[(base + at) // 4] for at in (S_SENT, S_LATE, S_IGNORED, S_SEND_FAILED))
        trip_ms, trips, peer_lost, peer_jitter_ms, _, reports, _, _ = RTCP.unpack_from(self.view, base + S_RTCP)
        dead_ms, dead_at_ms, dead_airs, _, _ = SILENCE.unpack_from(self.view, base + S_SILENCE)
        return SlotStats(
            sent,
            received,
            expected - received,
            jitter / 8,
            late,
            ignored,
            failed,
            round_trip_ms=trip_ms if trips else None,
            reports=reports,
            peer_lost=peer_lost,
            peer_jitter_ms=peer_jitter_ms,
            dead_air_s=dead_ms / 1000,
            dead_air_at_s=dead_at_ms / 1000 if dead_airs else None,
            dead_airs=dead_airs,
            frame_ms=(_PORT.unpack_from(self.view, base + S_FRAME_BYTES)[0] or FRAME_BYTES) // 8,
        )

    def line_is_silent(self, slot: int) -> bool:
        """Whether dead air lasts."""
        return bool(SILENCE.unpack_from(self.view, self.base(slot) + S_SILENCE)[-1])

    def latched(self, slot: int) -> bool:
        """Whether a packet has come from the peer."""
        return self.view[self.base(slot) + S_LATCHED] != 0

    def remote(self, slot: int) -> tuple[bytes, int]:
        """The peer's address (16 bytes, version 4 as v4-mapped) and port: agreed, or learnt once latched."""
        base = self.base(slot)
        (port,) = _PORT.unpack_from(self.view, base + S_REMOTE_PORT)
        return bytes(self.view[base + S_REMOTE_IP : base + S_REMOTE_IP + 16]), port

    def set_remote(self, slot: int, ip: bytes, port: int) -> None:
        """Store the peer's address and port (media only)."""
        base = self.base(slot)
        self.view[base + S_REMOTE_IP : base + S_REMOTE_IP + 16] = ip
        _PORT.pack_into(self.view, base + S_REMOTE_PORT, port)
