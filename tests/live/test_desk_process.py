"""The HTTP process as the supervisor runs it: an inherited socket, and no node behind it."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keepline.model.limits_desk import DESK_REQUESTS_MAX

DEADLINE_S = 60
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with socket.create_server(
        (request.param, 0), family=socket.AF_INET6 if ":" in request.param else socket.AF_INET
    ) as sock:
        yield sock


@pytest.fixture
def start(tmp_path: Path, listener: socket.socket) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def start_one() -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "keepline.desk",
            "--data",
            str(tmp_path),
            "--socket-fd",
            str(listener.fileno()),
        ]
        running.append(subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.PIPE))
        return running[-1]

    yield start_one
    for process in running:
        process.kill()
        process.communicate()


def connect(listener: socket.socket) -> http.client.HTTPConnection:
    host, port = listener.getsockname()[:2]
    return http.client.HTTPConnection(host, port, timeout=DEADLINE_S)


def get(listener: socket.socket, path: str) -> tuple[int, object]:
    connection = connect(listener)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_it_answers_without_a_node_and_says_so(listener: socket.socket, start: Start) -> None:
    start()
    assert get(listener, "/healthz") == (200, {"status": "ok"})
    status, body = get(listener, "/api/status")
    assert status == 503
    assert "no node runs" in str(body)
    assert get(listener, "/api/calls")[0] == 503
    assert get(listener, "/api/calls/none")[0] == 503


def test_a_successor_takes_the_same_socket(listener: socket.socket, start: Start) -> None:
    first = start()
    assert get(listener, "/healthz")[0] == 200
    first.kill()
    first.wait(DEADLINE_S)
    start()
    assert get(listener, "/healthz")[0] == 200


def test_sigterm_ends_it_quietly_and_ctrl_c_does_not(listener: socket.socket, start: Start) -> None:
    process = start()
    assert get(listener, "/healthz")[0] == 200
    process.send_signal(signal.SIGINT)
    assert get(listener, "/healthz")[0] == 200
    with socket.create_connection(listener.getsockname()[:2]) as nonsense:
        nonsense.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        assert nonsense.recv(100).startswith(b"HTTP/1.1 400")
    process.terminate()
    assert process.wait(DEADLINE_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_requests_past_the_limit_are_turned_away_without_a_word_in_the_log(
    listener: socket.socket, start: Start
) -> None:
    process = start()
    idle = [connect(listener) for _ in range(DESK_REQUESTS_MAX)]
    try:
        for connection in idle:
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
            assert status in (200, 503)
        assert get_status(listener) == 503
    finally:
        for connection in idle:
            connection.close()
    process.terminate()
    assert process.wait(DEADLINE_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""


def get_status(listener: socket.socket) -> int:
    connection = connect(listener)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    finally:
        connection.close()
