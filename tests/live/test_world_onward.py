"""A call that one carrier brings to another: what each side is sent, and what is told of it."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from callers_sip import Message, parse, sdp_answer, sdp_offer
from world_callee import Behaviour
from world_onward import Onward, Outlet

NODE = ("127.0.0.1", 5060)
WAIT_S = 5.0


@dataclass
class Line:
    """The carrier, as much of it as a call needs."""

    run_id: str = "run"
    host: str = "127.0.0.1"
    port: int = 5070
    sent: list[tuple[bytes, tuple[str, int]]] = field(default_factory=list)
    timers: list[str] = field(default_factory=list)
    ended_calls: list[Any] = field(default_factory=list)

    def now(self) -> float:
        return 1.0

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        self.sent.append((data, to))

    def later(self, _delay_s: float, _call: Any, name: str) -> None:
        self.timers.append(name)

    def ended(self, call: Any) -> None:
        self.ended_calls.append(call)


@dataclass
class Rig:
    """One call, and the edge that it is brought to."""

    line: Line
    outlet: Outlet
    edge: socket.socket
    call: Onward

    def at_the_edge(self) -> Message:
        """The next message there."""
        message = parse(self.edge.recv(65535))
        assert message is not None
        return message

    def at_the_node(self) -> Message:
        """The last that the node was sent."""
        data, to = self.line.sent[-1]
        assert to == NODE
        message = parse(data)
        assert message is not None
        return message

    def comes_back(self, first: str, cseq: str, body: bytes = b"") -> None:
        """The other carrier says something."""
        self.edge.sendto(sip(first, self.call.onward_id, cseq, body), self.outlet.sock.getsockname())
        wait_for(lambda: self.outlet.turn({}, time.monotonic()), self.line.sent)


def sip(first: str, call_id: str, cseq: str, body: bytes = b"") -> bytes:
    head = (
        f"{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=f\r\nTo: <sip:+1@y>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq}\r\nContact: <sip:a@127.0.0.1:5060>\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def wait_for(do: Any, what: list[Any]) -> None:
    """Do it until there is more of what."""
    before, until_s = len(what), time.monotonic() + WAIT_S
    while len(what) == before:
        assert time.monotonic() < until_s
        do()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as edge, contextlib.closing(Outlet("127.0.0.1")) as outlet:
        edge.bind(("127.0.0.1", 0))
        edge.settimeout(WAIT_S)
        invite = parse(sip("INVITE sip:+1@y SIP/2.0", "abc", "1 INVITE", sdp_offer("127.0.0.1", 4000, 0, 1)))
        assert invite is not None
        does = Behaviour(word="onward", status=0, to=edge.getsockname())
        line = Line()
        call = Onward(line, 7, invite, NODE, does, outlet)
        call.start()
        yield Rig(line, outlet, edge, call)


def test_each_side_knows_a_call_of_its_own_and_the_carriers_addresses(rig: Rig) -> None:
    there = rig.at_the_edge()
    assert (there.method, there.one("call-id")) == ("INVITE", rig.call.onward_id)
    assert rig.outlet.contact in there.one("contact")
    answer = sdp_answer(there.body)
    assert answer is not None
    assert rig.call.passage is not None
    assert answer[1] == rig.call.passage.port(rig.call.passage.inner)
    rig.comes_back("SIP/2.0 200 OK", "1 INVITE", sdp_offer("127.0.0.1", 5000, 0, 1))
    back = rig.at_the_node()
    assert (back.status, back.one("call-id"), back.one("contact")) == (200, "abc", "<sip:a@127.0.0.1:5070>")
    answer = sdp_answer(back.body)
    assert answer is not None
    assert answer[1] == rig.call.passage.port(rig.call.passage.outer)
    assert rig.call.facts.answered


def test_audio_goes_through_and_is_counted_and_told_with_both_names(rig: Rig) -> None:
    rig.at_the_edge()
    passage = rig.call.passage
    assert passage is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind(("127.0.0.1", 0))
        far.settimeout(WAIT_S)
        rig.comes_back("SIP/2.0 200 OK", "1 INVITE", sdp_offer("127.0.0.1", far.getsockname()[1], 0, 1))
        far.sendto(b"hello", passage.outer.getsockname())
        until_s = time.monotonic() + WAIT_S
        while not rig.call.told()["there"]:
            assert time.monotonic() < until_s
            rig.outlet.turn({}, time.monotonic())
        assert far.recv(100) == b"hello"
    bye = parse(sip("BYE sip:x@y SIP/2.0", "abc", "2 BYE"))
    assert bye is not None
    rig.call.on_message(bye, NODE)
    rig.comes_back("SIP/2.0 200 OK", "2 BYE")
    assert rig.line.ended_calls == [rig.call]
    assert rig.call.ended_by == "caller"
    assert rig.call.told() == {"onward": rig.call.onward_id, "there": 1, "back": 0, "muted": False}


def test_a_refusal_ends_it_and_its_ack_still_goes_on(rig: Rig) -> None:
    rig.at_the_edge()
    rig.comes_back("SIP/2.0 486 Busy Here", "1 INVITE")
    assert (rig.line.ended_calls, rig.call.facts.status) == ([rig.call], 486)
    ack = parse(sip("ACK sip:+1@y SIP/2.0", "abc", "1 ACK"))
    assert ack is not None
    rig.call.on_message(ack, NODE)
    assert rig.at_the_edge().method == "ACK"


@pytest.mark.parametrize(("name", "error"), [("unanswered", "no final response"), ("gone", "no response to BYE")])
def test_one_of_which_nothing_is_heard_ends_by_itself(rig: Rig, name: str, error: str) -> None:
    rig.call.on_timer(name)
    assert (rig.line.ended_calls, rig.call.ended_by, rig.call.facts.error) == ([rig.call], "nobody", error)


def test_a_carrier_that_is_dead_brings_nothing_back(rig: Rig) -> None:
    rig.edge.sendto(sip("SIP/2.0 200 OK", rig.call.onward_id, "1 INVITE"), rig.outlet.sock.getsockname())
    until_s = time.monotonic() + WAIT_S
    while not _is_read(rig.outlet.sock):
        assert time.monotonic() < until_s
        rig.outlet.turn({"black-holed": 0}, time.monotonic())
    assert rig.line.sent == []


def _is_read(sock: socket.socket) -> bool:
    """Whether nothing waits there."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    return False
