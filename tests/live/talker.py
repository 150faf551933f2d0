"""A caller with a telephone for live tests: SIP by hand, and a packet of audio every 20 ms."""

import contextlib
import json
import socket
import threading
import time
import urllib.request
from itertools import count
from typing import Any

from callers_sip import Message, parse, response_to, sdp_offer

from keepline.demo_node import LocalNode, wait_until
from keepline.rtp.dtmf import event_packets
from keepline.rtp.packet import RtpPacket, pack_packet

WITHIN_S = 60.0
FRAME_S = 0.02
QUIET = b"\xff" * 160
NUMBERS = count(1)


def frame(index: int) -> bytes:
    """20 ms that are loud and unlike any other, also where they are read from its second byte on."""
    return bytes((index % 64, 128 + index // 64)) * 80


class Talker:
    """A caller with a telephone: a thread sends a packet every 20 ms, the next frame of a message or silence."""

    def __init__(self, node: LocalNode, number: str = "1000", *, has_events: bool = True) -> None:
        self.number, self.has_events = number, has_events
        host, _, port = node.sip.rpartition(":")
        self.node, self.host = node, host
        self.name = f"talker{next(NUMBERS)}"
        self.sip, self.rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for each in (self.sip, self.rtp):
            each.bind((host, 0))
        self.sip.connect((host, int(port)))
        self.sip.settimeout(WITHIN_S)
        self.to_tag, self.cseq, self.remote_port = "", 0, 0
        self.said = 0
        """Frames of the message that were sent."""
        self.speaking = threading.Event()
        self.over = threading.Event()
        self.keys: list[str] = []
        """To be sent as telephone-events."""
        self.tones: list[bytes] = []
        """Frames to be sent in the place of silence."""
        self.thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> "Talker":
        # Whoever is to be heard within seconds cannot wait for a desk that has just been started.
        wait_until("the desk answers", self._has_desk, WITHIN_S)
        answer = self.ask(
            "INVITE", sdp_offer(self.host, self.rtp.getsockname()[1], 0, 1, 101 if self.has_events else -1)
        )
        self.to_tag = ";tag=" + answer.one("to").partition(";tag=")[2]
        lines = answer.body.decode().splitlines()
        self.remote_port = int(next(line for line in lines if line.startswith("m=audio")).split()[1])
        self.sip.send(self._request("ACK", b"", self.cseq))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(WITHIN_S)
        self.sip.close()
        self.rtp.close()

    def _request(self, method: str, body: bytes, cseq: int, content_type: str = "application/sdp") -> bytes:
        host, port = self.sip.getsockname()
        return (
            f"{method} sip:{self.number}@{self.node.sip} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{self.name}{method}{cseq}\r\n"
            f"From: <sip:{self.name}@{host}>;tag=t\r\nTo: <sip:{self.number}@{self.node.sip}>{self.to_tag}\r\n"
            f"Call-ID: {self.name}-{port}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{self.name}@{host}:{port}>\r\n"
            + (f"Content-Type: {content_type}\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def ask(self, method: str, body: bytes = b"", content_type: str = "application/sdp") -> Message:
        """A request, repeated until its final response is there, as over any network."""
        self.cseq += 1
        data, deadline_s = self._request(method, body, self.cseq, content_type), time.monotonic() + WITHIN_S
        self.sip.settimeout(1.0)
        while time.monotonic() < deadline_s:
            self.sip.send(data)
            try:
                while True:
                    message = parse(self.sip.recv(65_535))
                    if message is not None and message.status >= 200 and message.one("cseq").endswith(method):
                        return message
            except TimeoutError:
                continue
        raise AssertionError(f"no answer to {method}")

    def _talk(self) -> None:
        sequence, ts, next_s = 0, 0, time.monotonic()
        while not self.over.is_set():
            payloads = [(0, False, QUIET, ts)]
            if self.keys:
                key = self.keys.pop(0)
                payloads = [(101, each.marker, each.payload, ts) for each in event_packets(key)]
            elif self.tones:
                payloads = [(0, False, self.tones.pop(0), ts)]
            elif self.speaking.is_set():
                payloads = [(0, False, frame(self.said), ts)]
                self.said += 1
            for kind, marker, payload, stamp in payloads:
                packet = RtpPacket(kind, marker, sequence & 0xFFFF, stamp, 7, payload)
                self.rtp.sendto(pack_packet(packet), (self.host, self.remote_port))
                sequence += 1
            ts += 160
            next_s += FRAME_S
            self.over.wait(max(0.0, next_s - time.monotonic()))

    def _has_desk(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.node.http}/healthz", timeout=WITHIN_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def record(self) -> dict[str, Any]:
        """The call's record, from the desk, which costs no process."""
        with urllib.request.urlopen(f"http://{self.node.http}/api/calls?limit=100", timeout=WITHIN_S) as answer:
            calls = json.load(answer)["calls"]
        return dict(next(call for call in calls if call["from"] == self.name))

    def is_recorded(self) -> None:
        """Wait until the message has begun, and speak from then on."""
        wait_until("the message begins", lambda: self.record()["messages"], WITHIN_S)
        self.speaking.set()

    def says(self, frames: int) -> None:
        """Wait until so many frames were spoken in all."""
        wait_until("the message is spoken", lambda: self.said >= frames, WITHIN_S)

    def message(self) -> dict[str, Any]:
        """The only message of the call, once the call has ended."""
        self.ends()
        [message] = self.record()["messages"]
        return dict(message)

    def ends(self) -> dict[str, Any]:
        """The record once the call has ended."""
        wait_until("the call ends", self._is_over, WITHIN_S)
        return self.record()

    def _is_over(self) -> bool:
        """Whether the call has ended; the node's BYE is answered meanwhile."""
        self.sip.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            message = parse(self.sip.recv(65_535))
            if message is not None and message.method == "BYE":
                self.sip.send(response_to(message, 200))
        return bool(self.record()["state"] == "ended")
