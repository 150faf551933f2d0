"""The supervisor and those who trouble it: strangers, dying children, a disk that does not write."""

import json
import os
import shutil
import signal
import socket
import sqlite3
from pathlib import Path
from typing import Any

from bench.killing import complete
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, wait_until
from keepline.node import control
from keepline.node.paths import NodePaths

SOON_S = 30.0
SHORT_CALL = ["--calls", "1", "--hang-up-after", "0.2"]


def calls_are_answered(node: LocalNode) -> bool:
    with Crowd(node.uri("2000"), SHORT_CALL) as crowd:
        return bool(crowd.wait(60)["failed"] == 0)


def complete_again(node: LocalNode, *without: int) -> dict[str, int]:
    """The process ids by role, once all are there and none of these is among them."""
    found: dict[str, int] = wait_until("the node is complete again", lambda: complete(node, list(without)), SOON_S)
    return found


def open_fds(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


# Strangers ------------------------------------------------------------------------------------------------------------


def test_strangers_at_the_control_socket_disturb_nothing(node: LocalNode) -> None:
    paths = NodePaths(node.settings.data)
    before = wait_until("the node is complete", lambda: complete(node), SOON_S)
    fds = open_fds(node.pid("supervisor"))
    impostor = {"op": "register", "role": "calls", "state": "active", "pid": before["active"], "epoch": "?"}
    silent = [control.connect(paths.supervisor_socket) for _ in range(20)]
    for data in (b"garbage", b"[" * 60_000, b"{}", b"1" * 60_000, json.dumps(impostor).encode()):
        connection = control.connect(paths.supervisor_socket)
        socket.send_fds(connection, [data], [0] * 100)
        silent.append(connection)
    assert node.status()["state"] == "running"
    assert complete(node) == before
    assert calls_are_answered(node)
    for connection in silent:
        connection.close()
    wait_until("their descriptors are closed", lambda: open_fds(node.pid("supervisor")) <= fds, SOON_S)


def test_a_register_from_an_impostor_is_refused(node: LocalNode) -> None:
    reply = control.ask(node.settings.data, {"op": "register", "pid": node.pid("active"), "state": "active"}, 5)
    assert reply["ok"] is False
    complete_again(node)


# Deaths ---------------------------------------------------------------------------------------------------------------


def test_twenty_deaths_leave_no_descriptor_open(node: LocalNode) -> None:
    wait_until("the node is complete", lambda: complete(node), SOON_S)
    kill_each(node, 1)
    supervisor = node.pid("supervisor")
    before = {role: open_fds(node.pid(role)) for role in ("supervisor", "warm", "media")}
    kill_each(node, 4)
    wait_until(
        "as many descriptors as before",
        lambda: all(open_fds(node.pid(role)) <= count for role, count in before.items()),
        SOON_S,
    )
    assert node.pid("supervisor") == supervisor
    assert node.status()["trouble"] == []


def kill_each(node: LocalNode, times: int) -> None:
    for role in ("warm", "media", "active", "desk", "speech") * times:
        pid = node.kill(role)
        wait_until("it has a successor", lambda r=role, p=pid: node.pid(r) not in (0, p), SOON_S)
        complete_again(node, pid)


def test_whoever_is_stopped_is_replaced_on_an_idle_node_too(node: LocalNode) -> None:
    wait_until("the node is complete", lambda: complete(node), SOON_S)
    for role in ("warm", "active", "media", "speech", "desk"):
        pid = node.kill(role, signal.SIGSTOP)
        wait_until(f"{role} is replaced", lambda r=role, p=pid: supervised(node, r) not in (0, p), SOON_S)
    assert calls_are_answered(node)


def supervised(node: LocalNode, role: str) -> int:
    """From the supervisor itself: the desk may be the one that is stopped."""
    processes = node.status()["processes"]
    found = processes["calls"].get(role) if role in ("active", "warm") else processes.get(role)
    return int(found["pid"]) if found else 0


def test_a_process_that_cannot_start_is_tried_less_and_less_and_said_so(node: LocalNode) -> None:
    wait_until("the node is complete", lambda: complete(node), SOON_S)
    stored = node.settings.data / "operation"
    aside = stored.with_name("aside")
    stored.rename(aside)
    active = node.pid("active")
    node.kill("warm")
    trouble = wait_until("it is said", lambda: node.status()["trouble"], SOON_S)
    assert "calls has ended" in trouble[0]
    assert "exit 1" in trouble[0]
    assert "crash_loop" in node.stderr()
    assert "operation_missing" in node.stderr()
    assert node.pid("active") == active
    assert calls_are_answered(node), "the one that runs goes on"
    shutil.rmtree(stored, ignore_errors=True)
    aside.rename(stored)
    wait_until("the next try succeeds", lambda: complete(node), SOON_S)


# A disk in trouble ----------------------------------------------------------------------------------------------------


def test_calls_go_on_while_the_journal_cannot_be_written_and_are_recorded_later(node: LocalNode) -> None:
    with sqlite3.connect(node.settings.data / "journal.db", isolation_level=None) as hog:
        hog.execute("BEGIN IMMEDIATE")
        assert calls_are_answered(node)
        (trouble,) = wait_until("it is said", lambda: node.status()["trouble"], SOON_S)
        assert "locked" in trouble
        assert calls_are_answered(node)
        assert node.calls() == []
        hog.execute("ROLLBACK")
    hog.close()
    wait_until("nothing is wrong any more", lambda: node.status()["trouble"] == [], SOON_S)
    records: list[dict[str, Any]] = wait_until("both are recorded", lambda: node.calls(), SOON_S)
    assert [(record["state"], record["outcome"]) for record in records] == [("ended", "answered")] * 2


# Places ---------------------------------------------------------------------------------------------------------------


def test_a_data_directory_with_a_long_name(tmp_path: Path, spoken: Path, node: LocalNode) -> None:
    assert node.stop() == 0
    node.wait_gone()
    far = tmp_path / ("d" * 100) / ("e" * 100)
    far.mkdir(parents=True)
    shutil.copytree(node.settings.data / "prompts", far / "data" / "prompts")
    node.settings.data = far / "data"
    node.up()
    assert calls_are_answered(node)
    assert node.status()["data"] == str(far / "data")
    wait_until("its record is written", lambda: len(node.calls()) == 1, SOON_S)


def test_nothing_is_left_in_the_run_directory(node: LocalNode) -> None:
    run = node.settings.data / "run"
    assert list(run.iterdir()) != []
    assert node.stop() == 0
    node.wait_gone()
    assert list(run.iterdir()) == []
    node.up()
    node.kill("supervisor")
    assert node.stop() == 0
    node.wait_gone()
    assert list(run.iterdir()) == []


def test_whatever_stands_in_the_node_file_a_node_starts(node: LocalNode) -> None:
    node_file = node.settings.data / "run" / "node.json"
    for text in ("garbage", '{"processes": [[1], {}, "x"], "sip": 7}'):
        assert node.stop() == 0
        node.wait_gone()
        node_file.write_text(text)
        node.up()
    assert calls_are_answered(node)
