"""One call's stream as media works on it: plain numbers beside the slot, and every change written to the slot.

A `Stream` is made from an `Open`, or from a slot that an earlier process left. The order of the stores is what makes
the second possible; `slots.py` says the rule. Sending and receiving are in `media_rtp.py`, which works on these fields
directly, as each method call costs what a packet hardly has.
"""

from dataclasses import dataclass, field
from socket import socket
from struct import Struct
from typing import Final

from keepline.node import slots as at
from keepline.node.media_bridge_end import BridgeEnd
from keepline.node.media_inband import StreamEar, ear_of
from keepline.node.media_kernel import disconnect
from keepline.node.media_prompts import SILENCE
from keepline.node.media_recording import StreamRecording
from keepline.node.media_sockets import NOWHERE, empty, network_of, socket_address
from keepline.node.mediawire import (
    FLAG_BARGE_IN,
    FLAG_HEARS_NOT,
    FLAG_REPEAT,
    FLAG_SENDS_NOT,
    NO_DTMF,
    FinishReason,
    Open,
    Play,
    Redirect,
    StreamWay,
    pack_ip,
    pack_networks,
)
from keepline.node.slots import Slots
from keepline.rtp.dtmf import DIGITS, EventReceiver
from keepline.rtp.entry import Entry
from keepline.rtp.packet import HEADER, MARKER, PLAIN, SEQ_MASK, TS_MASK, StreamAccount

TICK_UNITS: Final = 16
"""Timestamp units, and bytes of G.711, in a tick of 2 ms."""
_U16: Final = Struct("=H")
_F64: Final = Struct("=d")


@dataclass(slots=True, eq=False)
class Stream:
    """What media knows of one open slot."""

    slots: Slots
    slot: int
    sock: socket
    is_v6: bool = False
    call: int = 0
    base: int = 0
    packet: memoryview = field(default_factory=lambda: memoryview(b""))
    """The bytes in the slot that are the packet sent last, or being sent."""
    frame_bytes: int = at.FRAME_BYTES
    """Payload of each packet sent."""
    payload_type: int = 0
    dtmf_payload_type: int = NO_DTMF
    ssrc: int = 0
    seq0: int = 0
    ts_origin: int = 0
    """The timestamp that frame 0 of the node would have had; frame f has ts_origin + frame_bytes * f, modulo 2^32."""
    sent: int = 0
    sent_at: int = 0
    """Index of the slot's counter among 4-byte words."""
    times_at: int = 0
    """Offset of the packet's sequence number and timestamp."""
    stats_at: int = 0
    remote: tuple[str, int] = NOWHERE
    latched: bool = False
    """The socket is connected: the kernel lets nobody else through."""
    is_plain: bool = False
    """Latched, not recorded, not bridged, without tones for keys: its packets need no more than counting."""
    recording: StreamRecording | None = None
    bridge: BridgeEnd | None = None
    ear: StreamEar | None = None
    """Where keys are tones in the audio."""
    source: tuple[str, int] | None = None
    """Whose packets are taken meanwhile, when one has come."""
    learned: int = 0
    """Packets that came from `source`."""
    learned_from_s: float = 0.0
    """When the first of them did."""
    known: tuple[str, int] = NOWHERE
    """Who was the peer before it fell silent."""
    signalled: tuple[str, int] = NOWHERE
    networks: tuple[tuple[int, int], ...] = ()
    """(Network, mask) as numbers of 128 bits: where packets may come from; none: the signalled address alone."""
    muxes_rtcp: bool = False
    sends: bool = True
    hears: bool = True
    seen: int = 0
    """Packets received at the last look, at which the peer was heard if there were new ones."""
    heard_s: float = 0.0
    """Monotonic time of that."""
    dead_air_s: float = 0.0
    """Silence that is worth telling; 0 for none."""
    is_dead: bool = False
    """It lasts that long."""
    dead_before_ms: int = 0
    """Dead air of the call before the one that lasts."""
    playing: int = 0
    barge_in: bool = False
    repeat: bool = False
    frames: list[bytes] | None = None
    """What plays; None for silence."""
    position: int = 0
    """The frame of `frames` to be sent next, counted from their end: -1 is the last, 0 is past it."""
    remote_ssrc: int = 0
    other_ssrc: int = -1
    """A second source's SSRC, taken over when `other_seq` follows."""
    other_seq: int = 0
    account: StreamAccount = field(default_factory=StreamAccount)
    events: EventReceiver = field(default_factory=EventReceiver)
    entry: Entry | None = None
    """Takes the keys while they are private."""
    deaf_until_s: float = 0.0
    """Nothing of the caller's is passed on before this time: the tone of a private key may still sound."""
    secret_keys: int = 0
    """Of those that `events` has counted."""

    # -- life -----------------------------------------------------------------------------------------------------

    def open(self, command: Open, tick: int, now_s: float) -> None:
        """Fill the slot for a call whose first packet goes out from `tick` on; the call's number is stored last."""
        base = self.slots.base(self.slot)
        view = self.slots.view
        self.slots.u64[base // 8] = 0
        empty(self.sock)
        view[base : base + at.SLOT_BYTES] = bytes(at.SLOT_BYTES)
        self._store_way(command, command.way)
        frame = first_frame(self.slot, tick, command.way.frame_ms * 8)
        for offset in (at.S_OPENED_AT, at.S_HEARD_AT):
            _F64.pack_into(view, base + offset, now_s)
        self.slots.u32[(base + at.S_DEAD_AIR_MS) // 4] = command.dead_air_ms
        at.ORIGIN.pack_into(view, base + at.S_SEQ0, command.seq & SEQ_MASK, command.ssrc, command.ts & TS_MASK, frame)
        HEADER.pack_into(view, base + at.S_PACKET, PLAIN, 0, command.seq - 1 & SEQ_MASK, 0, command.ssrc)
        self.slots.u32[(base + at.S_APPLIED) // 4] = command.number
        self.slots.u64[(base + at.S_FIGURES_OF) // 8] = command.call
        self.slots.u64[base // 8] = command.call
        self.resume()

    def resume(self) -> None:
        """Take everything but the prompt's frames from the slot."""
        slots, base = self.slots, self.slots.base(self.slot)
        view, u32 = slots.view, slots.u32
        self.base, self.call = base, slots.u64[base // 8]
        self.sent_at, self.times_at, self.stats_at = (base + at.S_SENT) // 4, base + at.S_PACKET + 2, base + at.S_STATS
        (self.frame_bytes,) = _U16.unpack_from(view, base + at.S_FRAME_BYTES)
        self.packet = view[base + at.S_PACKET : base + at.S_PACKET + HEADER.size + self.frame_bytes]
        self.payload_type, self.dtmf_payload_type = view[base + at.S_PT], view[base + at.S_DTMF_PT]
        self.seq0, self.ssrc, ts0, frame0 = at.ORIGIN.unpack_from(view, base + at.S_SEQ0)
        self.ts_origin = (ts0 - frame0 * self.frame_bytes) & TS_MASK
        self.sent, self.latched = u32[self.sent_at], view[base + at.S_LATCHED] != 0
        ip, port = slots.remote(self.slot)
        self.remote = socket_address(self.is_v6, ip, port)
        self.ear = ear_of(slots, base)
        self.settle()
        received, highest, jitter = at.STATS.unpack_from(view, self.stats_at)
        first, self.remote_ssrc = at.STATS_BASE.unpack_from(view, base + at.S_STATS_BASE)
        self.account = StreamAccount(first, highest, received, jitter)
        self._resume_peer()
        count, ts = u32[(base + at.S_DIGITS) // 4], u32[(base + at.S_DIGITS) // 4 + 1]
        code = view[base + at.S_RING + (count - 1) % at.RING_BYTES]
        self.secret_keys = u32[(base + at.S_SECRET_KEYS) // 4]
        self.events = EventReceiver(count + self.secret_keys, ts, DIGITS.find(chr(code)))
        self.packet[1] = self.payload_type | (0 if self.sent else MARKER)
        self.packet[12:] = self._silence
        state = slots.play_state(self.slot)
        u32[(base + at.S_PLAYING) // 4] = self.playing = state.playing
        flags = view[base + at.S_FLAGS]
        self.repeat, self.barge_in = bool(flags & FLAG_REPEAT), bool(flags & FLAG_BARGE_IN)

    def _resume_peer(self) -> None:
        """Take from the slot where the peer's packets may come from, and when the last came."""
        view, base = self.slots.view, self.base
        (port,) = _U16.unpack_from(view, base + at.S_SIGNALLED_PORT)
        ip = bytes(view[base + at.S_SIGNALLED_IP : base + at.S_SIGNALLED_IP + 16])
        self.signalled = socket_address(self.is_v6, ip, port)
        count = view[base + at.S_NETWORK_COUNT]
        packed = bytes(view[base + at.S_NETWORKS : base + at.S_NETWORKS + 17 * count])
        self.networks = tuple(network_of(packed[index : index + 17]) for index in range(0, len(packed), 17))
        self.muxes_rtcp = view[base + at.S_RTCP_MUX] != 0
        direction = view[base + at.S_DIRECTION]
        self.sends, self.hears = not direction & FLAG_SENDS_NOT, not direction & FLAG_HEARS_NOT
        (self.heard_s,) = _F64.unpack_from(view, base + at.S_HEARD_AT)
        self.dead_air_s = self.slots.u32[(base + at.S_DEAD_AIR_MS) // 4] / 1000
        *_, self.dead_before_ms, dead = at.SILENCE.unpack_from(view, base + at.S_SILENCE)
        self.is_dead = bool(dead)
        self.seen = self.account.received

    def redirect(self, command: Redirect, tick: int, now_s: float) -> None:
        """Go on towards another remote end, or in another way; the next packet goes out from `tick` on."""
        base, view, u32 = self.base, self.slots.view, self.slots.u32
        frame_bytes = command.way.frame_ms * 8
        if frame_bytes != self.frame_bytes:
            played = ((self.sent - u32[(base + at.S_PLAY_START) // 4]) & TS_MASK) * self.frame_bytes // frame_bytes
            u32[(base + at.S_PLAY_START) // 4] = (self.sent - played) & TS_MASK
            frame = first_frame(self.slot, tick, frame_bytes)
            now = frame * frame_bytes // self.frame_bytes * self.frame_bytes
            ts = (self.ts_origin + now + self.frame_bytes) & TS_MASK
            at.ORIGIN.pack_into(view, base + at.S_SEQ0, self.seq0, self.ssrc, ts, frame)
        address = socket_address(self.is_v6, pack_ip(command.remote_host), command.remote_port)
        if address != self.signalled:
            self.unlatch()
            self.known = NOWHERE
        self._store_way(command, command.way)
        if command.way.hears and not self.hears:
            _F64.pack_into(view, base + at.S_HEARD_AT, now_s)  # the silence while we held is nobody's fault
        u32[(base + at.S_REDIRECTED) // 4] = command.number
        self.resume()

    def _store_way(self, command: Open | Redirect, way: StreamWay) -> None:
        base, view = self.slots.base(self.slot), self.slots.view
        ip = pack_ip(command.remote_host)
        if not view[base + at.S_LATCHED]:
            self.slots.set_remote(self.slot, ip, command.remote_port)
        view[base + at.S_SIGNALLED_IP : base + at.S_SIGNALLED_IP + 16] = ip
        _U16.pack_into(view, base + at.S_SIGNALLED_PORT, command.remote_port)
        _U16.pack_into(view, base + at.S_FRAME_BYTES, way.frame_ms * 8)
        view[base + at.S_PT] = command.payload_type
        dtmf = command.dtmf_payload_type
        view[base + at.S_DTMF_PT] = NO_DTMF if dtmf is None else dtmf
        view[base + at.S_DIRECTION] = (0 if way.sends else FLAG_SENDS_NOT) | (0 if way.hears else FLAG_HEARS_NOT)
        view[base + at.S_RTCP_MUX] = way.rtcp_mux
        _U16.pack_into(view, base + at.S_RTCP_PORT, 0)
        view[base + at.S_NETWORKS : base + at.S_NETWORKS + 136] = pack_networks(way.networks)
        view[base + at.S_NETWORK_COUNT] = len(way.networks)

    def close(self) -> None:
        """Free the slot and forget the peer."""
        self.slots.u64[self.base // 8] = 0
        if self.latched:
            disconnect(self.sock)

    # -- plays ----------------------------------------------------------------------------------------------------

    def play(self, command: Play) -> None:
        """Store a play as the one that is heard; its frames are set by whoever has them."""
        base, u32 = self.base, self.slots.u32
        u32[(base + at.S_PLAYING) // 4] = 0
        key_at = base + at.S_PROMPT_KEY
        self.slots.view[key_at : key_at + 16] = bytes.fromhex(command.key)
        flags = (FLAG_REPEAT if command.repeat else 0) | (FLAG_BARGE_IN if command.barge_in else 0)
        at.PLAY.pack_into(self.slots.view, base + at.S_PLAY_START, self.sent, command.digits_seen, flags)
        u32[(base + at.S_PLAYING) // 4] = self.playing = command.number
        self.repeat, self.barge_in = command.repeat, command.barge_in

    @property
    def key(self) -> str:
        """The key of the prompt played last."""
        key_at = self.base + at.S_PROMPT_KEY
        return self.slots.view[key_at : key_at + 16].hex()

    @property
    def interrupted(self) -> bool:
        """Whether a digit that the flow has not had forbids the play to go on."""
        seen = self.slots.u32[(self.base + at.S_DIGITS_SEEN) // 4]
        is_keyed = self.entry is not None and self.entry.is_touched
        return self.barge_in and (is_keyed or self.events.count - self.secret_keys > seen)

    def set_frames(self, frames: list[bytes]) -> bool:
        """Go on with the play where the slot says; False when its last frame is out."""
        played = (self.sent - self.slots.u32[(self.base + at.S_PLAY_START) // 4]) & TS_MASK
        if played >= len(frames) and not self.repeat:
            return False
        self.frames, self.position = frames, played % len(frames) - len(frames)
        return True

    def finish(self, reason: FinishReason) -> int:
        """End what plays; returns its number, 0 when nothing did."""
        number = self.playing
        if number:
            self.slots.u64[(self.base + at.S_FINISHED) // 8] = reason.value << 32 | number
            self.slots.u32[(self.base + at.S_PLAYING) // 4] = self.playing = 0
        self.silence()
        return number

    def silence(self) -> None:
        """Play nothing."""
        self.frames = None
        self.packet[12:] = self._silence

    def say(self, audio: bytes | None) -> None:
        """Let the next packet carry this frame; None for silence."""
        self.packet[12:] = audio if audio is not None else self._silence

    @property
    def _silence(self) -> bytes:
        return SILENCE.get(self.payload_type, SILENCE[0]) * self.frame_bytes

    @property
    def redirected(self) -> int:
        """The number of the last `Redirect` that took effect."""
        return self.slots.u32[(self.base + at.S_REDIRECTED) // 4]

    @property
    def applied(self) -> int:
        """The number of the last command that took effect."""
        return self.slots.u32[(self.base + at.S_APPLIED) // 4]

    @applied.setter
    def applied(self, number: int) -> None:
        self.slots.u32[(self.base + at.S_APPLIED) // 4] = number

    # -- the peer -------------------------------------------------------------------------------------------------

    def accepts(self, host: str) -> bool:
        """Whether packets may come from this address at all."""
        if not self.networks:
            return host == self.signalled[0]
        value = int.from_bytes(pack_ip(host))
        return any(value & mask == network for network, mask in self.networks)

    def follow(self, source: tuple[str, int], seq: int, ts: int, ssrc: int) -> None:
        """Take and answer this source from here on; a stream that is already known by its SSRC just goes on."""
        self.source, self.learned, self.remote = source[:2], 0, source[:2]
        self.slots.set_remote(self.slot, pack_ip(source[0]), source[1])
        if not self.account.received:
            self.remote_ssrc = ssrc
            self.account.start(seq)
            self.store_base()
        elif ssrc != self.remote_ssrc:
            self.adopt(ssrc, seq, ts)

    def latch(self, source: tuple[str, int]) -> None:
        """Hear this address alone; the kernel sees to it. `OSError` when it cannot."""
        self.sock.connect(source)
        self.slots.view[self.base + at.S_LATCHED] = 1
        self.latched = True
        self.settle()

    def settle(self) -> None:
        """See whether packets that come need more than counting."""
        self.is_plain = self.latched and self.recording is None and self.ear is None

    def connect_again(self) -> None:
        """A latched socket may have been bound anew, when supervisor and media died together."""
        if self.latched:
            try:
                self.sock.connect(self.remote)
            except OSError:  # no way to the peer now; whoever it is then is learnt again
                self.unlatch()

    def unlatch(self) -> None:
        """Hear whoever may be the peer; it is answered where it was until then."""
        if self.latched:
            self.known = self.remote
        disconnect(self.sock)
        self.slots.view[self.base + at.S_LATCHED] = 0
        self.latched = self.is_plain = False
        self.source, self.learned = None, 0

    def adopt(self, ssrc: int, seq: int, ts: int) -> None:
        """The peer's stream has another SSRC from here on: new sequence, new clock, the same counts."""
        self.remote_ssrc, self.other_ssrc = ssrc, -1
        self.account.start(seq)
        self.store_base()
        self.events.start(ts)
        self.store_digits()

    def store_base(self) -> None:
        """Store where the counting of received packets begins."""
        account = self.account
        at.STATS_BASE.pack_into(self.slots.view, self.base + at.S_STATS_BASE, account.base & TS_MASK, self.remote_ssrc)

    def add_digit(self) -> int:
        """Store the key that `events` has just counted: in the ring first, then the count, which is returned."""
        ring_at = self.base + at.S_RING + (self.events.count - self.secret_keys - 1) % at.RING_BYTES
        self.slots.view[ring_at] = ord(DIGITS[self.events.code])
        self.store_digits()
        return self.events.count - self.secret_keys

    def store_digits(self) -> None:
        """Store the count of keys and the timestamp of the last in one word."""
        self.slots.u64[(self.base + at.S_DIGITS) // 8] = self.events.ts << 32 | self.events.count - self.secret_keys

    def bump(self, counter: int) -> None:
        """Count one up in the slot (S_LATE, S_IGNORED, S_SEND_FAILED)."""
        index = (self.base + counter) // 4
        self.slots.u32[index] = (self.slots.u32[index] + 1) & TS_MASK

    def is_out(self, frame: int) -> bool | None:
        """Whether the packet of `frame` was sent; None when its header was stored and the count was not."""
        _, _, seq, ts, _ = HEADER.unpack_from(self.packet)
        if ts != (self.ts_origin + frame * self.frame_bytes) & TS_MASK:
            return False
        if seq == (self.seq0 + self.sent) & SEQ_MASK:
            return None
        return self.sent > 0 and seq == (self.seq0 + self.sent - 1) & SEQ_MASK


def first_frame(slot: int, tick: int, frame_bytes: int) -> int:
    """The number of the first frame that a slot sends from `tick` on."""
    ticks = frame_bytes // TICK_UNITS
    return (tick + (slot - tick) % ticks) // ticks
