"""What a node answers, seen from one UDP socket: texts in, texts out."""

import socket
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from callers_sip import Message, parse, response_to, sdp_answer, sdp_offer

from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, wait_until

ANSWER_WITHIN_S = 10.0
NUMBERS = count(1)


class Wire:
    """A socket, and one dialog's worth of names."""

    def __init__(self, node: LocalNode) -> None:
        host, _, port = node.sip.rpartition(":")
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.connect((host, int(port)))
        self.sock.settimeout(ANSWER_WITHIN_S)
        self.node, self.host, self.port = node, host, self.sock.getsockname()[1]
        self.call_id = f"wire-{self.port}-{next(NUMBERS):04d}"

    def request(self, method: str, user: str = "2000", cseq: int = 1, branch: str = "1", to_tag: str = "") -> bytes:
        body = sdp_offer(self.host, 9000, 0, 1) if method == "INVITE" else b""
        return (
            f"{method} sip:{user}@{self.node.sip} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{self.call_id}{branch}\r\n"
            f"From: <sip:{self.call_id}@{self.host}>;tag=t\r\nTo: <sip:{user}@{self.node.sip}>{to_tag}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:tester@{self.host}:{self.port}>\r\n"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def send(self, data: bytes) -> None:
        self.sock.send(data)

    def receive(self) -> Message:
        message = parse(self.sock.recv(65535))
        assert message is not None
        return message

    def final(self, method: str) -> Message:
        """The next final response to a request of that method; what comes before it is passed over."""
        while True:
            message = self.receive()
            if message.status >= 200 and message.one("cseq").endswith(method):
                return message

    def call(self, user: str) -> Message:
        """INVITE, 200, ACK; the 200."""
        self.send(self.request("INVITE", user))
        answer = self.final("INVITE")
        assert answer.status == 200
        self.send(self.request("ACK", user, branch="ack", to_tag=tag_of(answer)))
        return answer

    def hang_up(self, user: str, answer: Message) -> None:
        self.send(self.request("BYE", user, cseq=2, branch="bye", to_tag=tag_of(answer)))
        assert self.final("BYE").status == 200


def tag_of(message: Message) -> str:
    return ";tag=" + message.one("to").partition(";tag=")[2]


@pytest.fixture
def wire(calm_node: LocalNode) -> Iterator[Wire]:
    found = Wire(calm_node)
    with found.sock:
        yield found


def crowd(
    node: LocalNode, number: str, *options: str, law: str = "ulaw"
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    with Crowd(node.uri(number), [*options, *prompt_options(node.prompts(law))]) as callers:
        summary = callers.wait(90)
    return callers.reports, summary


def assert_good(reports: list[dict[str, Any]], calls: int) -> None:
    assert [report["faults"] for report in reports] == [[]] * calls


def test_options_is_answered_with_what_is_allowed(wire: Wire) -> None:
    wire.send(wire.request("OPTIONS"))
    answer = wire.final("OPTIONS")
    assert answer.status == 200
    assert {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"} <= set(answer.one("allow").replace(",", " ").split())


def test_an_unknown_number_is_404(wire: Wire) -> None:
    wire.send(wire.request("INVITE", "4711"))
    answer = wire.final("INVITE")
    wire.send(wire.request("ACK", "4711", to_tag=tag_of(answer)))
    assert answer.status == 404


def test_an_unknown_dialog_is_481(wire: Wire) -> None:
    wire.send(wire.request("BYE", to_tag=";tag=nobody"))
    assert wire.final("BYE").status == 481


def test_an_unknown_method_is_refused_with_what_is_allowed(wire: Wire) -> None:
    wire.send(wire.request("PONDER"))
    answer = wire.final("PONDER")
    assert answer.status in (405, 501)


def test_an_answer_offers_g711_and_digits(wire: Wire) -> None:
    answer = wire.call("2000")
    host, port, codec, event = sdp_answer(answer.body) or ("", 0, -1, -1)
    first, last = wire.node.rtp_ports
    assert (host, codec, event) == ("127.0.0.1", 0, 101)
    assert first <= port <= last
    wire.hang_up("2000", answer)


def test_a_repeated_invite_is_one_call(wire: Wire) -> None:
    invite = wire.request("INVITE")
    wire.send(invite)
    wire.send(invite)
    answer = wire.final("INVITE")
    wire.send(invite)
    again = wire.final("INVITE")
    assert (again.status, tag_of(again), again.body) == (200, tag_of(answer), answer.body)
    wire.send(wire.request("ACK", branch="ack", to_tag=tag_of(answer)))
    wire.hang_up("2000", answer)
    assert len([record for record in wire.node.calls() if wire.call_id in str(record)]) == 1


def test_an_answer_without_ack_is_repeated(wire: Wire) -> None:
    wire.send(wire.request("INVITE"))
    answers = [wire.final("INVITE") for _ in range(3)]
    assert len({tag_of(answer) for answer in answers}) == 1
    wire.send(wire.request("ACK", branch="ack", to_tag=tag_of(answers[0])))
    wire.hang_up("2000", answers[0])


def test_cancel_ends_a_call_or_comes_too_late(wire: Wire) -> None:
    """INVITE and CANCEL lie in the node's queue together; either may win, and both ends agree on which did."""
    wire.send(wire.request("INVITE"))
    wire.send(wire.request("CANCEL"))
    answers = {}
    while len(answers) < 2:
        message = wire.receive()
        if message.status >= 200:
            answers[message.one("cseq").partition(" ")[2]] = message
    assert answers["CANCEL"].status == 200
    invite = answers["INVITE"]
    if invite.status == 200:
        wire.send(wire.request("ACK", branch="ack", to_tag=tag_of(invite)))
        wire.hang_up("2000", invite)
    else:
        wire.send(wire.request("ACK", to_tag=tag_of(invite)))
        assert invite.status == 487


def test_a_repeated_bye_is_answered_again(wire: Wire) -> None:
    answer = wire.call("2000")
    bye = wire.request("BYE", cseq=2, branch="bye", to_tag=tag_of(answer))
    wire.send(bye)
    assert wire.final("BYE").status == 200
    wire.send(bye)
    assert wire.final("BYE").status == 200


def test_the_node_hangs_up_and_repeats_its_bye(wire: Wire) -> None:
    wire.send(wire.request("INVITE", "1000"))
    answer = wire.final("INVITE")
    wire.send(wire.request("ACK", "1000", branch="ack", to_tag=tag_of(answer)))
    wire.sock.settimeout(30)
    byes = []
    while len(byes) < 2:
        message = wire.receive()
        if message.method == "BYE":
            byes.append(message)
    assert byes[0].one("via") == byes[1].one("via")
    wire.send(response_to(byes[1], 200))


def test_1000_speaks_and_hangs_up(calm_node: LocalNode) -> None:
    reports, _ = crowd(calm_node, "1000", "--calls", "2", "--rate", "5", "--expect", "welcome,goodbye")
    assert_good(reports, 2)


def test_1000_is_interrupted_by_a_digit(calm_node: LocalNode) -> None:
    reports, _ = crowd(
        calm_node, "1000", "--calls", "5", "--rate", "5", "--digits", "random@0.5-5", "--expect", "welcome*,goodbye"
    )
    assert_good(reports, 5)
    assert all(not report["heard"][0]["complete"] for report in reports)


def test_1000_speaks_a_law_too(calm_node: LocalNode) -> None:
    options = ["--calls", "1", "--codec", "pcma", "--digits", "4@0.5", "--expect", "welcome*,goodbye"]
    reports, _ = crowd(calm_node, "1000", *options, law="alaw")
    assert_good(reports, 1)


def test_2000_waits_for_bye(calm_node: LocalNode) -> None:
    reports, _ = crowd(calm_node, "2000", "--calls", "5", "--rate", "10", "--hang-up-after", "1.5")
    assert_good(reports, 5)
    assert all(report["heard"] == [] for report in reports)


def test_3000_plays_until_bye(calm_node: LocalNode) -> None:
    reports, _ = crowd(calm_node, "3000", "--calls", "3", "--hang-up-after", "4", "--rate", "10", "--expect", "music+")
    assert_good(reports, 3)


def test_a_call_cancelled_at_once_ends_well_either_way(calm_node: LocalNode) -> None:
    reports, _ = crowd(calm_node, "1000", "--calls", "10", "--rate", "20", "--cancel-after", "0")
    assert_good(reports, 10)
    assert all(report["status"] in (200, 487) for report in reports)


def test_the_records_are_those_calls_and_no_others(calm_node: LocalNode) -> None:
    before = len(calm_node.calls())
    reports, _ = crowd(calm_node, "2000", "--calls", "10", "--rate", "20", "--hang-up-after", "0.2")
    assert_good(reports, 10)
    wait_until("every record is written", lambda: len(calm_node.calls()) >= before + 10, 10)
    records = [str(record) for record in calm_node.calls()]
    assert len(records) == before + 10
    for report in reports:
        assert sum(report["caller"] in record for record in records) == 1
