"""The bad network itself: it does what it is told, the same for the same seed, and counts it."""

import socket
from collections import Counter

from keepline.demo_node import wait_until
from tests.live.lossy_relay import CLEAR, LossyRelay, Weather, begun_by, parse_address

WITHIN_S = 20.0
INVITE = b"INVITE sip:1 SIP/2.0\r\nTo: <sip:1@x>\r\nCall-ID: %d@x\r\n\r\n"


def sent_through(weather: Weather, seed: int, packets: int = 500) -> tuple[Counter[str], list[bytes], LossyRelay]:
    """What the relay counted and what came out at the node's end."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
    ):
        node.bind(("127.0.0.1", 0))
        node.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with LossyRelay(f"127.0.0.1:{node.getsockname()[1]}", weather, seed) as relay:
            front, counts = parse_address(relay.front), relay.counts
            for number in range(packets):
                caller.sendto(INVITE % number, front)
            expected = lambda: counts["to_node.arrived"] - counts["to_node.lost"] + counts["to_node.doubled"]  # noqa: E731
            wait_until("all are judged", lambda: counts["to_node.arrived"] == packets, WITHIN_S)
            wait_until("all are out", lambda: counts["to_node.sent"] == expected(), WITHIN_S)
            came = [node.recv(2000) for _ in range(counts["to_node.sent"])]
            node.sendto(b"back", parse_address(relay.back))
            wait_until("the answer is judged", lambda: counts["to_caller.arrived"] == 1, WITHIN_S)
            return counts.copy(), came, relay


def test_a_bad_network_loses_doubles_and_reorders_by_its_seed() -> None:
    weather = Weather(loss=0.3, duplication=0.2, delay_s=0.0, jitter_s=0.001, reordering=0.2, late_s=0.05)
    counts, came, relay = sent_through(weather, 7)
    assert 100 < counts["to_node.lost"] < 200
    assert counts["to_node.doubled"] > 30
    assert came != sorted(came, key=lambda data: int(data.partition(b"Call-ID: ")[2].partition(b"@")[0]))
    assert {begun_by(data) for data in came} == relay.passed_calls < relay.sent_calls
    assert len(relay.sent_calls) == 500
    again, _, _ = sent_through(weather, 7)
    assert again == counts
    other, _, _ = sent_through(weather, 8)
    assert other != counts


def test_a_clear_network_changes_nothing() -> None:
    counts, came, relay = sent_through(CLEAR, 1, packets=100)
    assert counts["to_node.sent"] == counts["to_node.arrived"] == 100
    assert came == [INVITE % number for number in range(100)]
    assert relay.passed_calls == relay.sent_calls


def test_who_comes_after_hears_nothing_of_calls_before() -> None:
    """A CANCEL that nobody has answered is repeated, and would be a call of its own to the next one."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
    ):
        node.bind(("127.0.0.1", 0))
        node.settimeout(WITHIN_S)
        with LossyRelay(f"127.0.0.1:{node.getsockname()[1]}", CLEAR) as relay:
            front = parse_address(relay.front)
            caller.sendto(INVITE % 1, front)
            assert node.recv(2000) == INVITE % 1
            relay.part()
            for message in (b"CANCEL sip:1 SIP/2.0\r\nCall-ID: 1@x\r\n\r\n", INVITE % 1, INVITE % 2):
                caller.sendto(message, front)
            assert node.recv(2000) == INVITE % 2
            assert relay.counts["to_node.over"] == 2
