"""A caller that holds, resumes and is transferred: what it sends, when again, and what it says of its requests."""

import socket
from typing import Any

from callers_sip import Message, State, parse
from mixed_caller import MixedCaller, TcpLine
from mixed_kinds import KINDS, Part

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 40002 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


class Socket:
    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 6000


class Leg:
    sock = Socket()


class Line:
    """A crowd of one: it keeps what is sent and set."""

    host, port, codec, target_host, target_port = "127.0.0.1", 5555, 0, "127.0.0.1", 5060

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.timers: list[str] = []
        self.ends = 0
        self.clock = 100.0

    def now(self) -> float:
        return self.clock

    def send(self, data: bytes, to: Any = None) -> None:
        message = parse(data)
        assert message is not None
        self.sent.append(message)

    def later(self, delay_s: float, caller: Any, name: str) -> None:
        self.timers.append(name)

    def rtp_port(self, caller: Any) -> int:
        caller.leg = Leg()
        return 6000

    def talk(self, caller: Any, *remote: Any) -> None:
        return

    def ended(self, caller: Any) -> None:
        self.ends += 1

    def methods(self) -> list[str]:
        return [message.method or str(message.status) for message in self.sent]


def answer(line: Line, status: int, method: str, body: bytes = b"") -> Message:
    request = next(sent for sent in reversed(line.sent) if sent.method == method)
    headers = dict(request.headers) | {"to": [f"{line.sent[0].one('to')};tag=t"]}
    return Message("", status, headers | {"contact": ["<sip:node@127.0.0.1:5060>"]}, body)


def talking() -> tuple[Line, MixedCaller]:
    line = Line()
    caller = MixedCaller(line, 3, "abc-3@127.0.0.1", "1000", Part(kind=KINDS["hold"]))
    caller.start()
    caller.on_message(answer(line, 200, "INVITE", SDP), 100.5)
    assert caller.state is State.TALKING
    return line, caller


def refer(cseq: int) -> Message:
    headers = {"via": ["SIP/2.0/UDP 127.0.0.1:5060;branch=z9"], "from": ["<sip:n@h>;tag=t"], "to": ["<sip:c@h>;tag=c3"],
               "call-id": ["abc-3@127.0.0.1"], "cseq": [f"{cseq} REFER"]}  # fmt: skip
    return Message("REFER", 0, headers, b"")


def test_rfc3264_8_4_a_hold_is_offered_acknowledged_and_timed() -> None:
    line, caller = talking()
    answered: list[float] = []
    caller.change("sendonly", lambda message, at: answered.append(at))
    offer = line.sent[-1]
    assert (offer.method, offer.one("cseq")) == ("INVITE", "2 INVITE")
    assert b"a=sendonly" in offer.body
    assert b"a=sendrecv" not in offer.body
    caller.on_message(answer(line, 200, "INVITE", SDP), 100.25)
    caller.on_message(answer(line, 200, "INVITE", SDP), 100.5)
    assert answered == [100.25]
    assert [sent.one("cseq") for sent in line.sent if sent.method == "ACK"] == ["1 ACK", "2 ACK", "2 ACK"]
    assert caller.requests == [("INVITE", 100.0, 250.0)]


def test_a_request_is_sent_again_until_it_is_answered_and_ends_the_call_when_it_is_not() -> None:
    line, caller = talking()
    caller.notify("100 Trying", is_last=False)
    caller.on_timer("again 2")
    assert line.methods()[-2:] == ["NOTIFY", "NOTIFY"]
    assert line.sent[-1].one("via") == line.sent[-2].one("via")
    caller.on_timer("unanswered 2")
    assert caller.facts.error == "no response to NOTIFY"
    assert (line.methods()[-1], line.sent[-1].one("cseq")) == ("BYE", "3 BYE")


def test_a_refusal_of_a_hold_is_a_fault_of_the_call() -> None:
    line, caller = talking()
    caller.change("sendonly", lambda message, at: None)
    caller.on_message(answer(line, 500, "INVITE"), 101.0)
    assert caller.facts.error == "INVITE was answered 500"


def test_rfc3515_a_refer_that_comes_again_is_answered_again_and_counts_once() -> None:
    line, caller = talking()
    begun: list[int] = []
    caller.on_refer = lambda: begun.append(1)
    for cseq in (1, 1):
        caller.on_message(refer(cseq), 101.0)
    assert (line.methods()[-2:], begun, len(caller.refers)) == (["202", "202"], [1], 1)
    caller.on_message(refer(2), 102.0)
    assert (begun, len(caller.refers)) == ([1], 2)


def test_what_was_never_answered_is_told_with_the_call() -> None:
    line, caller = talking()
    caller.notify("100 Trying", is_last=False)
    caller.hang_up()
    caller.on_message(answer(line, 200, "BYE"), 101.0)
    assert line.ends == 1
    assert [(method, ms) for method, _, ms in caller.requests] == [("INVITE", 500.0), ("BYE", 1000.0), ("NOTIFY", None)]


def test_rfc3261_18_3_messages_of_a_connection_are_cut_apart_by_their_length() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        class Crowd:
            target_host, target_port = server.getsockname()
            codec = 0

        line = TcpLine(Crowd())
        peer, _ = server.accept()
        with peer, line.sock:
            assert line.codec == 0
            line.send(b"hello")
            assert peer.recv(5) == b"hello"
            first, second = b"A b SIP/2.0\r\nContent-Length: 3\r\n\r\nxyz", b"C d SIP/2.0\r\nl: 0\r\n\r\n"
            peer.sendall(first + second[:9])
            found: list[bytes] = []
            while not found:
                found = line.read()
            assert found == [first]
            peer.sendall(second[9:])
            found = []
            while not found:
                found = line.read()
            assert found == [second]
            peer.close()
            while not line.is_closed:
                line.read()


def test_a_caller_by_tcp_says_so_and_repeats_nothing() -> None:
    line, caller = talking()
    caller.is_tcp = True
    before = len(line.sent)
    for name in ("resend_invite", "resend_bye", "resend_cancel"):
        caller.on_timer(name)
    assert len(line.sent) == before
    caller.change("sendonly", lambda message, at: None)
    assert line.sent[-1].one("via").startswith("SIP/2.0/TCP ")
    assert line.sent[-1].one("contact").endswith(";transport=tcp>")
    assert "again 2" not in line.timers
