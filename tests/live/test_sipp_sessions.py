"""SIPp as a caller whose session goes on, and as one that reaches the node by other addresses."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepline.config import embedded_operation_path
from keepline.demo_node import LocalNode, NodeSettings, free_port
from tests.live.test_sipp import sipp

pytestmark = pytest.mark.needs_program("sipp")


@contextmanager
def node_at(sip: str, directory: Path, *extra: str) -> Iterator[LocalNode]:
    """A node that listens there."""
    node = LocalNode(NodeSettings(embedded_operation_path(), directory / "data", slots=20, extra=list(extra)))
    node.sip = sip
    with node:
        yield node
        assert node.stop() == 0


def test_hold_resume_and_another_codec_over_a_network_that_loses(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "sessions", "2000", calls=20, rate=20)


def test_an_offer_of_ours_is_answered_late(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "late_offer", "3000", calls=5, rate=5)


def test_a_key_by_info_ends_the_first_prompt(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, "info", "1000", calls=3, rate=3)


def test_a_call_over_ipv6(tmp_path: Path) -> None:
    with node_at(f"[::1]:{free_port(socket.SOCK_DGRAM)}", tmp_path) as node:
        assert node.sip.startswith("[::1]:")
        sipp(node, tmp_path, "press", "1000", calls=1, rate=1, host="::1")
        record = json.loads(node.command("calls", "--json").stdout.splitlines()[-1])
        assert record["media"]["packets_sent"] > 0
        assert record["steps"][0]["result"] == "4", "the key came by RTP over IPv6"


def test_a_node_that_listens_everywhere_says_where_it_is(tmp_path: Path) -> None:
    told = "sip.advertised=127.0.0.1"
    with node_at(f"0.0.0.0:{free_port(socket.SOCK_DGRAM)}", tmp_path, "--set", told) as node:
        node.sip = node.sip.replace("0.0.0.0", "127.0.0.1")
        sipp(node, tmp_path, "press", "1000", calls=1, rate=1)
        sipp(node, tmp_path, "hang_up", "2000", calls=2, rate=2)
