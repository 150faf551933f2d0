"""The crowd: every caller of one process, on one SIP socket, one epoll loop, ten slots of 2 ms for sending RTP.

RTP is read in batches once a slot; the kernel has stamped it already. Nothing is done per packet that could be done per
call.
"""

import gc
import heapq
import os
import random
import resource
import select
import time
from array import array
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from callers_rtp import GAP_BUCKETS, Receiver, Sender, open_rtp_socket, open_socket
from callers_sip import Caller, Message, Script, State, parse, response_to
from callers_verdict import Expectation, Frames

SLOTS = 10
SLOT_S = 0.002
BEHIND_SLOTS_MAX = 10
"""A sender this late skips the slots it missed instead of sending a burst."""
STALL_S = 0.03
STALLS_KEPT_MAX = 1000
SIP_BATCH = 64
STARTS_A_SLOT_MAX = 5
SIP_BUFFER_BYTES = 4 << 20
PORT_RESTS_S = 2.0
"""After a call: as with real phones, nobody else is there yet for what the other side still sends."""
FINISHED_KEPT_MAX = 20_000
"""Ended calls that still answer the peer's retransmissions."""
AUDIO_POOL = 50
RTP_MODES = {"noise": 1, "silence": 1, "light": 50, "receive-only": 0, "none": 0}
"""How often audio is sent, in ticks of 20 ms; 0 is never, digits aside."""


@dataclass(slots=True)
class Plan:
    """What the crowd is to do."""

    user: str
    target_host: str
    target_port: int
    host: str = "127.0.0.1"
    concurrent: int = 0
    """Live calls at most; 0 is no limit."""
    rate: float = 0.0
    """New calls a second; 0 is as fast as `concurrent` allows."""
    calls: int = 0
    """Calls to make; 0 is no limit."""
    seconds: float = 0.0
    """How long new calls are made; 0 is no limit."""
    drain_s: float = 60.0
    """How long live calls may last after the last new one; then they are hung up."""
    rtp: str = "noise"
    codec: int = 0
    port_base: int = 0
    sip_port: int = 0
    """Where its own SIP comes in; 0 lets the kernel choose."""
    keep_audio_s: float = 120.0
    digit_packets: int = 5
    """How long a key is held, in packets of 20 ms."""
    seed: int = 0
    expect: Expectation = field(default_factory=Expectation)
    prompts: dict[str, Frames] = field(default_factory=dict)


class Leg:
    """The media of one call."""

    __slots__ = ("receiver", "sender", "slot", "sock")

    def __init__(self, sock: Any, receiver: Receiver, sender: Sender) -> None:
        self.sock, self.receiver, self.sender = sock, receiver, sender
        self.slot = -1


class Crowd:
    """Runs the plan; `script(index)` says what each caller does, `on_end(caller)` is told of each that is through."""

    def __init__(self, plan: Plan, script: Callable[[int], Script], on_end: Callable[[Caller], None]) -> None:
        self.plan, self.script, self.on_end = plan, script, on_end
        self.target_host, self.target_port = plan.target_host, plan.target_port
        self.host, self.codec = plan.host, plan.codec
        self.sip = open_socket(plan.host, plan.sip_port)
        _large_buffers(self.sip)
        self.port = self.sip.getsockname()[1]
        self.sink = open_socket(plan.host, 0)
        """Where the RTP of callers goes who don't listen."""
        self.run_id = os.urandom(6).hex()
        self.live: dict[str, Caller] = {}
        self.finished: dict[str, Caller] = {}
        self.gaps = array("Q", bytes(8 * GAP_BUCKETS))
        self.started = self.ended_calls = self.slots_skipped = self.port_misses = 0
        self.stopping = self.interrupted = False
        self.peak = 0
        """Most calls live at once."""
        self._stop_at = 0.0
        self._next_start = time.monotonic()
        self._timers: list[tuple[float, int, Caller, str]] = []
        self._timer_id = 0
        self._slots: list[list[Sender]] = [[] for _ in range(SLOTS)]
        self._graves: deque[str] = deque()
        self._closing: deque[tuple[float, Any]] = deque()
        """Sockets of calls that ended, and until when each keeps its port from another call."""
        self.stalls: deque[tuple[float, float]] = deque(maxlen=STALLS_KEPT_MAX)
        """(wall clock of its end, length), in seconds: when this program was not let run, or was not fast enough."""
        self._rng = random.Random(plan.seed)
        self._audio = self._pool()
        self._next_port = plan.port_base
        self._readers: dict[int, Receiver] = {}
        self._sip_poll, self._rtp_poll = select.epoll(), select.epoll()
        self._sip_poll.register(self.sip.fileno(), select.EPOLLIN)

    def _pool(self) -> list[bytes]:
        quiet = bytes([0xD5 if self.codec == 8 else 0xFF]) * 160
        if self.plan.rtp != "noise":
            return [quiet]
        # The small codes of G.711 on both sides of zero: a soft hiss.
        soft = [0xD5 ^ n if self.codec == 8 else 0xFF - n for n in (0, 1, 2, 3, 0x80, 0x81, 0x82, 0x83)]
        return [bytes(self._rng.choices(soft, k=160)) for _ in range(AUDIO_POOL)]

    # --- what a Caller asks of its line

    def now(self) -> float:
        """Wall clock in seconds, comparable with the kernel's stamps."""
        return time.time()

    def send(self, data: bytes, to: tuple[str, int] | None = None) -> None:
        # What cannot be sent is lost, as on a network: the transaction's timer sends it again.
        with suppress(OSError):
            self.sip.sendto(data, to or (self.target_host, self.target_port))

    def later(self, delay_s: float, caller: Caller, name: str) -> None:
        self._timer_id += 1
        heapq.heappush(self._timers, (time.monotonic() + delay_s, self._timer_id, caller, name))

    def rtp_port(self, caller: Caller) -> int:
        """The port to offer; opens the call's socket unless nobody listens."""
        if self.plan.rtp == "none":
            return int(self.sink.getsockname()[1])
        sock = self._rtp_socket()
        receiver = Receiver(sock, self.gaps, int(self.plan.keep_audio_s * 50))
        draw = self._rng.getrandbits
        every = RTP_MODES[self.plan.rtp]
        sender = Sender(sock, draw(32), draw(16), draw(32), self._audio, every)
        caller.leg = Leg(sock, receiver, sender)
        return int(sock.getsockname()[1])

    def _rtp_socket(self) -> Any:
        for _ in range(1000 if self.plan.port_base else 0):
            port = self._next_port
            self._next_port = port + 2 if port < 65000 else self.plan.port_base
            try:
                return open_rtp_socket(self.host, port)
            except OSError:
                self.port_misses += 1
        return open_rtp_socket(self.host)

    def talk(self, caller: Caller, host: str, port: int, codec: int, event_type: int) -> None:
        """The call is answered: media flows."""
        leg = caller.leg
        if leg is None:
            return
        receiver, sender = leg.receiver, leg.sender
        receiver.payload_type = codec
        sender.remote, sender.codec, sender.event_type = (host, port), codec, event_type
        pressed = caller.facts.pressed
        sender.on_pressed = lambda digit: pressed.append((digit, len(receiver.frames)))
        fd = leg.sock.fileno()
        self._readers[fd] = receiver
        self._rtp_poll.register(fd, select.EPOLLIN)
        leg.slot = min(range(SLOTS), key=lambda slot: len(self._slots[slot]))
        self._slots[leg.slot].append(sender)

    def press(self, caller: Caller, digit: str) -> None:
        if caller.leg is not None and caller.leg.sender.event_type >= 0:
            caller.leg.sender.digits.append((digit, self.plan.digit_packets))

    def ended(self, caller: Caller) -> None:
        """Called once, when a call is through."""
        self.live.pop(caller.call_id, None)
        self.ended_calls += 1
        leg = caller.leg
        if leg is not None:
            self._close(leg)
        since = caller.times.answered - 1
        caller.facts.stalls = [stall for stall in self.stalls if stall[0] > since]
        self.finished[caller.call_id] = caller
        self._graves.append(caller.call_id)
        if len(self._graves) > FINISHED_KEPT_MAX:
            del self.finished[self._graves.popleft()]
        self.on_end(caller)
        caller.leg = None

    def _close(self, leg: Leg) -> None:
        fd = leg.sock.fileno()
        if self._readers.pop(fd, None):
            self._rtp_poll.unregister(fd)
            # What had arrived before the call ended was heard.
            for _ in range(50):
                before = leg.receiver.heard.packets
                leg.receiver.read()
                if leg.receiver.heard.packets == before:
                    break
        if leg.slot >= 0:
            self._slots[leg.slot].remove(leg.sender)
        leg.receiver.finish()
        self._closing.append((time.monotonic() + PORT_RESTS_S, leg.sock))

    # --- the loop

    def stop(self, hang_up: bool = False) -> None:
        """No new calls; live ones go on until they end, or until now if `hang_up`."""
        self.stopping = True
        self._stop_at = self._stop_at or time.monotonic() + self.plan.drain_s
        if hang_up:
            self._stop_at = min(self._stop_at, time.monotonic() + 5)
            self._hang_up_all()

    def _hang_up_all(self) -> None:
        for caller in list(self.live.values()):
            if caller.state is State.TALKING:
                caller.facts.error = "hung up by the end of the run"
                caller.hang_up()
            elif caller.script.cancel_after_s is None:
                caller.cancel()

    def waiting(self) -> bool:
        """Whether somebody is going to call though there are no new calls."""
        return False

    def run(self, on_tick: Callable[[float], None] = lambda now: None) -> None:
        """Until the plan is done. `on_tick(monotonic_s)` is called every slot."""
        gc.collect()
        gc.freeze()
        gc.disable()
        begun = next_slot = time.monotonic()
        slot = 0
        hung_up = False
        while self.live or not self.stopping or self.waiting():
            now = time.monotonic()
            while now < next_slot:
                if self._sip_poll.poll(max(next_slot - now, 0.0005)):
                    self._read_sip()
                now = time.monotonic()
            if now - next_slot > STALL_S:
                self.stalls.append((self.now(), now - next_slot))
            if now - next_slot > BEHIND_SLOTS_MAX * SLOT_S:
                behind = int((now - next_slot) / SLOT_S)
                self.slots_skipped += behind
                slot, next_slot = slot + behind, next_slot + behind * SLOT_S
            next_slot += SLOT_S
            slot += 1
            for sender in self._slots[slot % SLOTS]:
                sender.tick()
            self._read_rtp()
            self._run_timers(now)
            while self._closing and self._closing[0][0] <= now:
                self._closing.popleft()[1].close()
            self._start_calls(now, now - begun)
            on_tick(now)
            if self.stopping and now > self._stop_at:
                if hung_up and now > self._stop_at + 10:
                    break
                if not hung_up:
                    self._hang_up_all()
                hung_up = True

    def _read_rtp(self) -> None:
        readers = self._readers
        for fd, _ in self._rtp_poll.poll(0, 8192):
            readers[fd].read()

    def _read_sip(self) -> None:
        for _ in range(SIP_BATCH):
            try:
                data, control, _, source = self.sip.recvmsg(65535, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            seconds, nanoseconds = _timespec(control)
            message = parse(data)
            if message is not None:
                self._dispatch(message, seconds + nanoseconds / 1e9, source)

    def _dispatch(self, message: Message, at: float, source: tuple[str, int]) -> None:
        call_id = message.one("call-id")
        caller = self.live.get(call_id) or self.finished.get(call_id)
        if caller is not None:
            caller.on_message(message, at)
        elif message.method and message.method != "ACK":
            self.send(response_to(message, 481))

    def _run_timers(self, now: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now:
            _, _, caller, name = heapq.heappop(timers)
            caller.on_timer(name)

    def _start_calls(self, now: float, elapsed_s: float) -> None:
        plan = self.plan
        if self.stopping:
            return
        if (plan.calls and self.started >= plan.calls) or (plan.seconds and elapsed_s >= plan.seconds):
            self.stop()
            return
        for _ in range(STARTS_A_SLOT_MAX):
            if plan.calls and self.started >= plan.calls:
                return
            if plan.concurrent and len(self.live) >= plan.concurrent:
                self._next_start = now
                return
            if plan.rate:
                if now < self._next_start:
                    return
                # A crowd that was held up does not make up for it with a burst.
                self._next_start = max(self._next_start, now - 1.0) + 1 / plan.rate
            self._start_one()

    def _start_one(self) -> None:
        index = self.started
        self.started += 1
        call_id = f"{self.run_id}-{index:06d}@{self.host}"
        caller = Caller(self, index, call_id, self.plan.user, self.script(index))
        self.live[call_id] = caller
        self.peak = max(self.peak, len(self.live))
        caller.start()

    def close(self) -> None:
        """Free what is left."""
        for caller in list(self.live.values()):
            if caller.leg is not None:
                self._close(caller.leg)
        for thing in (self._sip_poll, self._rtp_poll, self.sip, self.sink, *(sock for _, sock in self._closing)):
            thing.close()
        gc.enable()


def _timespec(control: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    data = control[0][2]
    return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:16], "little")


def _large_buffers(sock: Any) -> None:
    """Room for a burst of SIP; the kernel caps it."""
    for option in (7, 8):  # SO_SNDBUF, SO_RCVBUF
        sock.setsockopt(1, option, SIP_BUFFER_BYTES)


def raise_descriptor_limit() -> None:
    """As many sockets as this user may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
