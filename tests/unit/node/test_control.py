"""The control socket: what comes in is not believed, nobody is waited for, and no descriptor is left open."""

import contextlib
import json
import os
import selectors
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keepline.model.limits import CONTROL_CLIENTS_MAX, CONTROL_FDS_PER_MESSAGE_MAX, CONTROL_MESSAGE_BYTES_MAX
from keepline.node import control
from keepline.node.control import ControlClient, Message, NodeNotRunning
from keepline.node.control_server import ControlServer
from keepline.node.journal_proof import CannotProve, verify_data
from keepline.node.lock import take_lock
from keepline.node.paths import NodePaths
from keepline.node.processes import identify
from keepline.node.reader import JournalReader, NoJournal
from keepline.node.removed import supervisor_of_removed


@pytest.fixture
def paths(tmp_path: Path) -> NodePaths:
    made = NodePaths(tmp_path)
    made.create()
    return made


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


class Server:
    """A control server on a thread; it answers with what `answers` says."""

    def __init__(self, paths: NodePaths) -> None:
        self.asked: list[tuple[int, Message]] = []
        self.gone = 0
        self.answers: Callable[[Message], Message | None] = lambda message: {"ok": True, "asked": message.get("op")}
        self.selector = selectors.DefaultSelector()
        self.listener = control.listen(paths.supervisor_socket)
        self.server = ControlServer(self.selector, self.listener, self._answer, self._on_gone)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _answer(self, connection: socket.socket, pid: int, message: Message) -> Message | None:
        self.asked.append((pid, message))
        return self.answers(message)

    def _on_gone(self, connection: socket.socket) -> None:
        self.gone += 1

    def _run(self) -> None:
        while not self._ending.is_set():
            for key, _ in self.selector.select(0.01):
                key.data()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self.selector.close()


@pytest.fixture
def server(paths: NodePaths) -> Iterator[Server]:
    made = Server(paths)
    try:
        yield made
    finally:
        made.close()


def ask(paths: NodePaths) -> Message:
    return control.ask(paths.data, {"op": "status"}, 30)


# Asking ---------------------------------------------------------------------------------------------------------------


def test_a_question_is_answered_and_its_asker_known(paths: NodePaths, server: Server) -> None:
    assert ask(paths) == {"ok": True, "asked": "status"}
    assert server.asked == [(os.getpid(), {"op": "status"})]


def test_a_directory_with_a_long_path_is_fine(tmp_path: Path) -> None:
    paths = NodePaths(tmp_path / ("d" * 120) / ("e" * 120))
    paths.create()
    server = Server(paths)
    try:
        assert ask(paths)["ok"]
    finally:
        server.close()


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        b"[1]",
        b"null",
        b'"status"',
        b"\xff\xfe",
        b"{" * 1000,
        b"[" * (CONTROL_MESSAGE_BYTES_MAX - 1),
        b"1" * 10_000,
        b'{"op": "' + b"x" * (CONTROL_MESSAGE_BYTES_MAX + 1000) + b'"}',
    ],
    ids=lambda data: repr(data[:10]),
)
def test_what_is_no_message_costs_its_sender_the_connection(paths: NodePaths, server: Server, data: bytes) -> None:
    connection = control.connect(paths.supervisor_socket)
    connection.settimeout(30)
    connection.send(data)
    assert connection.recv(100) == b""
    connection.close()
    assert ask(paths)["ok"]


def test_an_unknown_field_of_any_kind_is_no_matter(paths: NodePaths, server: Server) -> None:
    for value in (None, [], {}, "x", 1.5, True):
        assert control.ask(paths.data, {"op": value, "pid": value, "epoch": value}, 30)["ok"]


def test_a_client_that_reads_nothing_loses_its_connection(paths: NodePaths, server: Server) -> None:
    server.answers = lambda message: {"much": "x" * 10_000}
    deaf = control.connect(paths.supervisor_socket)
    deaf.settimeout(30)
    while not server.gone:
        with contextlib.suppress(OSError):
            control.send(deaf, {"op": "status"})
    assert ask(paths)["much"]
    deaf.close()


def test_a_client_that_says_nothing_disturbs_nobody(paths: NodePaths, server: Server) -> None:
    silent = control.connect(paths.supervisor_socket)
    assert ask(paths)["ok"]
    silent.close()


def test_of_too_many_clients_the_oldest_gives_way(paths: NodePaths, server: Server) -> None:
    clients = []
    for _ in range(CONTROL_CLIENTS_MAX + 5):
        clients.append(control.connect(paths.supervisor_socket))
        control.send(clients[-1], {"op": "hello"})
        clients[-1].settimeout(30)
        assert control.receive(clients[-1]) is not None
    for number, client in enumerate(clients):
        if number < 5:
            assert client.recv(100) == b""
    assert ask(paths)["ok"]
    for client in clients:
        client.close()


def test_connections_of_the_node_do_not_count(paths: NodePaths, server: Server) -> None:
    kept: list[socket.socket] = []

    def keep(connection: socket.socket, pid: int, message: Message) -> Message | None:
        if message["op"] == "register":
            server.server.keep(connection)
        return {"ok": True}

    server.server._answer = keep
    child = control.connect(paths.supervisor_socket)
    child.settimeout(30)
    control.send(child, {"op": "register"})
    assert control.receive(child) is not None
    for _ in range(2 * CONTROL_CLIENTS_MAX):
        kept.append(control.connect(paths.supervisor_socket))
        kept[-1].settimeout(30)
        control.send(kept[-1], {"op": "hello"})
        assert control.receive(kept[-1]) is not None
    control.send(child, {"op": "still here"})
    assert control.receive(child) == ({"ok": True}, [])
    for each in (*kept, child):
        each.close()


@pytest.mark.parametrize("text", [b'{"op": "status"}', b"garbage", b"[" * 60_000])
def test_descriptors_of_strangers_are_closed(paths: NodePaths, server: Server, text: bytes) -> None:
    ask(paths)
    with open(os.devnull) as null:
        connection = control.connect(paths.supervisor_socket)
        connection.settimeout(30)
        control.send(connection, {"op": "status"})
        connection.recv(1000)  # the server has accepted it: what it opens from here on came with it
        before = open_fds()
        for _ in range(3):
            try:
                socket.send_fds(connection, [text], [null.fileno()] * 50)
                connection.recv(1000)
            except OSError:
                break
        assert open_fds() <= before
        connection.close()


def test_descriptors_beside_nothing_are_closed() -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with left, right:
        socket.send_fds(left, [b"x"], [0] * 10)
        before = open_fds()
        with pytest.raises(ValueError):
            control.receive(right)
        assert open_fds() == before


def test_descriptors_arrive_in_the_order_they_were_sent_in() -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        pairs = [os.pipe() for _ in range(CONTROL_FDS_PER_MESSAGE_MAX // 2)]
        sent = [fd for pair in pairs for fd in pair]
        control.send(left, {"op": "fds"}, sent)
        received = control.receive(right)
        assert received is not None
        assert [os.fstat(fd).st_ino for fd in received[1]] == [os.fstat(fd).st_ino for fd in sent]
        assert not any(os.get_inheritable(fd) for fd in received[1])
        for fd in (*sent, *received[1]):
            os.close(fd)


# Nobody there ---------------------------------------------------------------------------------------------------------


def test_where_no_node_runs_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NodeNotRunning, match=r"no node runs in .*; start one with `keepline up --data .*`"):
        control.ask(tmp_path, {"op": "status"}, 1)


def test_a_node_that_does_not_answer_is_not_waited_for_for_ever(paths: NodePaths) -> None:
    listener = control.listen(paths.supervisor_socket)
    with pytest.raises(NodeNotRunning, match=r"did not answer within 0\.05 s"):
        control.ask(paths.data, {"op": "status"}, 0.05)
    listener.close()


def test_orphans_are_named(paths: NodePaths) -> None:
    own = identify(os.getpid())
    assert own is not None
    paths.node_file.write_text(json.dumps({"processes": [["calls", own.pid, own.started]]}))
    with pytest.raises(NodeNotRunning, match=rf"calls \(pid {own.pid}\) of a former one still do"):
        control.ask(paths.data, {"op": "status"}, 1)


def test_a_node_whose_directory_was_removed_is_found(paths: NodePaths) -> None:
    descriptor = take_lock(paths)
    assert supervisor_of_removed(paths) is None
    shutil.rmtree(paths.data)
    text = rf"{paths.data} was removed under the node that runs there \(supervisor pid {os.getpid()}\).* `keepline stop"
    with pytest.raises(NodeNotRunning, match=text):
        control.ask(paths.data, {"op": "status"}, 1)
    assert supervisor_of_removed(NodePaths(paths.data.parent / "another")) is None
    with pytest.raises(NoJournal, match=text):
        JournalReader(paths.data)
    with pytest.raises(CannotProve, match=text):
        verify_data(paths.data, None, [])
    os.close(descriptor)
    with pytest.raises(NodeNotRunning, match="no node runs"):
        control.ask(paths.data, {"op": "status"}, 1)


@pytest.mark.parametrize(
    "noted",
    [
        "",
        "garbage",
        "[]",
        "null",
        '{"processes": 7}',
        '{"processes": [7, [], ["calls"], ["calls", "x", "y"], [1, 2, 3], {"a": 1}, null]}',
        '{"processes": [["calls", 99999999, 1]], "sip": "?"}',
    ],
)
def test_a_garbled_node_file_names_nobody(paths: NodePaths, noted: str) -> None:
    paths.node_file.write_text(noted)
    assert control.survivors(paths) == []


# A process of the node ------------------------------------------------------------------------------------------------


def test_a_process_registers_again_with_the_next_supervisor(paths: NodePaths) -> None:
    states = iter(["warm", "active"])
    heard: list[Message] = []
    said = threading.Event()

    def hear(message: Message) -> None:
        heard.append(message)
        said.set()

    with open(os.devnull) as null:
        client = ControlClient(
            paths,
            lambda: {"op": "register", "state": next(states)},
            lambda: [("slots", [null.fileno()]), ("rtp", [null.fileno()] * (CONTROL_FDS_PER_MESSAGE_MAX + 7))],
            hear,
        )
        client.tell({"op": "promoted"})  # nobody there: it learns from the registration
        client.start()
        for state in ("warm", "active"):
            listener = control.listen(paths.supervisor_socket)
            listener.settimeout(30)
            connection, _ = listener.accept()
            connection.settimeout(30)
            assert control.peer_pid(connection) == os.getpid()
            assert control.receive(connection) == ({"op": "register", "state": state}, [])
            if state == "warm":
                connection.close()
                listener.close()
        control.send(connection, {"op": "give_fds"})
        counts: dict[str, int] = {}
        while (received := control.receive(connection)) is not None and received[0]["op"] == "fds":
            counts[str(received[0]["kind"])] = counts.get(str(received[0]["kind"]), 0) + len(received[1])
            for fd in received[1]:
                os.close(fd)
        assert counts == {"slots": 1, "rtp": CONTROL_FDS_PER_MESSAGE_MAX + 7}
        control.send(connection, {"op": "drain"})
        assert said.wait(30)
        assert heard == [{"op": "drain"}]
        client.tell({"op": "trouble", "what": "x"})
        assert control.receive(connection) == ({"op": "trouble", "what": "x"}, [])
        client.halt()
        connection.close()
        listener.close()
        client.join(30)
        assert not client.is_alive()
