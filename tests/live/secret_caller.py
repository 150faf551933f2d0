"""A caller who keys what nobody may see: by telephone events or INFO, and with the tones beside them, as phones do."""

import ctypes
import json
import os
import queue
import re
import socket
import threading
import time
from collections import deque
from types import TracebackType
from typing import Self

from keepline.node.mediawire import Record, encode_commands
from keepline.node.slots import Slots
from keepline.rtp.dtmf import event_packets
from keepline.rtp.packet import RtpPacket, pack_packet
from keepline.sip.message import Request, Response, make_response, parse_message
from tests.spec.test_itu_q24_tones import coded, tone

WITHIN_S = 60.0
T1_S = 0.5
FRAME_S = 0.02
KEY_MS, GAP_FRAMES = 100, 5
SILENCE = b"\xff" * 160
_PIDFD_GETFD = 438


class PayingCaller:
    """One call over UDP; `by` is event, both (with tones in the audio beside the events) or info (with tones too)."""

    def __init__(self, node: str, user: str, by: str) -> None:
        host, _, port = node.rpartition(":")
        self.node, self.user, self.by = (host, int(port)), user, by
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for sock in (self.sip, self.rtp):
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(0.2)
        self.responses: queue.SimpleQueue[Response] = queue.SimpleQueue()
        self.is_over = threading.Event()
        self._leaves = threading.Event()
        self._cseq = 1
        self._to = f"<sip:{user}@{node}>"
        self._frames: deque[list[RtpPacket]] = deque()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._listen, self._talk)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        response = self._ask("INVITE", self._sdp(), "application/sdp")
        assert response.status == 200, response
        self._to = response.headers.get("To") or ""
        self._remote = ("127.0.0.1", int(re.search(rb"m=audio (\d+)", response.body)[1]))  # type: ignore[index]
        self._send(self._message("ACK", 1))
        self._threads[1].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaves.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.sip.close()
        self.rtp.close()

    # Keys -----------------------------------------------------------------------------------------------------------

    def press(self, keys: str) -> None:
        """Press keys one after the other, and wait until the last one is out."""
        for key in keys:
            audio = coded(tone(key, KEY_MS)) if self.by != "event" else b""
            events = event_packets(key, KEY_MS) if self.by != "info" else []
            frames = max(len(events), len(audio) // 160)
            for at in range(frames):
                packets = [RtpPacket(0, False, 0, 0, 1, audio[160 * at : 160 * at + 160] or SILENCE)]
                if at < len(events):  # its timestamp is that of its beginning, so many frames ago
                    packets.append(RtpPacket(101, events[at].marker, 0, at, 1, events[at].payload))
                self._frames.append(packets)
            self._frames.extend([RtpPacket(0, False, 0, 0, 1, SILENCE)] for _ in range(GAP_FRAMES))
            while self._frames:
                time.sleep(FRAME_S)
            if self.by == "info":
                answer = self._ask("INFO", f"Signal={key}\r\nDuration=100\r\n".encode(), "application/dtmf-relay")
                assert answer.status == 200

    def _talk(self) -> None:
        seq, frame, next_s = 0, 0, time.monotonic()
        while not self._leaves.is_set():
            packets = self._frames.popleft() if self._frames else [RtpPacket(0, False, 0, 0, 1, SILENCE)]
            for packet in packets:
                ts = 160 * (frame - packet.ts)
                made = RtpPacket(packet.payload_type, packet.marker, seq & 0xFFFF, ts, 0x5EC2E7, packet.payload)
                self.rtp.sendto(pack_packet(made), self._remote)
                seq += 1
            frame += 1
            next_s += FRAME_S
            time.sleep(max(0.0, next_s - time.monotonic()))

    # Signalling -----------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        while not self._leaves.is_set():
            try:
                data, source = self.sip.recvfrom(65_535)
            except OSError:
                continue
            message = parse_message(data)
            if isinstance(message, Request):
                if message.method == "BYE":
                    self.is_over.set()
                self.sip.sendto(make_response(message, 200).encode(), source)
            elif message.status >= 200:
                self.responses.put(message)

    def _ask(self, method: str, body: bytes, kind: str) -> Response:
        """A request, repeated until it is answered: whoever should answer may have died."""
        self._cseq += 1 if method != "INVITE" else 0
        request, deadline_s = self._message(method, self._cseq, body, kind), time.monotonic() + WITHIN_S
        while time.monotonic() < deadline_s:
            self._send(request)
            try:
                while True:
                    response = self.responses.get(timeout=T1_S)
                    if response.cseq.number == self._cseq and response.cseq.method == method:
                        return response
            except queue.Empty:
                continue
        raise AssertionError(f"{method} was not answered")

    def _send(self, data: bytes) -> None:
        self.sip.sendto(data, self.node)

    def _message(self, method: str, cseq: int, body: bytes = b"", kind: str = "") -> bytes:
        host, port = self.sip.getsockname()
        lines = [
            f"{method} sip:{self.user}@{self.node[0]}:{self.node[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{method}x{chr(96 + cseq % 26)}x{chr(97 + cseq // 26)}",
            "Max-Forwards: 70",
            f"From: <sip:payer@{host}>;tag=payer",
            f"To: {self._to}",
            f"Call-ID: paying-{self.by}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:payer@{host}:{port}>",
            *([f"Content-Type: {kind}"] if kind else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def _sdp(self) -> bytes:
        host, port = self.rtp.getsockname()
        event = self.by != "info"
        lines = [
            "v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0",
            f"m=audio {port} RTP/AVP 0{' 101' if event else ''}",
            *(["a=rtpmap:101 telephone-event/8000"] if event else []),
        ]  # fmt: skip
        return "".join(f"{line}\r\n" for line in lines).encode()


# A live node's media --------------------------------------------------------------------------------------------------


def descriptors(pid: int) -> tuple[int, dict[str, int]]:
    """A calls process of that one's node whose arguments name its descriptors, and they, by name.

    One that was begun before the supervisor has been told of them otherwise; they are the same in all.
    """
    parent = _parent(pid)
    for other in (pid, *(int(each) for each in os.listdir("/proc") if each.isdigit())):
        try:
            with open(f"/proc/{other}/cmdline", "rb") as opened:
                arguments = opened.read().split(b"\0")
            if b"--fds" in arguments and _parent(other) == parent:
                found: dict[str, int] = json.loads(arguments[arguments.index(b"--fds") + 1])
                return other, found
        except (FileNotFoundError, ProcessLookupError):
            continue
    raise AssertionError(f"no process beside {pid} names its descriptors")


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat") as opened:
        return int(opened.read().rpartition(")")[2].split()[1])


def shared_memory(pid: int) -> Slots:
    """The slots of a node, by a calls process of its; its descriptor is the caller's to close."""
    holder, found = descriptors(pid)
    return Slots.attach(os.open(f"/proc/{holder}/fd/{found['slots']}", os.O_RDWR))


def record_call(pid: int, slots: Slots, slot: int, key: str) -> None:
    """Have media record a call with both channels, as the calls process would: by its own socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    holder, found = descriptors(pid)
    pidfd = os.pidfd_open(holder)
    try:
        fd = libc.syscall(_PIDFD_GETFD, pidfd, found["link"], 0)
        assert fd >= 0, os.strerror(ctypes.get_errno())
        with socket.socket(fileno=fd) as link:
            command = Record(slots.call_of(slot), slot, 1, key, 600_000, True)
            for data in encode_commands(slots.calls_epoch, [command]):
                link.send(data)
    finally:
        os.close(pidfd)
