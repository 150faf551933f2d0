"""What the media loop alone carries: N calls both ways on one core, against a peer on another.

`python -m bench.media_loop [CALLS …] [--seconds S] [--prompt | --bridged]`. Each call is sent a prompt, silence, or
what another says, and sends audio, 50 packets a second each way. The gaps are between the kernel's receive times at
the peer, so that the peer's own lateness is not counted; the peer sends and receives in batches and costs a fraction
of what media does.
"""

import argparse
import ctypes
import os
import resource
import signal
import socket
import tempfile
import time
from pathlib import Path

import numpy as np

from keepline.node.media import MediaLoop
from keepline.node.mediawire import Bridge, Open, Play, encode_commands
from keepline.node.slots import FRAME_BYTES, PACKET_BYTES, Slots

PHASES = 10
BATCH = 512
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
WARM_UP_S = 1.5
FIRST_PORT = 20_000
KEY = "00" * 16
_libc = ctypes.CDLL(None, use_errno=True)


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("bytes", ctypes.c_size_t))


class _Message(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_bytes", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_bytes", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("length", ctypes.c_uint),
    )


class Batch:
    """Memory for `count` datagrams of 172 bytes, one sendmmsg(2) or recvmmsg(2) at a time."""

    def __init__(self, count: int) -> None:
        self.data = np.zeros((count, PACKET_BYTES), np.uint8)
        self.control = np.zeros((count, 64), np.uint8)
        self.names = np.zeros((count, 16), np.uint8)
        self.vectors = (_Vector * count)()
        self.messages = (_Message * count)()
        for at in range(count):
            self.vectors[at] = _Vector(self.data[at].ctypes.data, PACKET_BYTES)
            vector = ctypes.addressof(self.vectors[at])
            self.messages[at] = _Message(None, 0, vector, 1, self.control[at].ctypes.data, 64, 0, 0, 0)

    def address_to(self, ports: list[int]) -> None:
        for at, port in enumerate(ports):
            self.names[at, :8] = [2, 0, port >> 8, port & 255, 127, 0, 0, 1]
            self.messages[at].name, self.messages[at].name_bytes = self.names[at].ctypes.data, 16
            self.messages[at].control, self.messages[at].control_bytes = None, 0

    def send(self, sock: socket.socket, count: int) -> None:
        done = 0
        while done < count:
            sent = _libc.sendmmsg(sock.fileno(), ctypes.byref(self.messages[done]), count - done, 0)
            if sent <= 0:
                return
            done += sent

    def receive(self, sock: socket.socket) -> int:
        return max(0, int(_libc.recvmmsg(sock.fileno(), self.messages, len(self.messages), socket.MSG_DONTWAIT, None)))


def peer(sock: socket.socket, ports: list[int], seconds: float, result: Path) -> None:
    """The other end of every call; call i is known by its SSRC, i + 1."""
    count = len(ports)
    groups = [list(range(phase, count, PHASES)) for phase in range(PHASES)]
    batches = []
    for group in groups:
        batch = Batch(max(1, len(group)))
        batch.address_to([ports[call] for call in group])
        batch.data[:, 0] = 0x80
        batch.data[:, 8:12] = np.array([call + 1 for call in group] or [0], ">u4").view(np.uint8).reshape(-1, 4)
        batches.append(batch)
    inbox = Batch(BATCH)
    last_ns = np.zeros(count, np.int64)
    first_seq, last_seq, got = np.full(count, -1), np.zeros(count, np.int64), np.zeros(count, np.int64)
    gaps: list[np.ndarray] = []
    start = time.monotonic()
    tick, measuring = 0, False
    while tick < (seconds + WARM_UP_S) * 500:
        group, batch = groups[tick % PHASES], batches[tick % PHASES]
        frame = tick // PHASES
        stamp = np.array([frame & 0xFFFF], ">u2").tobytes() + np.array([frame * 160], ">u4").tobytes()
        batch.data[:, 2:8] = np.frombuffer(stamp, np.uint8)
        batch.send(sock, len(group))
        if not measuring and tick >= WARM_UP_S * 500:
            measuring = True
            gaps.clear()
            got[:], first_seq[:] = 0, -1
        while (length := inbox.receive(sock)) > 0:
            calls = inbox.data[:length, 8:12].copy().view(">u4")[:, 0].astype(np.int64) - 1
            seqs = inbox.data[:length, 2:4].copy().view(">u2")[:, 0].astype(np.int64)
            stamps = inbox.control[:length, 16:32].copy().view(np.int64)
            arrived = stamps[:, 0] * 1_000_000_000 + stamps[:, 1]
            for message in inbox.messages:
                message.control_bytes = 64
            # A call twice in one batch is taken in two rounds, so that its gaps are right.
            while len(calls):
                _, index = np.unique(calls, return_index=True)
                who, when, seq = calls[index], arrived[index], seqs[index]
                known = last_ns[who] > 0
                gaps.append((when - last_ns[who])[known])
                last_ns[who], last_seq[who] = when, seq
                first_seq[who] = np.where(first_seq[who] < 0, seq, first_seq[who])
                got[who] += 1
                rest = np.ones(len(calls), bool)
                rest[index] = False
                calls, arrived, seqs = calls[rest], arrived[rest], seqs[rest]
            if length < BATCH:
                break
        tick += 1
        pause = start + tick / 500 - time.monotonic()
        if pause > 0:
            time.sleep(pause)
    expected = int((((last_seq - first_seq) & 0xFFFF) + 1)[got > 0].sum())
    np.savez(result, gaps=np.concatenate(gaps), lost=expected - int(got.sum()), silent=int((got == 0).sum()))


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def fork(core: int, work: "callable[[], None]") -> int:  # type: ignore[valid-type]
    """Run `work` in a process of its own, pinned."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.sched_setaffinity(0, {core})
        work()
    finally:
        os._exit(0)


def measure(calls: int, seconds: float, prompt: bool, bridged: bool, directory: Path) -> str:
    """One run; the line of the table."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(calls)]
    for at, sock in enumerate(sockets):
        sock.bind(("127.0.0.1", FIRST_PORT + at))  # by number: a port that the kernel chose is lost at a disconnection
    rtcp_sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(calls)]
    for at, sock in enumerate(rtcp_sockets):
        sock.bind(("127.0.0.1", FIRST_PORT + calls + at))
    far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far.bind(("127.0.0.1", 0))
    far.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        far.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16_000_000)
    except PermissionError:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_000_000)
    slots = Slots.create(calls, time.time(), time.monotonic())
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    port = far.getsockname()[1]
    cores = sorted(os.sched_getaffinity(0))
    media = fork(cores[0], lambda: MediaLoop(slots, sockets, theirs, directory, rtcp_sockets=rtcp_sockets).run())
    opens = [Open(i + 1, i, 1, "127.0.0.1", port, 0, 101, i + 1, 0, 0) for i in range(calls)]
    plays = [Play(i + 1, i, 2, KEY, repeat=True) for i in range(calls)] if prompt else []
    bridges = [Bridge(i + 1, i, 1, i + 2, i + 1) for i in range(0, calls - 1, 2)] if bridged else []
    for data in encode_commands(0, [*opens, *plays, *bridges]):
        ours.send(data)
    result = directory / "result.npz"
    ports = [sock.getsockname()[1] for sock in sockets]
    other = fork(cores[-1], lambda: peer(far, ports, seconds, result))
    time.sleep(WARM_UP_S)
    before, begin = cpu_s(media), time.monotonic()
    time.sleep(seconds * 0.9)
    used = (cpu_s(media) - before) / (time.monotonic() - begin)
    peer_used = cpu_s(other) / (seconds * 0.9 + WARM_UP_S)
    os.waitpid(other, 0)
    heard_lost = sum(slots.stats(i).lost for i in range(calls))
    os.kill(media, signal.SIGKILL)
    os.waitpid(media, 0)
    for sock in [*sockets, *rtcp_sockets, far, ours, theirs]:
        sock.close()
    with np.load(result) as found:
        gaps = np.sort(found["gaps"]) / 1e6
        p50, p99, p999 = (gaps[int(len(gaps) * share)] for share in (0.5, 0.99, 0.999))
        lost, silent = int(found["lost"]), int(found["silent"])
    unheard = sum(slots.stats(i).packets_received < seconds * 50 for i in range(calls))
    slots.close()
    return (
        f"{calls:6} {used:7.1%} {p50:8.2f} {p99:8.2f} {p999:8.2f} {gaps[-1]:8.2f} "
        f"{lost:8} {heard_lost:8} {silent + unheard:7} {peer_used:8.0%}"
    )


def main() -> None:
    """Read the arguments, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="*", type=int, default=[1000, 2000])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--prompt", action="store_true", help="play an endless prompt, not silence")
    parser.add_argument("--bridged", action="store_true", help="every two calls are one conversation")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{os.cpu_count()} cores, {FRAME_BYTES} bytes a packet, {arguments.seconds:g} s, gaps in ms")
    print(f"{'calls':>6} {'CPU':>7} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>8} {'lost out':>8} {'lost in':>8} "
          f"{'silent':>7} {'peer CPU':>8}")  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / f"{KEY}.ulaw").write_bytes(bytes(range(256)) * 1000)
        for calls in arguments.calls:
            print(measure(calls, arguments.seconds, arguments.prompt, arguments.bridged, Path(directory)), flush=True)


if __name__ == "__main__":
    main()
