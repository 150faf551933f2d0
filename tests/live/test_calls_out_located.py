"""Calls out of a real node by a trunk whose proxy is a name, over UDP and TCP: located, tried in order, used again."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until
from keepline.sip.message import Request, make_response, parse_message
from tests.live.dns_server import DnsServer, Records
from tests.live.sipp_callee import reached_by, sipp_plays
from tests.live.sipp_runner import WAYS
from tests.live.tcp_phone import SDP, TcpPhone
from tests.live.test_calls_out import OPERATION, Callee

NAME = "sip.example.net"


def records(transport: str, *ports: int) -> Records:
    told = [f"{number} 0 {port} here.example.net." for number, port in enumerate(ports)]
    return {(f"_sip._{transport}.{NAME}.", "SRV"): told, ("here.example.net.", "A"): ["127.0.0.1"]}


@contextmanager
def located_node(directory: Path, dns: DnsServer, transport: str, port: int) -> Iterator[Callee]:
    secret = directory / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    trunk = "trunks.callee.outbound"
    extra = [
        f"{trunk}.proxy={NAME}", f"{trunk}.transport={transport}", f"{trunk}.password_file={secret}",
        f"sip.dns=['127.0.0.1:{dns.port}']",
    ]  # fmt: skip
    settings = NodeSettings(OPERATION, directory / "data", slots=20, extra=[w for e in extra for w in ("--set", e)])
    with LocalNode(settings) as node:
        wait_until("the trunk is located", lambda: (directory / "data" / "located.json").exists(), 30)
        yield Callee(node, port)
        assert node.stop() == 0
        node.wait_gone()


class TcpCallee:
    """Answers each call that comes over TCP, and takes the BYE; it counts connections."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self.heard: list[Request] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(sock,), daemon=True).start()

    def _answer(self, sock: socket.socket) -> None:
        phone = TcpPhone.over(sock)
        with phone:
            while True:
                try:
                    heard = phone.hear()
                except (OSError, EOFError):
                    return
                assert isinstance(heard, Request)
                self.heard.append(heard)
                if heard.method == "INVITE":
                    contact = [("Contact", f"<sip:callee@127.0.0.1:{self.port};transport=tcp>")]
                    body = SDP.format(host="127.0.0.1", version=4).encode()
                    phone.send(make_response(heard, 200, to_tag="callee", headers=contact, body=body).encode())
                elif heard.method != "ACK":
                    phone.send(make_response(heard, 200).encode())

    def close(self) -> None:
        self._listener.close()


@pytest.mark.needs_program("sipp")
@pytest.mark.parametrize("way", WAYS)
def test_rfc3263_4_3_a_call_by_udp_goes_to_the_next_server_after_one_that_says_503(tmp_path: Path, way: str) -> None:
    busy, serving = free_port(), free_port()
    with (
        reached_by(way, serving) as (proxy, far),
        DnsServer(records("udp", busy, int(proxy.rpartition(":")[2]))) as dns,
        located_node(tmp_path, dns, "udp", serving) as callee,
        refusing(busy) as asked,
        sipp_plays("answer", serving, tmp_path, far=far),
    ):
        code, record, said = callee.place("+15550001", "brief")
    assert (code, said, record["outcome"]) == (output.FINE, "", "answered")
    assert asked


@contextmanager
def refusing(port: int) -> Iterator[list[bytes]]:
    """A server by UDP that serves nobody."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", port))

        def serve() -> None:
            while True:
                try:
                    data, source = server.recvfrom(65_535)
                except OSError:
                    return
                request = parse_message(data) if data else None
                if request is None:
                    return
                asked.append(data)
                if isinstance(request, Request) and request.method == "INVITE":
                    server.sendto(make_response(request, 503, to_tag="busy").encode(), source)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield asked
        server.sendto(b"", server.getsockname())
        thread.join(30)


def test_rfc3263_4_2_calls_by_tcp_share_the_connection_to_where_nobody_else_listens(tmp_path: Path) -> None:
    deaf = free_port()
    callee = TcpCallee()
    try:
        with (
            DnsServer(records("tcp", deaf, callee.port)) as dns,
            located_node(tmp_path, dns, "tcp", callee.port) as node,
        ):
            for _ in range(2):
                code, record, said = node.place("+15550001", "brief")
                assert (code, said, record["ended_by"]) == (output.FINE, "", "flow")
            assert callee.connections == 1
            wait_until("both calls are over", lambda: len(callee.heard) == 6, 30)
            assert [each.method for each in callee.heard] == ["INVITE", "ACK", "BYE"] * 2
            assert {each.top_via.transport for each in callee.heard} == {"TCP"}
            assert "transport=tcp" in (callee.heard[0].headers.get("Contact") or "")
    finally:
        callee.close()
