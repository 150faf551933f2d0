"""The speech process as the supervisor runs it: an inherited socket, several clients, bad ones among them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keepline.model import limits

Start = Callable[..., "subprocess.Popen[bytes]"]
DEADLINE_S = 60


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(str(tmp_path / "s"))
        sock.listen(128)
        yield sock


@pytest.fixture
def start(tmp_path: Path, listener: socket.socket) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def start_one(engine: str = "fake") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "keepline.connectors.speech", "--data", str(tmp_path)]
        command += ["--socket-fd", str(listener.fileno()), "--engine", engine]
        running.append(subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=subprocess.PIPE))
        return running[-1]

    yield start_one
    for process in running:
        process.kill()
        process.communicate()


def connect(tmp_path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(DEADLINE_S)
    sock.connect(str(tmp_path / "s"))
    return sock


def line(key: str = "a" * 32, **fields: object) -> bytes:
    return (
        json.dumps({"key": key, "text": "hello", "file": "", "language": "en", "length_s": None, **fields}).encode()
        + b"\n"
    )


def read_answers(sock: socket.socket, count: int) -> list[dict[str, object]]:
    with sock.makefile("rb") as file:
        return [json.loads(file.readline()) for _ in range(count)]


def test_a_prompt_is_made_by_espeak(tmp_path: Path, start: Start) -> None:
    start("espeak")
    with connect(tmp_path) as sock:
        sock.sendall(line(length_s=8))
        assert read_answers(sock, 1) == [{"ok": True, "key": "a" * 32}]
    for suffix in ("ulaw", "alaw"):
        assert (tmp_path / "prompts" / f"{'a' * 32}.{suffix}").stat().st_size == 64_000


def test_several_clients_and_requests_each_get_their_own_answers_in_order(tmp_path: Path, start: Start) -> None:
    start()
    socks = [connect(tmp_path) for _ in range(10)]
    for number, sock in enumerate(socks):
        sock.sendall(b"".join(line(f"{number:016x}{request:016x}") for request in range(5)))
    for number, sock in enumerate(socks):
        keys = [answer["key"] for answer in read_answers(sock, 5)]
        assert keys == [f"{number:016x}{request:016x}" for request in range(5)]
        sock.close()


def test_bad_requests_get_a_reason_and_harm_nobody(tmp_path: Path, start: Start) -> None:
    process = start()
    with connect(tmp_path) as good, connect(tmp_path) as bad:
        bad.sendall(b"nonsense\n" + line(language="xx") + b"\n" + line()[:20])
        answers = read_answers(bad, 3)
        assert [answer["ok"] for answer in answers] == [False] * 3
        assert "unknown language 'xx'" in str(answers[1]["error"])
        bad.close()  # In the middle of a line.
        good.sendall(line())
        assert read_answers(good, 1)[0]["ok"] is True
    assert process.poll() is None


def test_a_line_without_end_is_refused_and_its_connection_closed(tmp_path: Path, start: Start) -> None:
    start()
    with connect(tmp_path) as sock:
        sock.sendall(b"x" * (limits.SPEECH_LINE_BYTES_MAX + 1))
        assert "at most" in str(read_answers(sock, 1)[0]["error"])
        assert sock.recv(1) == b""


def test_a_client_that_never_reads_is_closed(tmp_path: Path, start: Start) -> None:
    """Past the kernel's buffers and SPEECH_UNREAD_BYTES_MAX of ours."""
    start()
    with connect(tmp_path) as deaf, connect(tmp_path) as other:
        with pytest.raises(ConnectionError):  # noqa: PT012  # whichever of the many sends meets the closed end
            while True:
                deaf.sendall(b"{}\n" * 1000)
        other.sendall(line())
        assert read_answers(other, 1)[0]["ok"] is True


def test_clients_past_the_limit_wait_for_their_turn(tmp_path: Path, start: Start) -> None:
    start()
    served = [connect(tmp_path) for _ in range(limits.SPEECH_CLIENTS_MAX)]
    for sock in served:
        sock.sendall(line())
        assert read_answers(sock, 1)[0]["ok"] is True
    with connect(tmp_path) as waiting:
        waiting.sendall(line())
        # Served ones are still answered while one waits outside.
        served[0].sendall(line())
        assert read_answers(served[0], 1)[0]["ok"] is True
        waiting.setblocking(False)
        with pytest.raises(BlockingIOError):
            waiting.recv(1)
        waiting.settimeout(DEADLINE_S)
        for sock in served:
            sock.close()
        assert read_answers(waiting, 1)[0]["ok"] is True


def test_sigterm_ends_it_and_ctrl_c_does_not(tmp_path: Path, start: Start) -> None:
    process = start()
    with connect(tmp_path) as sock:
        sock.sendall(line())
        read_answers(sock, 1)
        process.send_signal(signal.SIGINT)
        sock.sendall(line())
        assert read_answers(sock, 1)[0]["ok"] is True
        process.terminate()
        assert process.wait(DEADLINE_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_a_successor_answers_what_waited_in_the_queue(tmp_path: Path, start: Start) -> None:
    first = start()
    with connect(tmp_path) as sock:
        sock.sendall(line())
        read_answers(sock, 1)
    first.kill()
    first.wait(DEADLINE_S)
    with connect(tmp_path) as sock:
        sock.sendall(line("b" * 32))
        start()
        assert read_answers(sock, 1)[0] == {"ok": True, "key": "b" * 32}


def test_it_idles_without_using_the_processor(tmp_path: Path, start: Start) -> None:
    process = start()
    with connect(tmp_path) as sock:
        sock.sendall(line())
        read_answers(sock, 1)
    stat = Path(f"/proc/{process.pid}/stat")
    # Asleep in the kernel, waiting for a socket: seen within the deadline, whatever else the machine does.
    deadline_s = time.monotonic() + DEADLINE_S
    while stat.read_text().rsplit(")", 1)[1].split()[0] != "S":
        assert time.monotonic() < deadline_s
        os.sched_yield()
