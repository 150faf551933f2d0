"""What survivors of a supervisor hold: who is believed to be one, and that nobody else delays or spoils it."""

import errno
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.model.limits import RTP_PORTS_BUSY_SHARE_MAX
from keepline.node import control, holdings
from keepline.node.control import ControlClient
from keepline.node.holdings import CannotListen, PortBusy, Survivors, bind_rtp, bind_udp, gather
from keepline.node.paths import NodePaths
from keepline.node.processes import ProcessId, identify


@pytest.fixture
def paths(tmp_path: Path) -> NodePaths:
    made = NodePaths(tmp_path)
    made.create()
    return made


@pytest.fixture
def listener(paths: NodePaths) -> Iterator[socket.socket]:
    made = control.listen(paths.supervisor_socket)
    yield made
    made.close()


def note_self(paths: NodePaths, *more: list[object]) -> ProcessId:
    """Have this very process be a survivor."""
    own = identify(os.getpid())
    assert own is not None
    paths.node_file.write_text(json.dumps({"processes": [["calls", own.pid, own.started], *more]}))
    return own


def surviving(paths: NodePaths) -> ControlClient:
    client = ControlClient(
        paths,
        lambda: {"op": "register", "role": "calls", "state": "active", "epoch": 3},
        lambda: [("slots", [0]), ("sip", [0, 1])],
        lambda message: None,
    )
    client.start()
    return client


def let_go(found: Survivors, *clients: ControlClient) -> None:
    for _, connection, _ in found.registered:
        connection.close()
    for fds in found.fds.values():
        for fd in fds:
            os.close(fd)
    for client in clients:
        client.halt()
        client.join(30)


def test_where_nobody_survived_nobody_is_waited_for(paths: NodePaths, listener: socket.socket) -> None:
    found = gather(paths, listener)
    assert (found.registered, found.fds, found.hung) == ([], {}, [])


def test_a_survivor_gives_what_it_holds(paths: NodePaths, listener: socket.socket) -> None:
    own = note_self(paths)
    client = surviving(paths)
    found = gather(paths, listener)
    ((message, _, process),) = found.registered
    assert message["epoch"] == 3
    assert process == own
    assert {kind: len(fds) for kind, fds in found.fds.items()} == {"slots": 1, "sip": 2}
    assert found.hung == []
    let_go(found, client)


def test_strangers_and_the_silent_do_not_delay_it(
    paths: NodePaths, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "ADOPTION_LIMIT_S", 30.0)
    note_self(paths)
    silent = [control.connect(paths.supervisor_socket) for _ in range(3)]
    garbage = control.connect(paths.supervisor_socket)
    garbage.send(b"garbage")
    asking = control.connect(paths.supervisor_socket)
    control.send(asking, {"op": "status", "pid": os.getpid()})
    gone = control.connect(paths.supervisor_socket)
    gone.close()
    client = surviving(paths)
    found = gather(paths, listener)
    assert len(found.registered) == 1
    assert found.hung == []
    for each in (*silent, garbage, asking):
        each.settimeout(30)
        assert each.recv(10) == b"", "it was sent away"
        each.close()
    let_go(found, client)


def test_whoever_gives_nothing_is_hung(
    paths: NodePaths, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "ADOPTION_LIMIT_S", 0.2)
    own = note_self(paths)
    connection = control.connect(paths.supervisor_socket)
    control.send(connection, {"op": "register"})
    found = gather(paths, listener)
    assert found.hung == [("calls", own)]
    assert found.registered == []
    connection.close()


def test_helpers_are_not_waited_for(paths: NodePaths, listener: socket.socket) -> None:
    own = identify(os.getpid())
    assert own is not None
    paths.node_file.write_text(json.dumps({"processes": [["desk", own.pid, own.started]]}))
    assert gather(paths, listener).hung == []


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EMFILE, "raise that with `ulimit -n`, or give it fewer --rtp-ports"),
        (errno.EADDRINUSE, "another program has it: stop that one, or choose another with --sip or --rtp-ports"),
        (errno.EADDRNOTAVAIL, "choose an address of this machine and a port that you may use"),
    ],
)
def test_who_cannot_listen_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, number: int, remedy: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(CannotListen) as refused:
        bind_udp("127.0.0.1", 5060, 65_536)
    assert os.strerror(number) in str(refused.value)
    assert remedy in str(refused.value)


@pytest.mark.parametrize(("ports", "taken", "made"), [(40, 4, 36), (40, 5, 0), (2, 1, 1), (3, 2, 0), (1, 1, 0)])
def test_a_share_of_the_rtp_ports_may_be_taken(
    monkeypatch: pytest.MonkeyPatch, ports: int, taken: int, made: int
) -> None:
    numbers = list(range(20_000, 20_000 + 2 * ports, 2))
    busy = numbers[:taken]

    def bind(host: str, port: int, _buffer_bytes: int) -> socket.socket:
        if port in busy:
            raise PortBusy(f"cannot listen on udp:{host}:{port}")
        return socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    monkeypatch.setattr(holdings, "bind_udp", bind)
    if not made:
        with pytest.raises(CannotListen, match="stop those programs, or choose a range of its own"):
            bind_rtp("127.0.0.1", numbers)
        return
    assert taken <= max(1, ports * RTP_PORTS_BUSY_SHARE_MAX)
    bound = bind_rtp("127.0.0.1", numbers)
    assert len(bound) == made
    for each in bound:
        each.close()
