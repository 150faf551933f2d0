"""Messages that callers leave, with real RTP: what is in the file is what was sent, whichever process dies."""

import contextlib
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from callers_sip import Message, parse, response_to, sdp_offer

from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.node.media_recording import HEADER
from keepline.rtp.dtmf import event_packets
from keepline.rtp.packet import RtpPacket, pack_packet

WITHIN_S = 60.0
FRAME_S = 0.02
QUIET = b"\xff" * 160
NUMBERS = count(1)
OPERATION = """
operation: voicemail
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {leave: flows:leave}
numbers: {"1000": {flow: leave}}
"""
FLOWS = """
from keepline.flow import Call, flow


@flow
async def leave(call: Call) -> None:
    message = await call.record_message(silence_s=3, length_s_max=30)
    await call.outcome("message" if message else "none", path=message.path, length_s=message.length_s)
    await call.hangup()
"""


def frame(index: int) -> bytes:
    """20 ms that are loud and unlike any other."""
    return bytes((index % 64, index // 64)) * 80


class Talker:
    """A caller with a telephone: a thread sends a packet every 20 ms, the next frame of a message or silence."""

    def __init__(self, node: LocalNode) -> None:
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
        self.thread = threading.Thread(target=self._talk, daemon=True)

    def __enter__(self) -> "Talker":
        answer = self._ask("INVITE", sdp_offer(self.host, self.rtp.getsockname()[1], 0, 1))
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

    def _request(self, method: str, body: bytes, cseq: int) -> bytes:
        host, port = self.sip.getsockname()
        return (
            f"{method} sip:1000@{self.node.sip} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{self.name}"
            f"{method}{cseq}\r\nFrom: <sip:{self.name}@{host}>;tag=t\r\nTo: <sip:1000@{self.node.sip}>{self.to_tag}\r\n"
            f"Call-ID: {self.name}-{port}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:{self.name}@{host}:{port}>\r\n"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def _ask(self, method: str, body: bytes = b"") -> Message:
        """A request, repeated until its final response is there, as over any network."""
        self.cseq += 1
        data, deadline_s = self._request(method, body, self.cseq), time.monotonic() + WITHIN_S
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
        wait_until("the call ends", self._is_over, WITHIN_S)
        [message] = self.record()["messages"]
        return dict(message)

    def _is_over(self) -> bool:
        """Whether the call has ended; the node's BYE is answered meanwhile."""
        self.sip.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            message = parse(self.sip.recv(65_535))
            if message is not None and message.method == "BYE":
                self.sip.send(response_to(message, 200))
        return bool(self.record()["state"] == "ended")

    def samples(self, message: dict[str, Any]) -> bytes:
        """What its file holds, the header of which is right."""
        data = (self.node.settings.data / message["path"]).read_bytes()
        fields = HEADER.unpack_from(data)
        assert fields[-1] == len(data) - HEADER.size == round(message["length_s"] * 8000)
        return data[HEADER.size :]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    directory = tmp_path_factory.mktemp("voicemail")
    (directory / "operation").mkdir()
    (directory / "operation" / "keepline.yaml").write_text(OPERATION)
    (directory / "operation" / "flows.py").write_text(FLOWS)
    with LocalNode(NodeSettings(directory / "operation", directory / "data", slots=10)) as found:
        yield found


def spoken(frames: int) -> bytes:
    return b"".join(frame(index) for index in range(frames))


def test_a_message_that_ends_in_silence_is_what_was_said(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(150)
        talker.speaking.clear()
        message = talker.message()
        assert (message["reason"], talker.record()["outcome"]) == ("silence", "message")
        assert talker.samples(message).strip(b"\xff") == spoken(talker.said)
        assert talker.record()["outcome_fields"]["path"] == message["path"]
        shown = node.command("call", "show", talker.record()["id"]).stdout
        assert "message_started" in shown
        assert "reason=silence" in shown


def test_a_key_ends_it_though_the_process_of_its_call_died(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(50)
        node.kill("active")
        talker.says(200)
        talker.speaking.clear()
        talker.keys += "#"
        message = talker.message()
        assert message["reason"] == "terminator"
        assert talker.samples(message).strip(b"\xff") == spoken(talker.said)


def test_who_hangs_up_leaves_what_was_said(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(100)
        talker.speaking.clear()
        assert talker._ask("BYE").status == 200
        message = talker.message()
        assert (message["reason"], talker.record()["ended_by"]) == ("hung_up", "caller")
        assert talker.samples(message).strip(b"\xff") == spoken(talker.said)
        assert talker.record()["steps"][-1]["result"] == "hung_up"


def test_the_death_of_media_costs_half_a_second_at_most(node: LocalNode) -> None:
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(100)
        node.kill("media")
        talker.says(250)
        talker.speaking.clear()
        talker.keys += "#"
        message = talker.message()
        assert message["reason"] == "terminator"
        heard = talker.samples(message)
        missing = [index for index in range(talker.said) if frame(index) not in heard]
        assert missing == list(range(min(missing, default=0), max(missing, default=-1) + 1)), "one gap"
        assert len(missing) <= 30
        assert min(missing, default=1) > 0


def metric(node: LocalNode, series: str) -> float:
    """What Prometheus would read; 0 for what has not been counted."""
    with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=WITHIN_S) as answer:
        lines = answer.read().decode().splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(f"{series} ")), 0))


def test_prometheus_counts_messages_calls_and_deaths(node: LocalNode) -> None:
    messages, calls = 'keepline_messages_total{reason="terminator"}', "keepline_live_calls"
    ended = 'keepline_calls_total{direction="inbound",outcome="message",status="200"}'
    reigns, restarts = 'keepline_reigns{process="media"}', 'keepline_process_restarts{process="media"}'
    before = {series: metric(node, series) for series in (messages, ended, reigns, restarts)}
    with Talker(node) as talker:
        talker.is_recorded()
        talker.says(60)
        wait_until("the call is live", lambda: metric(node, calls) == 1, WITHIN_S)
        node.kill("media")
        talker.says(120)
        talker.keys += "#"
        assert talker.message()["reason"] == "terminator"
    for series, past in before.items():
        wait_until(f"{series} is counted", lambda s=series, n=past: metric(node, s) == n + 1, WITHIN_S)
    assert metric(node, "keepline_node_up") == metric(node, "keepline_journal_readable") == 1
