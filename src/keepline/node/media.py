"""The media process: every 20 ms a packet to every caller, and an ear for theirs (RFC 3550, RFC 4733).

One epoll, a timer of 2 ms, ten phases: slot i sends in the ticks that leave i modulo 10. Time is counted in ticks
from the node's anchor, so that a successor counts the same ones. All that a successor needs is in the slots
(`slots.py`); this object holds what can be made from them.

It refuses to know calls: it plays, listens and tells. It opens no socket, keeps no log, waits for no answer. A late
wake-up makes good what it missed, packet by packet, up to `MEDIA_CATCH_UP_TICKS_MAX`; past that the timestamps jump
by the gap in whole frames, the sequence never does.
"""

import gc
import os
import select
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from socket import MSG_DONTWAIT, MSG_PEEK, socket
from time import monotonic
from typing import Final

from keepline.model.errors import LocalError
from keepline.model.limits import (
    MEDIA_CATCH_UP_TICKS_MAX,
    MEDIA_COMMANDS_PER_WAKE_MAX,
    MEDIA_EVENTS_WAITING_MAX,
    MEDIA_RECORDS_PER_DATAGRAM_MAX,
)
from keepline.node.media_bridges import Bridges
from keepline.node.media_inband import deafen
from keepline.node.media_kernel import timerfd_create, timerfd_set
from keepline.node.media_prompts import PromptCache
from keepline.node.media_recorder import RECORDINGS, Recorder
from keepline.node.media_rtcp import Rtcp
from keepline.node.media_rtp import LOOK_S, RtpStreams
from keepline.node.media_secrets import MediaSecrets
from keepline.node.media_stream import Stream
from keepline.node.mediawire import (
    DATAGRAM_BYTES_MAX,
    Bridge,
    Close,
    Closed,
    Command,
    Deafen,
    Event,
    FinishReason,
    MediaStarted,
    Open,
    Play,
    Record,
    RecordEnd,
    Redirect,
    StopPlay,
    StopRecord,
    Unbridge,
    decode_commands,
    encode_events,
)
from keepline.node.secretwire import SecretCommand
from keepline.node.slots import H_MEDIA_TICK, Slots
from keepline.succession.epochs import is_over

TICKS_PER_S: Final = 500
TICKS_PER_WAKE: Final = 2
"""A frame of 20 ms goes out at the same wake each time, so that is no jitter, and half of the wakes are saved."""
IDLE_S: Final = 0.15
"""The longest sleep, and so the age of a healthy heartbeat; with a stream open the timer wakes it at every tick."""


class MediaLoop:
    """The loop; made and run in one process, which gives it descriptors that outlive it.

    `rtp_sockets[i]` belongs to slot i and was bound to its port by number: the kernel takes a port of its own choice
    back when a socket is disconnected. `commands` is media's end of the SOCK_SEQPACKET pair. All are non-blocking from
    here on. `extra_fds` are watched as with `add_reader`. `rtcp_sockets[i]`, where there are any, is of the port above.
    """

    def __init__(
        self,
        slots: Slots,
        rtp_sockets: list[socket],
        commands: socket,
        prompts_dir: Path,
        extra_fds: Mapping[int, Callable[[], None]] = {},
        rtcp_sockets: Sequence[socket] = (),
    ) -> None:
        if len(rtp_sockets) != slots.count:
            raise LocalError(f"{len(rtp_sockets)} RTP sockets for {slots.count} slots")
        if len(rtcp_sockets) not in (0, slots.count):
            raise LocalError(f"{len(rtcp_sockets)} RTCP sockets for {slots.count} slots")
        self._rtcp = Rtcp(slots, rtcp_sockets)
        self._slots = slots
        self._streams = RtpStreams(slots, rtp_sockets, PromptCache(prompts_dir), self._rtcp, self._tell)
        self._recorder = Recorder(slots, self._streams, prompts_dir.parent / RECORDINGS, self._tell)
        self._bridges = Bridges(slots, self._streams)
        self._secrets = MediaSecrets(slots, self._tell, self._streams.finish, self._send_secret)
        self._streams.take_private = self._secrets.key
        self._commands = commands
        self._epoll = select.epoll()
        self._timer_fd = timerfd_create()
        self._readers: dict[int, Callable[[], None]] = {}
        self._next_tick = 0
        self._next_look_s = 0.0
        self._armed = False
        self._stopping = False
        self._events: deque[Event] = deque()
        self.refused = 0
        """Datagrams and commands that were of an older epoch, or made no sense."""
        commands.setblocking(False)
        for sock in rtp_sockets:
            sock.setblocking(False)
        self.add_reader(self._timer_fd, self._read_timer)
        self.add_reader(commands.fileno(), self._read_commands)
        for fd, callback in extra_fds.items():
            self.add_reader(fd, callback)

    def add_reader(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back between two ticks whenever `fd` is readable; it must be quick and must not block."""
        self._readers[fd] = callback
        self._epoll.register(fd, select.EPOLLIN)

    def remove_reader(self, fd: int) -> None:
        """No longer watch `fd`, which must still be open."""
        del self._readers[fd]
        self._epoll.unregister(fd)

    def stop(self) -> None:
        """Make `run` return within `IDLE_S`; callable from another thread or a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Take over whatever the slots hold and serve it until `stop`; the slots stay as they are."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._take_over()
            while not self._stopping:
                self._wake(self._epoll.poll(IDLE_S))
        finally:
            self.close()
            if collecting:
                gc.enable()

    def close(self) -> None:
        """Let go of the kernel's objects and of the slots' memory; `run` does so when it returns."""
        self._epoll.close()
        self._recorder.close(monotonic())
        self._streams.close()
        self._rtcp.close()
        os.close(self._timer_fd)

    def _wake(self, ready: list[tuple[int, int]]) -> None:
        now_s = monotonic()
        self._slots.media_heartbeat_s = now_s
        if self._armed and self._run_ticks(now_s):
            self._streams.receive(now_s)
            self._rtcp.tick(now_s)
        for fd, _ in ready:
            callback = self._readers.get(fd)
            if callback is not None:
                callback()
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_S
            self._streams.look(now_s)
            self._recorder.look(now_s)
        if self._events:
            self._send_events()

    # -- time -----------------------------------------------------------------------------------------------------

    def _tick_at(self, monotonic_s: float) -> int:
        return int((monotonic_s - self._slots.monotonic_anchor_s) * TICKS_PER_S)

    def _run_ticks(self, now_s: float) -> bool:
        """Do what is due; False where nothing was, and word of calls has woken us in between."""
        tick, last = self._next_tick, self._tick_at(now_s)
        if tick > last:
            return False
        if last - tick > MEDIA_CATCH_UP_TICKS_MAX:
            tick = last
            self._slots.media_tick = tick - 1
        send_tick, done, index = self._streams.send_tick, self._slots.u64, H_MEDIA_TICK // 8
        while tick <= last:
            send_tick(tick)
            done[index] = tick
            tick += 1
        self._next_tick = tick
        return True

    def _arm(self, armed: bool) -> None:
        self._armed = armed
        if armed:
            self._next_tick = self._tick_at(monotonic()) + 1
            first_s = self._slots.monotonic_anchor_s + self._next_tick / TICKS_PER_S
            timerfd_set(self._timer_fd, first_s, TICKS_PER_WAKE / TICKS_PER_S)
        else:
            timerfd_set(self._timer_fd, 0, 0)

    def _read_timer(self) -> None:
        try:
            os.read(self._timer_fd, 8)
        except BlockingIOError:  # disarmed meanwhile
            return

    # -- commands and events --------------------------------------------------------------------------------------

    def _read_commands(self) -> None:
        """Apply what is waiting. A batch leaves the queue after it took effect, so that no death loses it."""
        for _ in range(MEDIA_COMMANDS_PER_WAKE_MAX):
            try:
                data = self._commands.recv(DATAGRAM_BYTES_MAX, MSG_PEEK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:  # nobody is left to command us; the callers stay
                self.remove_reader(self._commands.fileno())
                return
            try:
                epoch, commands = decode_commands(data)
            except LocalError:
                epoch, commands = -1, []
            if is_over(epoch, self._slots.calls_epoch):
                self.refused += 1
            else:
                for command in commands:
                    self._apply(command)
            self._commands.recv(1)

    def _apply(self, command: Command) -> None:
        if command.slot >= self._slots.count:
            self.refused += 1
            return
        stream = self._streams.find(command.slot)
        if isinstance(command, Open):
            self._open(command, stream)
        elif isinstance(command, Close):
            self._close(command, stream)
        elif isinstance(command, StopRecord):
            self._recorder.stop(command, stream, monotonic())
        elif isinstance(command, SecretCommand):
            self.refused += not self._secrets.apply(command, stream, monotonic())
        elif isinstance(command, Redirect | Record | Bridge | Unbridge | Deafen):
            if stream is None or command.call != stream.call or not self._change(stream, command):
                self.refused += 1
        elif stream is None or command.call != stream.call or not _is_new(command, stream.applied):
            self.refused += 1
        else:
            if isinstance(command, Play):
                stream.silence()
                stream.play(command)
                self._streams.continue_play(stream)
            else:
                self._streams.finish(stream, FinishReason.STOPPED)
            stream.applied = command.number

    def _change(self, stream: Stream, command: Redirect | Record | Bridge | Unbridge | Deafen) -> bool:
        if isinstance(command, Record):
            return self._recorder.begin(stream, command, monotonic())
        if isinstance(command, Bridge):
            return self._bridges.begin(stream, command)
        if isinstance(command, Unbridge):
            return self._bridges.end(stream, command)
        if isinstance(command, Deafen):
            deafen(self._slots, stream.base)
            stream.ear = None
            stream.settle()
            return True
        if command.number <= stream.redirected:
            return False
        self._streams.redirect(stream, command, self._next_tick, monotonic())
        self._bridges.redirected(stream)
        return True

    def _open(self, command: Open, stream: Stream | None) -> None:
        if stream is not None:
            if stream.call == command.call:
                return
            self._end(stream)
        if not self._armed:
            self._arm(True)
            self._slots.media_tick = self._next_tick - 1
        self._bridges.opened(self._streams.open(command, self._next_tick, monotonic()))

    def _close(self, command: Close, stream: Stream | None) -> None:
        """Whatever the slot carries, the answer is the same: it is not this call, and never will be again."""
        if stream is not None and stream.call == command.call:
            self._end(stream)
            stream.close()
            if not self._streams:
                self._arm(False)
        self._tell(Closed(command.call, command.slot, command.number))

    def _end(self, stream: Stream) -> None:
        now_s = monotonic()
        self._streams.take_the_rest(stream, now_s)
        self._recorder.end(stream, RecordEnd.CLOSED, now_s)
        self._bridges.closed(stream)
        self._secrets.close(stream)
        self._streams.end(stream, now_s)

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        if len(self._events) > MEDIA_EVENTS_WAITING_MAX:
            self._events.clear()
            self._slots.events_overflow = True

    def _send_events(self) -> None:
        while self._events:
            batch = list(islice(self._events, MEDIA_RECORDS_PER_DATAGRAM_MAX))
            (data,) = encode_events(self._slots.media_epoch, batch)
            try:
                self._commands.send(data, MSG_DONTWAIT)
            except OSError:  # nobody reads now; whoever comes will find them here, or the overflow mark
                return
            for _ in batch:
                self._events.popleft()

    def _send_secret(self, datagram: bytearray) -> None:
        """At once or not at all: what waits would be in memory that nobody overwrites."""
        with suppress(OSError):
            self._commands.send(datagram, MSG_DONTWAIT)

    # -- succession -----------------------------------------------------------------------------------------------

    def _take_over(self) -> None:
        """Go on with every open slot: finish the tick in which the predecessor died, then make good the gap."""
        slots = self._slots
        slots.media_epoch += 1
        slots.media_heartbeat_s = monotonic()
        for slot in slots.open_slots():
            stream = self._streams.resume(slot, monotonic())
            self._secrets.resume(stream, monotonic())
            self._recorder.resume(stream)
        self._bridges.resume()
        self._tell(MediaStarted(slots.media_epoch))
        if not self._streams:
            return
        interrupted = slots.media_tick + 1
        self._arm(True)
        behind = self._next_tick - 1 - interrupted
        if behind < 0:  # the predecessor had done all there was to do
            self._next_tick = interrupted
            return
        late = behind > MEDIA_CATCH_UP_TICKS_MAX
        self._streams.finish_tick(interrupted, late)
        if not late:
            self._next_tick = interrupted + 1
        slots.media_tick = self._next_tick - 1


def _is_new(command: Play | StopPlay, applied: int) -> bool:
    """A stop has the number of the last play that it means."""
    return command.number > applied or (command.number == applied and isinstance(command, StopPlay))
