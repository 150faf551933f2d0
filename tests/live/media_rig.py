"""A media loop on real sockets, and the telephone at its other end, for the tests of the media process."""

import os
import random
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from keepline.node.media import MediaLoop
from keepline.node.mediawire import Command, Event, Open, Play, StreamWay, decode_events, encode_commands
from keepline.node.slots import Slots
from keepline.rtp.packet import RtpPacket, pack_packet, parse_packet

DEADLINE_S = 20.0
"""Far more than any machine needs; reached only by a failure."""
AUDIO, EVENT = 0, 101
T = TypeVar("T")


def until(read: Callable[[], T], wanted: Callable[[T], bool]) -> T:
    """Read until what is read is wanted."""
    end = time.monotonic() + DEADLINE_S
    while not wanted(value := read()):
        assert time.monotonic() < end, f"still {value!r}"
        os.sched_yield()
    return value


def bind_to_a_port(sock: socket.socket, host: str) -> None:
    """Bind to a free port by its number: a port that the kernel chose is given up when a socket is disconnected."""
    for port in random.sample(range(20_000, 30_000), 1_000):
        try:
            sock.bind((host, port))
        except OSError:
            continue
        return
    raise AssertionError("no free port")


class Phone:
    """An RTP peer that keeps every packet it gets."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, ssrc: int = 0x1234) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.host, self.port = self.sock.getsockname()[:2]
        self.ssrc, self.seq, self.ts = ssrc, 100, 5_000
        self.datagrams: list[bytes] = []
        self.packets: list[RtpPacket] = []

    def hear(self, count: int) -> list[RtpPacket]:
        """Wait for `count` packets more."""
        first = len(self.packets)
        self.sock.settimeout(DEADLINE_S)
        while len(self.packets) < first + count:
            self._take(self.sock.recv(2000))
        return self.packets[first:]

    def drain(self) -> None:
        """Take what has come so far."""
        while select.select([self.sock], [], [], 0)[0]:
            self._take(self.sock.recv(2000))

    def _take(self, datagram: bytes) -> None:
        if self.datagrams and datagram == self.datagrams[-1]:
            return  # the same packet once more, as a successor may send it and any network may
        if 192 <= datagram[1] <= 223:
            return  # RTCP (RFC 5761 §4) for the phone one port below: phones here bind next to one another
        packet = parse_packet(datagram)
        assert packet is not None
        self.datagrams.append(datagram)
        self.packets.append(packet)

    def send(self, to: int, payload: bytes = b"\x55" * 160, kind: int = AUDIO, marker: bool = False) -> bytes:
        """Send the next packet of this phone's stream; returns its bytes."""
        data = pack_packet(RtpPacket(kind, marker, self.seq & 0xFFFF, self.ts, self.ssrc, payload))
        self.seq += 1
        if kind == AUDIO:
            self.ts += 160
        self.sock.sendto(data, (self.host, to))
        return data


class Rig:
    """Slots, RTP sockets, the command socket, prompts, and a media process that may be killed and started again."""

    def __init__(self, directory: Path, count: int = 4, host: str = "127.0.0.1") -> None:
        self.directory = directory
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
        self.rtcp_sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
        for sock, rtcp in zip(self.sockets, self.rtcp_sockets, strict=True):
            bind_to_a_port(sock, host)
            bind_to_a_port(rtcp, host)
        self.rtcp_ports = [sock.getsockname()[1] for sock in self.rtcp_sockets]
        self.ports = [sock.getsockname()[1] for sock in self.sockets]
        self.slots = Slots.create(count, time.time(), time.monotonic())
        self.commands, self.media_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.events: list[Event] = []
        self.phones: list[Phone] = []
        self.pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        phones = [phone.sock for phone in self.phones]
        for sock in [*self.sockets, *self.rtcp_sockets, self.commands, self.media_end, *phones]:
            sock.close()
        self.slots.close()
        os.close(self.slots.fd)

    def loop(self) -> MediaLoop:
        """A loop over this rig's memory and sockets, not running."""
        return MediaLoop(self.slots, self.sockets, self.media_end, self.directory, rtcp_sockets=self.rtcp_sockets)

    def start(self) -> Self:
        """Fork a media process."""
        self.pid = os.fork()
        if not self.pid:
            try:
                self.loop().run()
            finally:
                os._exit(1)
        return self

    def kill(self) -> None:
        """kill -9 of the media process, if there is one."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0

    def phone(self, host: str = "127.0.0.1", ssrc: int = 0x1234) -> Phone:
        """Another phone."""
        self.phones.append(Phone(host, ssrc=ssrc))
        return self.phones[-1]

    def prompt(self, key: int, size: int, suffix: str = ".ulaw") -> tuple[str, bytes]:
        """Write a prompt whose every frame is different and none is silence; its key and audio."""
        name = f"{key:032x}"
        audio = bytes((at * 7 + at // 160 * 3 + key) % 200 + 1 for at in range(size))
        (self.directory / (name + suffix)).write_bytes(audio)
        return name, audio

    def send(self, *commands: Command, epoch: int = 0) -> None:
        """Commands, as the calls process sends them."""
        for data in encode_commands(epoch, commands):
            self.commands.send(data)

    def open(self, phone: Phone, slot: int = 0, call: int = 1, **changes: int | StreamWay | None) -> Open:
        """Open a slot towards a phone, and wait until it is: what came to the port before is thrown away."""
        command = self.opening(phone, slot, call, **changes)
        self.send(command, epoch=self.slots.calls_epoch)
        until(lambda: self.slots.call_of(slot), lambda found: found == call)
        return command

    def opening(self, phone: Phone, slot: int = 0, call: int = 1, **changes: int | StreamWay | None) -> Open:
        """The command that opens a slot towards a phone."""
        values: dict[str, int | StreamWay | None] = {
            "payload_type": AUDIO, "dtmf_payload_type": EVENT, "ssrc": 0xABCD, "seq": 65_530, "ts": 0xFFFFFF00,
        }  # fmt: skip
        values |= changes
        return Open(call, slot, 1, phone.host, phone.port, **values)  # type: ignore[arg-type]

    def play(self, key: str, number: int = 2, slot: int = 0, call: int = 1, **how: int) -> Play:
        """Play a prompt."""
        command = Play(call, slot, number, key, **how)  # type: ignore[arg-type]
        self.send(command)
        return command

    def wait(self, kind: type[T]) -> T:
        """The next event of a kind; those before it are kept in `events`."""
        self.commands.settimeout(DEADLINE_S)
        seen = 0
        while True:
            for event in self.events[seen:]:
                seen += 1
                if isinstance(event, kind):
                    del self.events[:seen]
                    return event
            self.events += decode_events(self.commands.recv(65_536))[1]


class Clock:
    """Monotonic time in the hands of the test."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.now_s = rig.slots.monotonic_anchor_s + 10.001  # in the middle of a tick
        self.loops: list[MediaLoop] = []

    def monotonic(self) -> float:
        return self.now_s

    def loop(self) -> MediaLoop:
        """A loop that has taken over and waits to be woken."""
        made = self.rig.loop()
        made._take_over()
        self.loops.append(made)
        return made

    def wake(self, loop: MediaLoop, after_s: float = 0.0) -> None:
        """Let time pass, then wake the loop with everything readable."""
        self.now_s += after_s
        loop._wake([(fd, 1) for fd in loop._readers])


def assert_unbroken(packets: Iterable[RtpPacket], jumps: int = 0) -> None:
    """One stream: marker on the first packet only, sequence without a gap, timestamps by whole frames."""
    packets = list(packets)
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    assert len({packet.ssrc for packet in packets}) == 1
    jumped = 0
    for before, after in pairwise(packets):
        assert after.seq == (before.seq + 1) & 0xFFFF
        step = (after.ts - before.ts) & 0xFFFFFFFF
        assert step % 160 == 0
        assert 0 < step < 1 << 24
        jumped += step != 160
    assert jumped <= jumps
