"""SIPp by TCP: one connection for all calls (t1), one for each (tn), IPv4 and IPv6.

A scene whose ACK is late cannot be played: SIPp 3.6 aborts where a 2xx comes again over TCP (RFC 3261 §13.3.1.4).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode
from tests.live.sipp_runner import Run, sipp
from tests.live.test_sipp import own_node

pytestmark = pytest.mark.needs_program("sipp")


@pytest.fixture(scope="module")
def tcp_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    """One for all; no scenario harms it."""
    with own_node(tmp_path_factory.mktemp("node")) as node:
        yield node


@pytest.mark.parametrize("mode", ["t1", "tn"])
@pytest.mark.parametrize(
    ("scenario", "number", "calls"),
    [
        ("hang_up", "2000", 40),  # RFC 3261 §13, §15
        ("hung_up_on", "2002", 10),  # RFC 3261 §15.1.1
        ("hold", "2000", 10),  # RFC 3261 §14
        ("cancel", "2001", 10),  # RFC 3261 §9.2
        ("record_route", "2002", 5),  # RFC 3261 §12.2.1.1
        ("options", "2000", 10),  # RFC 3261 §11.2
        ("unknown", "4711", 10),  # RFC 3261 §8.2
    ],
)
def test_scene_by_tcp(tcp_node: LocalNode, tmp_path: Path, mode: str, scenario: str, number: str, calls: int) -> None:
    sipp(tcp_node, tmp_path, Run(scenario, number, calls, rate=calls, transport=mode))


def test_calls_by_tcp_over_ipv6(tmp_path: Path) -> None:
    with own_node(tmp_path, sip="[::1]:0") as node:
        for scenario, number in (("hang_up", "2000"), ("hung_up_on", "2002")):
            sipp(node, tmp_path, Run(scenario, number, 5, host="::1", transport="t1"))
