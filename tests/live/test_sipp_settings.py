"""SIPp against nodes that are set up otherwise, full, stopping, strangers to it, or reached by other addresses."""

import contextlib
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, free_port, keepline_command, wait_until
from tests.live.lossy_relay import Weather
from tests.live.sipp_runner import WAYS, Run, sipp
from tests.live.test_sipp import own_node

pytestmark = pytest.mark.needs_program("sipp")

WITHIN_S = 30.0
SETTLED_WITHIN_S = 100.0
"""64*T1 for the ACK of an answer, and as long for that of a BYE."""
FLOOD = 3000
"""Calls at once."""


class Listener:
    """A port of our own that audio is sent to."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.port = str(self.sock.getsockname()[1])

    def taken(self) -> list[bytes]:
        """Every packet that has come; it listens no longer."""
        found: list[bytes] = []
        with self.sock, contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.sock.recv(2000))
        return found


@pytest.mark.parametrize("way", WAYS)
def test_rfc3264_8_3_audio_moves_to_another_port(calm_node: LocalNode, tmp_path: Path, way: str) -> None:
    before, after = Listener(), Listener()
    keys = {"port_before": before.port, "port_after": after.port}
    sipp(calm_node, tmp_path, Run("media_move", "3000", calls=1, way=way, keys=keys))
    first, second = ([int.from_bytes(packet[2:4]) for packet in each.taken()] for each in (before, after))
    assert len(first) >= 25
    assert len(second) >= 25
    assert (second[0] - first[-1]) % 65536 == 1, "one stream, no packet twice, none left out"


@pytest.mark.parametrize("way", WAYS)
def test_rfc4566_6_packets_are_as_long_as_asked_for(calm_node: LocalNode, tmp_path: Path, way: str) -> None:
    listener = Listener()
    sipp(calm_node, tmp_path, Run("ptime_30", "3000", calls=1, way=way, keys={"port_before": listener.port}))
    packets = listener.taken()
    assert {len(packet) for packet in packets} == {12 + 240}
    assert len(packets) >= 15


@pytest.mark.parametrize("way", WAYS)
def test_a_listener_hears_both_prompts(calm_node: LocalNode, tmp_path: Path, way: str) -> None:
    sipp(calm_node, tmp_path, Run("listen", "1000", calls=2, way=way))


def test_a_key_by_rfc4733_ends_the_first_prompt(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, Run("press", "1000", calls=1))


def test_a_key_by_info_ends_the_first_prompt(calm_node: LocalNode, tmp_path: Path) -> None:
    sipp(calm_node, tmp_path, Run("info", "1000", calls=2))


def test_cancel_crosses_the_answer(calm_node: LocalNode, tmp_path: Path) -> None:
    # A network that takes its time and loses nothing: SIPp repeats one request at a time, and here two are under way.
    far = Weather(loss=0, duplication=0, delay_s=0.1, jitter_s=0, reordering=0)
    sipp(calm_node, tmp_path, Run("cancel_crossing", "2000", calls=20, rate=20, way="lossy", weather=far))
    ended = [record["sip_status"] for record in calm_node.calls() if record["to"] == "2000"]
    assert ended[-20:] == [200] * 20


def test_rfc4028_10_a_session_that_nobody_refreshes_is_hung_up(calm_node: LocalNode, tmp_path: Path) -> None:
    runs = [Run("timer_expiry", "2000", calls=2, way=way) for way in WAYS]
    failed: list[BaseException] = []

    def go(run: Run) -> None:
        try:
            sipp(calm_node, tmp_path, run)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=go, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    reasons = [record["reason"] for record in calm_node.calls()]
    assert reasons.count("session expired without a refresh") == 4


@pytest.mark.parametrize("way", WAYS)
def test_a_node_that_stops_takes_no_calls(tmp_path: Path, way: str) -> None:
    with own_node(tmp_path) as node, Crowd(node.uri("2000"), ["--calls", "1", "--rtp", "none"]) as crowd:
        wait_until("the call is live", lambda: node.glance()["live_calls"] == 1, WITHIN_S)
        with subprocess.Popen(
            [*keepline_command(), "stop", "--data", str(node.settings.data)], stdout=subprocess.PIPE, text=True
        ) as stop:
            wait_until("it drains", lambda: node.glance()["state"] == "stopping", WITHIN_S)
            sipp(node, tmp_path, Run("draining", "2000", calls=5, way=way))
            crowd.hang_up()
            stop.communicate(timeout=60)
        node.wait_gone()
        assert stop.returncode == 0


@pytest.mark.parametrize("way", WAYS)
def test_rfc3261_8_2_7_a_full_node_sheds_without_a_time(tmp_path: Path, way: str) -> None:
    with (
        own_node(tmp_path, "--set", "sip.calls_max=1") as node,
        Crowd(node.uri("2000"), ["--calls", "1", "--rtp", "none"]),
    ):
        wait_until("the call is live", lambda: node.glance()["live_calls"] == 1, WITHIN_S)
        sipp(node, tmp_path, Run("shed", "2000", calls=400, rate=1000, way=way))
        refused = [record for record in node.calls() if record["sip_status"] == 503]
        assert 0 < len(refused) < 400, "beyond 200 a second the answer is all that a caller gets"


def test_rfc3261_21_5_4_each_of_a_flood_is_served_or_refused_and_none_is_left(tmp_path: Path) -> None:
    with own_node(tmp_path) as node:
        sipp(node, tmp_path, Run("flood", "2000", calls=FLOOD, rate=10 * FLOOD))
        # A process that is killed for being slow takes along what it refused: a copy is a call that nobody takes then.
        wait_until("the node is done", lambda: node.glance()["live_calls"] == 0, SETTLED_WITHIN_S)
        records = node.calls()
        assert {record["sip_status"] for record in records} <= {200, 503}
        assert 0 < len(records) < FLOOD, "more than any machine can take at once"


@pytest.mark.parametrize(("way", "settings"), [*((way, "refuse") for way in WAYS), ("straight", "ignore")])
def test_strangers_are_refused_or_ignored(tmp_path: Path, way: str, settings: str) -> None:
    peers = 'trunks.loopback.peers=["127.0.0.77/32"]'
    with own_node(tmp_path, "--set", peers, "--set", f"sip.strangers={settings}") as node:
        scenario = "stranger_refused" if settings == "refuse" else "stranger_ignored"
        sipp(node, tmp_path, Run(scenario, "2000", calls=1, way=way))
        statuses = [record["sip_status"] for record in node.calls()]
        assert statuses == ([403] if settings == "refuse" else [])


@pytest.mark.parametrize("way", WAYS)
def test_a_call_over_ipv6(tmp_path: Path, way: str) -> None:
    with own_node(tmp_path, sip=f"[::1]:{free_port()}") as node:
        assert node.sip.startswith("[::1]:")
        for scenario, number in (
            ("hang_up", "2000"),
            ("hold", "2000"),
            ("hung_up_on", "2002"),
            ("record_route", "2002"),
        ):
            sipp(node, tmp_path, Run(scenario, number, calls=3, way=way, host="::1"))


def test_a_key_over_ipv6(tmp_path: Path) -> None:
    with own_node(tmp_path, sip=f"[::1]:{free_port()}") as node:
        sipp(node, tmp_path, Run("press", "2003", calls=1, host="::1"))
        record = node.calls()[-1]
        assert record["media"]["packets_sent"] > 0
        assert record["steps"][0]["result"] == "4", "the key came by RTP over IPv6"


def test_a_node_that_listens_everywhere_says_where_it_is(tmp_path: Path) -> None:
    told = "sip.advertised=127.0.0.1"
    with own_node(tmp_path, "--set", told, sip=f"0.0.0.0:{free_port()}") as node:
        node.sip = node.sip.replace("0.0.0.0", "127.0.0.1")
        for way in WAYS:
            sipp(node, tmp_path, Run("hang_up", "2000", calls=5, way=way))
        sipp(node, tmp_path, Run("press", "2003", calls=1))
