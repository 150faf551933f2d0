"""Media's packets: one out of each open slot in its phase, one in from each port that has any.

The two loops here are the hottest of the node: 100 packets a second for each call. They work on a stream's fields
directly, call nothing they need not, and leave every rare case to a method. They refuse to raise: what the network
says (a closed port, a full queue) is counted in the slot.
"""

import select
from collections.abc import Callable, Iterable
from socket import socket
from struct import Struct
from typing import Final

from keepline.model.limits import RTP_DRAIN_MAX, RTP_PACKET_BYTES_MAX, RTP_RECEIVE_PER_TICK_MAX
from keepline.node.media_bridge_end import BridgeEnd
from keepline.node.media_groups import Group, Groups
from keepline.node.media_latch import is_peer
from keepline.node.media_prepare import prepare
from keepline.node.media_private import hide_digit, is_deaf
from keepline.node.media_prompts import PromptCache
from keepline.node.media_recording import StreamRecording
from keepline.node.media_rtcp import Rtcp
from keepline.node.media_silence import LOOKS_PER_S, hush, look
from keepline.node.media_sockets import is_version_6
from keepline.node.media_stream import Stream
from keepline.node.mediawire import DigitsReceived, Event, FinishReason, Open, PlayFinished, Redirect
from keepline.node.slots import S_IGNORED, S_LATE, S_SEND_FAILED, STATS, Slots
from keepline.rtp.dtmf import DIGITS, END, PAYLOAD_BYTES
from keepline.rtp.packet import HEADER, HEADER_BYTES, MARKER, SEQ_MASK, TS_MASK, Order, payload_bounds
from keepline.rtp.rtcp import PACKET_TYPES

TICKS_PER_S: Final = 500
PHASES: Final = 10
"""Slot i sends in the ticks that leave i modulo 10, in frames of 20 ms."""
LOOK_S: Final = 1 / (PHASES * LOOKS_PER_S)
"""Each look for silence takes in a tenth of the streams."""
_CLOCK_HZ: Final = 8_000
_TIMES: Final = Struct("!HI")
"""Sequence and timestamp."""


class RtpStreams:
    """The open slots as streams. `tell` takes what `calls` should know; the slot says it already."""

    def __init__(
        self, slots: Slots, sockets: list[socket], prompts: PromptCache, rtcp: Rtcp, tell: Callable[[Event], None]
    ) -> None:
        self._slots = slots
        self._sockets = sockets
        self._is_v6 = [is_version_6(sock) for sock in sockets]
        self._prompts = prompts
        self._rtcp = rtcp
        self._tell = tell
        self._epoll = select.epoll()
        self._by_fd: dict[int, Stream] = {}
        self._groups = Groups()
        self._looks: list[list[Stream]] = [[] for _ in range(PHASES)]
        self._looks_done = 0
        self._buffer = bytearray(RTP_PACKET_BYTES_MAX + 1)
        self._view = memoryview(self._buffer)
        self.take_private: Callable[[Stream, str], None]
        """Where a key goes while keys are private; set before the first stream opens."""

    def __len__(self) -> int:
        return len(self._by_fd)

    def close(self) -> None:
        """Let go of the epoll and of the slots' memory; what is in it and the sockets stay as they are."""
        self._epoll.close()
        for stream in self._by_fd.values():
            stream.packet.release()
        self._by_fd.clear()

    def find(self, slot: int) -> Stream | None:
        """The stream of a slot, None while it is free."""
        return self._by_fd.get(self._sockets[slot].fileno())

    def open(self, command: Open, tick: int, now_s: float) -> Stream:
        """Begin a stream whose first packet goes out at the first tick of its phase from `tick` on."""
        stream = Stream(self._slots, command.slot, self._sockets[command.slot], self._is_v6[command.slot])
        stream.open(command, tick, now_s)
        self._add(stream)
        self._rtcp.add(stream, now_s)
        return stream

    def redirect(self, stream: Stream, command: Redirect, tick: int, now_s: float) -> None:
        """Let a stream go on another way."""
        self.remove(stream)
        look(stream, now_s)
        hush(stream, now_s)
        stream.silence()
        stream.redirect(command, tick, now_s)
        self._add(stream)
        self.continue_play(stream)

    def resume(self, slot: int, now_s: float) -> Stream:
        """Go on with the stream and the play that an earlier process left in a slot."""
        stream = Stream(self._slots, slot, self._sockets[slot], self._is_v6[slot])
        stream.resume()
        stream.connect_again()
        self._add(stream)
        self._rtcp.add(stream, now_s)
        self.continue_play(stream)
        return stream

    def remove(self, stream: Stream) -> None:
        """Stop sending and listening; the slot is left as it is."""
        fd = stream.sock.fileno()
        del self._by_fd[fd]
        self._looks[stream.slot % PHASES].remove(stream)
        self._groups.remove(stream)
        self._epoll.unregister(fd)

    def _add(self, stream: Stream) -> None:
        fd = stream.sock.fileno()
        self._by_fd[fd] = stream
        self._looks[stream.slot % PHASES].append(stream)
        self._groups.add(stream)
        self._epoll.register(fd, select.EPOLLIN)

    def look(self, now_s: float) -> None:
        """Look at a tenth of the streams for silence; every `LOOK_S`."""
        self._looks_done += 1
        for stream in self._looks[self._looks_done % PHASES]:
            event = look(stream, now_s)
            if event is not None:
                self._tell(event)

    # -- recordings, bridges --------------------------------------------------------------------------------------

    def record(self, stream: Stream, recording: StreamRecording | None) -> None:
        """Record a stream from here on, or no longer."""
        self.remove(stream)
        stream.recording = recording
        stream.settle()
        self._add(stream)

    def bridge(self, stream: Stream, end: BridgeEnd | None) -> None:
        """Have a stream say what another hears, or no longer."""
        self.remove(stream)
        stream.bridge = end
        stream.settle()
        self._add(stream)

    @property
    def all(self) -> Iterable[Stream]:
        """Every open stream."""
        return self._by_fd.values()

    @property
    def recorded(self) -> list[Stream]:
        """The streams that are being recorded."""
        return [stream for stream in self._by_fd.values() if stream.recording is not None]

    # -- plays ----------------------------------------------------------------------------------------------------

    def continue_play(self, stream: Stream) -> None:
        """Give a stream the frames of what the slot says it plays, or finish the play."""
        if not stream.playing:
            return
        if stream.interrupted:
            self.finish(stream, FinishReason.DIGIT)
            return
        frames = self._prompts.get(stream.key, stream.payload_type, stream.frame_bytes)
        if frames is None:
            self.finish(stream, FinishReason.FAILED)
        elif not stream.set_frames(frames):
            self.finish(stream, FinishReason.ENDED)

    def finish(self, stream: Stream, reason: FinishReason) -> None:
        """End what plays, if anything does."""
        number = stream.finish(reason)
        if number:
            self._tell(PlayFinished(stream.call, stream.slot, number, reason))

    # -- sending --------------------------------------------------------------------------------------------------

    def send_tick(self, tick: int) -> None:
        """Send the packets of one tick."""
        for group in self._groups:
            frame, phase = divmod(tick, group.ticks)
            streams = group.phases[phase]
            if group.is_prepared:
                streams = prepare(streams, self._slots.monotonic_anchor_s + tick / TICKS_PER_S, frame * group.bytes)
            self._send(group, streams, frame)

    def finish_tick(self, tick: int, late: bool) -> None:
        """Finish the tick in which a predecessor died; `late` when it is too long ago to make it good."""
        for group in self._groups:
            frame, index = divmod(tick, group.ticks)
            phase = [(stream, stream.is_out(frame)) for stream in group.phases[index]]
            # A packet that may be out is sent again, the same in every byte: once too often does no harm, a gap would.
            self._send(group, [stream for stream, out in phase if out is None], frame)
            if not late:
                self._send(group, [stream for stream, out in phase if out is False], frame)

    def _send(self, group: Group, streams: Iterable[Stream], frame: int) -> None:
        """Send the packet of `frame` on each stream: header and payload, then the packet, then the count."""
        view, sent_counts = self._slots.view, self._slots.u32
        pack_times, pack_all = _TIMES.pack_into, group.pack_all
        units = frame * group.bytes
        for stream in streams:
            sent = stream.sent
            frames = stream.frames
            seq, ts = (stream.seq0 + sent) & 0xFFFF, (stream.ts_origin + units) & 0xFFFFFFFF
            if frames is None:
                pack_times(view, stream.times_at, seq, ts)
            else:
                pack_all(view, stream.times_at, seq, ts, stream.ssrc, frames[stream.position])
            try:
                if stream.latched:
                    stream.sock.send(stream.packet)
                else:
                    stream.sock.sendto(stream.packet, stream.remote)
            except OSError:
                self._send_failed(stream)
            stream.sent = sent = (sent + 1) & 0xFFFFFFFF
            sent_counts[stream.sent_at] = sent
            if sent == 1:
                stream.packet[1] = stream.payload_type
            if frames is not None:
                stream.position = position = stream.position + 1
                if not position:
                    self._played(stream)

    def _send_failed(self, stream: Stream) -> None:
        # The error of an earlier packet (a closed port, ICMP) is told at this one, which was not sent. It is cleared by
        # the telling, so once more. Whatever fails then is lost, as in any network.
        try:
            if stream.latched:
                stream.sock.send(stream.packet)
            else:
                stream.sock.sendto(stream.packet, stream.remote)
        except OSError:
            stream.bump(S_SEND_FAILED)

    def _played(self, stream: Stream) -> None:
        if stream.repeat and stream.frames is not None:
            stream.position = -len(stream.frames)
        else:
            self.finish(stream, FinishReason.ENDED)

    # -- receiving ------------------------------------------------------------------------------------------------

    def receive(self, now_s: float) -> None:
        """Take one packet from each port that has any; the next tick, 2 ms away, takes the next."""
        streams, buffer, view = self._by_fd, self._buffer, self._slots.view
        unpack, pack_stats, audio = HEADER.unpack_from, STATS.pack_into, self._view
        arrival = int(now_s * _CLOCK_HZ)
        for fd, _ in self._epoll.poll(0, RTP_RECEIVE_PER_TICK_MAX):
            stream = streams[fd]
            try:
                if not stream.is_plain:
                    self._receive_from_anybody(stream, arrival)
                    continue
                length = stream.sock.recv_into(buffer)
            except OSError:  # the error of a packet sent to a closed port, told here and so cleared
                continue
            first, second, seq, ts, ssrc = unpack(buffer)
            account = stream.account
            if (
                first == 0x80
                and second & 0x7F == stream.payload_type
                and ssrc == stream.remote_ssrc
                and 12 <= length <= 1_500
            ):
                order = account.count(seq, (arrival - ts) & 0xFFFFFFFF)
                if order:
                    self._counted(stream, order)
                if stream.bridge is not None and stream.entry is None:
                    stream.bridge.hear(stream.payload_type, ssrc, ts, bytes(audio[12:length]))
            elif not self._receive_other(stream, length, arrival):
                stream.bump(S_IGNORED)
                continue
            elif stream.bridge is not None:
                self._pass_on(stream, length, now_s)
            pack_stats(view, stream.stats_at, account.received, account.highest & 0xFFFFFFFF, account.jitter)

    def take_the_rest(self, stream: Stream, now_s: float) -> None:
        """Take what is queued for a stream, packet by packet: what a stranger has put there is left out."""
        arrival = int(now_s * _CLOCK_HZ)
        for _ in range(RTP_DRAIN_MAX):
            try:
                self._receive_from_anybody(stream, arrival)
            except BlockingIOError:
                return
            except OSError:
                continue

    def end(self, stream: Stream, now_s: float) -> None:
        """Remove a stream whose call is over, its figures complete, its goodbye said."""
        self.take_the_rest(stream, now_s)
        look(stream, now_s)
        self._rtcp.remove(stream, now_s)
        self.remove(stream)

    def _receive_from_anybody(self, stream: Stream, arrival: int) -> None:
        """Take one packet, having looked where it comes from. `OSError` as of the socket."""
        length, source = stream.sock.recvfrom_into(self._buffer)
        was_latched = stream.latched
        is_peers = is_peer(stream, source, self._buffer, length, arrival / _CLOCK_HZ, self._tell)
        if is_peers and self._receive_other(stream, length, arrival):
            account = stream.account
            highest = account.highest & TS_MASK
            STATS.pack_into(self._slots.view, stream.stats_at, account.received, highest, account.jitter)
            if stream.recording is not None or stream.bridge is not None or stream.ear is not None:
                self._pass_on(stream, length, arrival / _CLOCK_HZ)
        else:
            stream.bump(S_IGNORED)
        if stream.latched and not was_latched:
            self.take_the_rest(stream, arrival / _CLOCK_HZ)

    def _pass_on(self, stream: Stream, length: int, now_s: float) -> None:
        """Give audio of the peer's to whoever else it is for."""
        bounds = payload_bounds(self._buffer, length)
        _, second, seq, ts, ssrc = HEADER.unpack_from(self._buffer)
        if bounds is None or ssrc != stream.remote_ssrc:
            return
        kind, payload = second & 0x7F, bytes(self._buffer[bounds[0] : bounds[1]])
        if stream.ear is not None and kind == stream.payload_type:
            for key in stream.ear.hear(ssrc, seq, ts, payload, is_private=stream.entry is not None):
                stream.events.press(key, ts)
                self.keyed(stream)
        if is_deaf(stream, now_s):
            return  # a key's tone is for nobody
        if stream.bridge is not None and kind == stream.payload_type:
            stream.bridge.hear(kind, ssrc, ts, payload)
        elif stream.bridge is not None and kind == stream.dtmf_payload_type:
            stream.bridge.hear_event(ts, payload)
        if stream.recording is not None and kind == stream.recording.payload_type:
            stream.recording.hear(ts, payload, now_s)

    def _receive_other(self, stream: Stream, length: int, arrival: int) -> bool:
        """All that is not plain audio of the known source; False when it is nothing to us."""
        if length >= HEADER_BYTES and self._buffer[1] in PACKET_TYPES and stream.muxes_rtcp:
            return self._rtcp.take(stream, bytes(self._buffer[:length]), arrival / _CLOCK_HZ)
        bounds = payload_bounds(self._buffer, length)
        if bounds is None or length > RTP_PACKET_BYTES_MAX:
            return False
        _, second, seq, ts, ssrc = HEADER.unpack_from(self._buffer)
        if ssrc != stream.remote_ssrc:
            # One packet of another SSRC is a stray; two in a row are a peer that began anew (RFC 3550 A.1).
            if ssrc != stream.other_ssrc or seq != stream.other_seq:
                stream.other_ssrc, stream.other_seq = ssrc, (seq + 1) & SEQ_MASK
                return False
            stream.adopt(ssrc, seq, ts)
        kind = second & 0x7F
        transit = (arrival - ts) & TS_MASK if kind == stream.payload_type else -1
        order = stream.account.count(seq, transit)
        if order:
            self._counted(stream, order)
        if kind == stream.dtmf_payload_type and order != Order.ASTRAY and bounds[1] - bounds[0] >= PAYLOAD_BYTES:
            self._event(stream, ts, second >= MARKER, bounds[0])
            return True
        return kind in (stream.payload_type, stream.dtmf_payload_type)

    def _counted(self, stream: Stream, order: int) -> None:
        if order == Order.RESTARTED:
            stream.store_base()
        else:
            stream.bump(S_LATE if order == Order.LATE else S_IGNORED)

    def _event(self, stream: Stream, ts: int, marker: bool, at: int) -> None:
        code, end = self._buffer[at], self._buffer[at + 1] >= END
        duration = int.from_bytes(self._buffer[at + 2 : at + 4])
        before = stream.events.ts
        if stream.events.update(ts, marker, code, end, duration):
            self.keyed(stream)
        elif stream.events.ts != before:
            stream.store_digits()

    def keyed(self, stream: Stream) -> None:
        """Take the key that a stream's `events` has just counted, for the ring or for an entry."""
        if stream.entry is not None:
            hide_digit(stream)
            self.take_private(stream, DIGITS[stream.events.code])
        else:
            self._tell(DigitsReceived(stream.call, stream.slot, stream.add_digit()))
        if stream.barge_in and (stream.entry is None or stream.entry.interrupts):
            self.finish(stream, FinishReason.DIGIT)
