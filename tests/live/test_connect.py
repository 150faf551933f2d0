"""Callers of a real node talk to SIPp as the person who is called; audio goes both ways, whatever process dies.

SIPp sends back what it hears, so what the caller hears of its own voice has gone through the node twice: as the
caller's leg to the callee's, and back.
"""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from keepline.rtp.packet import RtpPacket
from keepline.sip.message import Request, Response, make_response, parse_message
from keepline.sip.sdp import parse_sdp
from tests.live.media_rig import Phone
from tests.live.sipp_callee import reached_by, sipp_plays
from tests.live.sipp_runner import WAYS

pytestmark = pytest.mark.needs_program("sipp")

OPERATION = Path(__file__).with_name("connecting") / "keepline.yaml"
WITHIN_S = 60
FRAMES = 500
"""20 s of talk: far more than any machine needs to let one frame through."""


class Caller:
    """A caller of the node: one call, by hand, and the phone that speaks and hears."""

    def __init__(self, node: LocalNode) -> None:
        host, _, port = node.sip.rpartition(":")
        self.node = (host, int(port))
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind((host, 0))
        self.sip.settimeout(WITHIN_S)
        self.phone = Phone(host)
        self.call_id = f"talk{self.phone.port}"
        self.to = f"<sip:1000@{host}>"
        self.rtp_port = 0
        self.said = 0

    def __enter__(self) -> "Caller":
        self._send("INVITE", 1, self._sdp())
        answer = self._receive(lambda message: isinstance(message, Response) and message.status >= 200)
        assert isinstance(answer, Response)
        assert answer.status == 200
        self.to = answer.headers.get("To") or ""
        self.rtp_port = parse_sdp(answer.body).media[0].port
        self._send("ACK", 1)
        return self

    def __exit__(self, *_: object) -> None:
        self.sip.close()
        self.phone.sock.close()

    def hang_up(self) -> None:
        """Send a BYE, and have it answered."""
        self._send("BYE", 2)
        self._receive(lambda message: isinstance(message, Response) and message.cseq.method == "BYE")

    def is_hung_up_on(self) -> None:
        """Wait for the node's BYE, and answer it."""
        bye = self._receive(lambda message: isinstance(message, Request) and message.method == "BYE")
        assert isinstance(bye, Request)
        self.sip.sendto(make_response(bye, 200).encode(), self.node)

    def hears_itself(self) -> None:
        """Speak, a frame for each that is heard, until some of it comes back."""
        first = len(self.phone.packets)
        begun = self.said
        for _ in range(FRAMES):
            self.said += 1
            self.phone.send(self.rtp_port, voice(self.said))
            self.phone.hear(1)
            heard = {packet.payload for packet in self.phone.packets[first:]}
            if sum(voice(number) in heard for number in range(begun, self.said)) >= 10:
                return
        raise AssertionError(f"nothing of {self.said} frames came back in {len(self.phone.packets)}")

    def hears(self, wanted: Callable[[RtpPacket], bool]) -> None:
        """Wait for a packet."""
        for _ in range(FRAMES):
            if wanted(self.phone.hear(1)[0]):
                return
        raise AssertionError("it is not heard")

    def _sdp(self) -> bytes:
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        return "".join(f"{line}\r\n" for line in [*lines, f"m=audio {self.phone.port} RTP/AVP 0"]).encode()

    def _send(self, method: str, cseq: int, body: bytes = b"") -> None:
        host, port = self.sip.getsockname()
        lines = [
            f"{method} sip:1000@{self.node[0]}:{self.node[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{self.call_id}{method}{cseq}",
            "Max-Forwards: 70",
            f"From: <sip:+15550123@{host}>;tag=caller",
            f"To: {self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:caller@{host}:{port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.sip.sendto("\r\n".join(lines).encode() + b"\r\n\r\n" + body, self.node)

    def _receive(self, is_it: Callable[[Request | Response], bool]) -> Request | Response:
        while True:
            message = parse_message(self.sip.recv(65_536))
            if is_it(message):
                return message


def voice(number: int) -> bytes:
    """A frame like no other, and unlike any tone."""
    return bytes((number * 37 + at * (number % 7 + 1)) % 100 + 1 for at in range(160))


class Callee:
    """The node, and where its calls go."""

    def __init__(self, node: LocalNode, port: int, far: str = "") -> None:
        """`far` is the relay that leads there, "" for none."""
        self.node = node
        self.port = port
        self.far = far

    @contextmanager
    def plays(self, scenario: str, directory: Path, calls: int = 1) -> Iterator[None]:
        """SIPp is the callee meanwhile, sending back what it hears; it must be content in the end."""
        with sipp_plays(scenario, self.port, directory, "-rtp_echo", calls=calls, within_s=WITHIN_S, far=self.far):
            yield

    def records(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Of the caller's call and of the leg, once both are over."""

        def read() -> list[dict[str, Any]]:
            found = [json.loads(line) for line in self.node.command("calls", "--json").stdout.splitlines()]
            return found if all(each["state"] == "ended" for each in found) else []

        found = wait_until("the calls are over", read, WITHIN_S)
        [caller] = [each for each in found if each["direction"] == "inbound"]
        [leg] = [each for each in found if each["direction"] == "outbound"]
        assert leg["parent"] == caller["id"]
        return caller, leg


@contextmanager
def callee_by(way: str, directory: Path) -> Iterator[Callee]:
    """A node, and whom it calls, straight or through a network that loses a tenth of SIP."""
    port = free_port()
    with reached_by(way, port) as (proxy, far):
        extra = ["--set", f"trunks.local.outbound.proxy={proxy}"]
        with LocalNode(NodeSettings(OPERATION, directory / "data", slots=20, extra=extra)) as node:
            yield Callee(node, port, far)
            assert node.stop() == 0
            node.wait_gone()


@pytest.fixture
def callee(tmp_path: Path) -> Iterator[Callee]:
    with callee_by("straight", tmp_path) as found:
        yield found


def test_they_hear_one_another_until_the_caller_hangs_up(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("answer", tmp_path), Caller(callee.node) as caller:
        caller.hears_itself()
        caller.hang_up()
    record, leg = callee.records()
    assert (record["ended_by"], record["steps"][0]["name"]) == ("caller", "connect")
    assert (leg["to"], leg["from"], leg["outcome"]) == ("+15550001", "+18005550100", "answered")
    assert leg["media"]["packets_received"] > 10


@pytest.mark.parametrize("roles", [("active",), ("media",), ("media", "active", "media")], ids=" ".join)
def test_a_conversation_outlives_its_processes(callee: Callee, tmp_path: Path, roles: tuple[str, ...]) -> None:
    with callee.plays("answer", tmp_path), Caller(callee.node) as caller:
        caller.hears_itself()
        for role in roles:
            callee.node.kill(role)
            caller.hears_itself()
        caller.hang_up()
    record, leg = callee.records()
    assert (record["ended_by"], leg["outcome"]) == ("caller", "answered")
    assert len({packet.ssrc for packet in caller.phone.packets}) == 1


def test_the_callee_hangs_up_and_the_flow_goes_on(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("hangs_up", tmp_path), Caller(callee.node) as caller:
        caller.is_hung_up_on()
    record, leg = callee.records()
    assert (record["outcome"], record["outcome_fields"]) == ("talked", {"ended_by": "callee"})
    assert (record["ended_by"], leg["ended_by"]) == ("flow", "callee")


def test_the_callee_is_busy_and_the_caller_hears_it_ring_before(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("busy", tmp_path), Caller(callee.node) as caller:
        caller.is_hung_up_on()
    record, leg = callee.records()
    assert (record["outcome"], record["outcome_fields"]) == ("not_connected", {"reason": "busy"})
    assert leg["outcome"] == "busy"


def test_nobody_answers_and_the_caller_hears_it_ring(callee: Callee, tmp_path: Path) -> None:
    with callee.plays("no_answer", tmp_path), Caller(callee.node) as caller:
        caller.hears(lambda packet: len(set(packet.payload)) > 20)
        caller.hang_up()
    record, leg = callee.records()
    assert record["ended_by"] == "caller"
    assert leg["outcome"] == "cancelled"


@pytest.mark.parametrize("way", WAYS)
def test_rfc3515_2_4_the_callee_hands_the_caller_on_to_a_colleague(tmp_path: Path, way: str) -> None:
    with callee_by(way, tmp_path) as callee:
        is_handed_on(callee, tmp_path)


def is_handed_on(callee: Callee, tmp_path: Path) -> None:
    def legs() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in callee.node.command("calls", "--json").stdout.splitlines()]
        return [each for each in found if each["direction"] == "outbound"]

    def moved() -> bool:
        return [each["state"] == "ended" for each in sorted(legs(), key=lambda each: str(each["to"]))] == [True, False]

    with callee.plays("refers", tmp_path, calls=2), Caller(callee.node) as caller:
        caller.hears_itself()
        wait_until("the agent is released", moved, WITHIN_S)
        caller.hears_itself()
        caller.hang_up()
    wait_until("the calls are over", lambda: all(each["state"] == "ended" for each in legs()), WITHIN_S)
    assert sorted((each["to"], each["outcome"]) for each in legs()) == [
        ("+15550001", "answered"),
        ("+15550002", "answered"),
    ]
