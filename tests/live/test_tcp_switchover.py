"""TCP connections outlive the processes of a node: each call goes on, and ends, over the connection that it came by."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.killing import complete
from keepline.demo_node import LocalNode, wait_until
from keepline.sip.message import Response
from tests.live.sipp_runner import Run, sipp
from tests.live.tcp_phone import TcpPhone
from tests.live.test_sipp import own_node

GONE_WITHIN_S = 30


@pytest.fixture
def brief_node(tmp_path: Path) -> Iterator[LocalNode]:
    """A node with SIPp's operation: 2000 waits for BYE, 2002 sends one after a second."""
    with own_node(tmp_path) as node:
        wait_until("the node is complete", lambda: complete(node), 30)
        yield node


def connections(node: LocalNode) -> int:
    return int(node.status()["sip_tcp"]["connections"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_same_connection_carries_the_bye_after_the_active_process_died(brief_node: LocalNode, number: int) -> None:
    with TcpPhone(brief_node.sip) as phone, TcpPhone(brief_node.sip) as other:
        phone.call("2002")
        other.call("2000")
        brief_node.kill("active", number)
        bye = phone.bye()
        assert bye.top_via.transport == "TCP"
        assert other.hang_up("2000").status == 200
        phone.call("2000")  # and it serves further calls
        assert phone.hang_up("2000").status == 200
    records = wait_until("all have ended", lambda: ended(brief_node, 3), 15)
    assert sorted(record["ended_by"] for record in records) == ["caller", "caller", "flow"]


def ended(node: LocalNode, wanted: int) -> list[dict[str, object]]:
    records = [record for record in node.calls() if record.get("ended_at")]
    return records if len(records) >= wanted else []


def test_a_message_that_was_half_there_when_the_active_process_died_is_read_whole_by_its_successor(
    brief_node: LocalNode,
) -> None:
    with TcpPhone(brief_node.sip) as phone:
        phone.send(b"\r\n\r\n")
        assert phone.sock.recv(2) == b"\r\n"  # it is read: the node has the connection
        invite = phone.invite("2000")
        phone.send(invite[:100])
        brief_node.kill("active")
        phone.send(invite[100:])
        answer = phone.final()
        assert answer.status == 200
        phone.acknowledge("2000", answer)
        assert phone.hang_up("2000").status == 200


def test_calls_begun_and_ended_over_one_connection_while_the_active_process_dies_again_and_again(
    brief_node: LocalNode,
) -> None:
    deaths = 0
    with TcpPhone(brief_node.sip) as phone:
        for call in range(60):
            if call % 20 == 10:
                wait_until("the node is complete", lambda: complete(brief_node), 30)
                brief_node.kill("active")
                deaths += 1
            phone.send(phone.invite("2000"))
            answer = phone.final()
            while answer.cseq.method != "INVITE":  # a successor says again what its predecessor may have said
                answer = phone.final()
            assert answer.status == 200
            phone.acknowledge("2000", answer)
            while True:
                response = phone.hang_up("2000") if response_is_of("INVITE", answer) else answer
                if response_is_of("BYE", response):
                    break
                answer = response
    assert deaths == 3
    records = wait_until("all have ended", lambda: ended(brief_node, 60), 15)
    assert len(records) == 60


def response_is_of(method: str, response: Response) -> bool:
    return response.cseq.method == method


@pytest.mark.needs_program("sipp")
def test_sipp_loses_no_call_by_tcp_while_the_active_process_dies(brief_node: LocalNode, tmp_path: Path) -> None:
    command = ["bash", "-c", "sleep 1.5; kill -9 $0", str(brief_node.pid("active"))]
    killer = subprocess.Popen(command)
    try:
        sipp(brief_node, tmp_path, Run("hang_up", "2000", calls=100, rate=25, transport="t1"))
    finally:
        killer.wait(GONE_WITHIN_S)


def test_connections_outlive_the_supervisor_and_then_the_active_process(brief_node: LocalNode) -> None:
    with TcpPhone(brief_node.sip) as phone:
        phone.call("2000")
        assert connections(brief_node) == 1
        brief_node.kill("supervisor")
        with TcpPhone(brief_node.sip) as second:  # nobody supervises, and calls come in nevertheless
            second.call("2000")
            brief_node.up()
            wait_until("the node is complete", lambda: complete(brief_node), 30)
            assert connections(brief_node) == 2
            brief_node.kill("active")
            assert phone.hang_up("2000").status == 200
            assert second.hang_up("2000").status == 200
    wait_until("both connections are let go of", lambda: connections(brief_node) == 0, 15)


def test_who_is_no_trunks_peer_is_refused_and_its_connection_closed(tmp_path: Path) -> None:
    with own_node(tmp_path, "--set", "trunks.loopback.peers=[127.0.0.2]") as node:
        with TcpPhone(node.sip) as stranger:
            stranger.send(stranger.invite("2000"))
            assert stranger.final().status == 403
            with pytest.raises(EOFError):
                stranger.hear()
        with TcpPhone(node.sip, "127.0.0.2") as peer:
            peer.call("2000")
            assert peer.hang_up("2000").status == 200


def test_rfc3261_18_3_a_message_without_content_length_is_answered_400_and_its_connection_closed(
    brief_node: LocalNode,
) -> None:
    with TcpPhone(brief_node.sip) as phone:
        phone.invite("2000")
        phone.send(phone.request("OPTIONS", "2000").replace(b"Content-Length: 0\r\n", b""))
        assert phone.final().status == 400
        with pytest.raises(EOFError):
            phone.hear()


def test_a_tcp_port_that_is_taken_is_told_with_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Exception, match="sip over tcp"), own_node(tmp_path, sip=f"127.0.0.1:{port}"):
            pass
        with own_node(tmp_path, "--set", "sip.transports=[udp]", sip=f"127.0.0.1:{port}") as node:
            assert node.status()["sip_tcp"] == {"listens": False, "connections": 0}
