"""The error queue of a real UDP socket: what was sent to a port where nobody listens comes back (RFC 3261 §18.4)."""

import select
import socket

import pytest

from keepline.call.inputs import RequestBounced
from keepline.model.limits import SIP_BOUNCES_PER_READ_MAX
from keepline.node import sip_bounces
from keepline.node.sip_intake import Intake

WAIT_MS = 10_000
INVITE = (
    "INVITE sip:1000@{host} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK-{number};rport\r\n"
    "Content-Length: 0\r\nX: " + "x" * 900 + "\r\n\r\n"
)


def bound(family: socket.AddressFamily, host: str) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.setblocking(False)
    return made


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_rfc3261_18_4_a_request_to_nobody_is_told_and_sending_goes_on(family: socket.AddressFamily, host: str) -> None:
    nobody, somebody = bound(family, host), bound(family, host)
    gone, there = nobody.getsockname()[:2], somebody.getsockname()[:2]
    nobody.close()
    intake, poll = Intake(), select.poll()
    with somebody, sip_bounces.watched(bound(family, host)) as sip:
        poll.register(sip, select.POLLIN)
        for number in range(3):
            sip_bounces.send(sip, INVITE.format(host=host, number=number).encode(), gone)
            sip_bounces.send(sip, b"hello", there)
        sip_bounces.send(sip, b"no request of ours", gone)
        found: list[RequestBounced] = []
        while len(found) < 3:
            assert poll.poll(WAIT_MS), "the kernel tells of it"
            intake.read(sip, 0.0)
            found += [each for each in intake.take(0.0) if isinstance(each, RequestBounced)]
        assert [(each.method, each.branch, each.peer) for each in found] == [
            ("INVITE", f"z9hG4bK-{number}", gone) for number in range(3)
        ]
        assert found[0].why.startswith("unreachable (ICMP")
        intake.read(sip, 0.0)
        assert not poll.poll(0), "nothing is left that would wake the process again and again"
        assert [somebody.recv(100) for _ in range(3)] == [b"hello"] * 3


def test_so_many_are_read_at_a_time() -> None:
    nobody = bound(socket.AF_INET, "127.0.0.1")
    gone = nobody.getsockname()
    nobody.close()
    with sip_bounces.watched(bound(socket.AF_INET, "127.0.0.1")) as sip:
        sip.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        for number in range(SIP_BOUNCES_PER_READ_MAX + 50):
            sip_bounces.send(sip, INVITE.format(host="127.0.0.1", number=number).encode(), gone)
        assert len(list(sip_bounces.read(sip))) == SIP_BOUNCES_PER_READ_MAX
        assert list(sip_bounces.read(sip))
