"""A node that cannot start says why and leaves nothing; one that follows another takes over, or says why not."""

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from bench.killing import complete
from keepline.demo_crowd import Crowd
from keepline.demo_node import COMMAND_WITHIN_S, MARK, LocalNode, free_port, keepline_command, marked, wait_until

SOON_S = 60.0


def up(node: LocalNode, **changed: str) -> "subprocess.CompletedProcess[str]":
    """Run `keepline up` as the node would, but for what is changed; it is expected to fail."""
    first, last = node.rtp_ports
    given = {"sip": node.sip, "http": node.http, "rtp-ports": f"{first}-{last}", "data": str(node.settings.data)}
    options = [word for name, value in (given | changed).items() for word in (f"--{name}", value)]
    return subprocess.run(
        [*keepline_command(), "up", str(node.settings.operation), *options],
        capture_output=True, text=True, timeout=COMMAND_WITHIN_S, env=os.environ | {MARK: "refused"}, check=False,
    )  # fmt: skip


def assert_refused(done: "subprocess.CompletedProcess[str]", *said: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for words in said:
        assert words in done.stderr
    assert list(marked(MARK, "refused")) == [], "a process was left"


@pytest.fixture
def stopped(node: LocalNode) -> LocalNode:
    """A node that has run, and does not."""
    assert node.stop() == 0
    node.wait_gone()
    return node


@contextlib.contextmanager
def taken(kind: socket.SocketKind) -> Iterator[str]:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        yield f"127.0.0.1:{holder.getsockname()[1]}"


def up_by_hand(node: LocalNode, stdout: int, stderr: int) -> None:
    """Start the node without waiting for it or for the last one; the descriptors are closed here."""
    last_one = node.process
    first, last = node.rtp_ports
    command = [
        *keepline_command(), "up", str(node.settings.operation), "--sip", node.sip, "--http", node.http,
        "--rtp-ports", f"{first}-{last}", "--data", str(node.settings.data),
    ]  # fmt: skip
    node.process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True,
        env=os.environ | {MARK: node.mark}, start_new_session=True,
    )  # fmt: skip
    for descriptor in (stdout, stderr):
        os.close(descriptor)
    assert last_one is not None
    assert last_one.stdout is not None
    last_one.wait(COMMAND_WITHIN_S)
    last_one.stdout.close()


def nobody_reads() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


# Refusals -------------------------------------------------------------------------------------------------------------


def test_a_sip_port_that_is_taken(stopped: LocalNode) -> None:
    with taken(socket.SOCK_DGRAM) as address:
        assert_refused(up(stopped, sip=address), f"cannot listen on udp:{address}", "--sip")
    assert list((stopped.settings.data / "run").iterdir()) == []


def test_an_http_port_that_is_taken(stopped: LocalNode) -> None:
    with taken(socket.SOCK_STREAM) as address:
        assert_refused(up(stopped, http=address), f"cannot listen on http {address}", "--http")
    assert list((stopped.settings.data / "run").iterdir()) == []


def test_too_many_rtp_ports_that_are_taken(stopped: LocalNode) -> None:
    first = stopped.rtp_ports[0]
    with contextlib.ExitStack() as holders:
        for port in range(first, first + 24, 2):
            holder = holders.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            holder.bind(("127.0.0.1", port))
        said = f"other programs have {first}-", "10% of its ports", "--rtp-ports"
        assert_refused(up(stopped), *said)


def test_a_node_does_without_a_busy_rtp_port(stopped: LocalNode) -> None:
    busy = stopped.rtp_ports[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", busy))
        stopped.up()
        assert stopped.status()["media_slots"] == stopped.settings.slots - 1
        with Crowd(stopped.uri("2000"), ["--calls", "5", "--rate", "10", "--hang-up-after", "0.5"]) as crowd:
            assert crowd.wait(60)["good"] == 5
        stopped.kill("supervisor")
        assert stopped.process is not None
        stopped.process.wait(COMMAND_WITHIN_S)
        stopped.up()
        assert stopped.status()["media_slots"] == stopped.settings.slots - 1, "its survivors are taken over"
    assert "rtp_ports_busy" in stopped.stderr()
    assert str(busy) in stopped.stderr()


def test_an_address_that_is_not_ours(stopped: LocalNode) -> None:
    assert_refused(up(stopped, sip="192.0.2.1:5060"), "cannot listen on udp:192.0.2.1:5060")


@pytest.mark.parametrize("place", ["/proc/keepline", "/dev/null/data"])
def test_a_data_directory_that_cannot_be(stopped: LocalNode, place: str) -> None:
    assert_refused(up(stopped, data=place), place)


def test_a_directory_that_has_a_node(node: LocalNode) -> None:
    done = up(node, sip=f"127.0.0.1:{free_port()}", http=f"127.0.0.1:{free_port()}")
    assert_refused(done, "a node runs in", f"supervisor pid {node.pid('supervisor')}", "keepline stop")
    assert complete(node)


# Succession -----------------------------------------------------------------------------------------------------------


def test_survivors_are_not_taken_over_under_another_address(node: LocalNode) -> None:
    before = wait_until("the node is complete", lambda: complete(node), SOON_S)
    node.kill("supervisor")
    first, last = node.rtp_ports
    assert_refused(
        up(node, sip=f"127.0.0.1:{free_port()}"),
        f"udp:{node.sip}",
        f"--sip {node.sip}",
        "keepline stop",
    )
    assert_refused(up(node, **{"rtp-ports": f"{first}-{last - 2}"}), f"--rtp-ports {first}-{last}", "keepline stop")
    node.up()
    after = wait_until("the node is complete", lambda: complete(node), SOON_S)
    assert (after["active"], after["media"]) == (before["active"], before["media"]), "they were left alone"


def test_a_supervisor_that_is_stopped_is_ended_and_its_node_adopted(node: LocalNode) -> None:
    before = wait_until("the node is complete", lambda: complete(node), SOON_S)
    with Crowd(node.uri("3000"), ["--calls", "2", "--hang-up-after", "600"]) as crowd:
        wait_until("both are on the phone", lambda: node.status()["live_calls"] == 2, SOON_S)
        node.kill("supervisor", signal.SIGSTOP)
        failed = node.command("status", check=False)
        assert failed.returncode == 1
        assert "did not answer within" in failed.stderr
        up_by_hand(node, nobody_reads(), os.open(os.devnull, os.O_WRONLY))
        after = wait_until("the node is complete", lambda: complete(node), SOON_S)
        assert (after["active"], after["media"]) == (before["active"], before["media"])
        assert node.status()["live_calls"] == 2
        crowd.hang_up()
        crowd.wait(60)
        assert [report["faults"] for report in crowd.reports] == [["error: hung up by the end of the run"]] * 2


def test_stop_ends_a_supervisor_that_is_stopped(node: LocalNode) -> None:
    node.kill("supervisor", signal.SIGSTOP)
    assert node.stop() == 0
    node.wait_gone()
    assert list((node.settings.data / "run").iterdir()) == []


def test_commands_say_what_is_the_matter(node: LocalNode) -> None:
    node.kill("supervisor")
    asked = node.command("status", check=False)
    assert asked.returncode == 1
    assert "of a former one still do" in asked.stderr
    assert "`keepline up` adopts them" in asked.stderr
    assert node.calls() == []
    assert "ended what a former node had left" in node.command("stop").stdout
    node.wait_gone()
    for command in ("status", "stop"):
        asked = node.command(command, check=False)
        assert asked.returncode == 1
        assert "no node runs in" in asked.stderr
        assert "Traceback" not in asked.stderr
    assert node.calls() == [], "the journal is read without a node"


def test_status_answers_from_the_first_moment_on(stopped: LocalNode) -> None:
    up_by_hand(stopped, nobody_reads(), os.open(os.devnull, os.O_WRONLY))
    seen: list[str] = []

    def runs() -> bool:
        done = stopped.command("status", "--json", check=False)
        if done.returncode == 0:
            seen.append(json.loads(done.stdout)["state"])
        return bool(seen) and seen[-1] == "running"

    wait_until("it runs", runs, SOON_S)
    assert set(seen) <= {"starting", "running"}


@pytest.mark.parametrize("log", ["full", "unread"])
def test_a_log_that_cannot_be_written_ends_nothing(stopped: LocalNode, log: str) -> None:
    """The disk is full, or the terminal is gone: every line of every process fails."""
    up_by_hand(stopped, nobody_reads(), os.open("/dev/full", os.O_WRONLY) if log == "full" else nobody_reads())
    before = wait_until("the node is complete", lambda: complete(stopped), SOON_S)
    for role in ("active", "media"):
        stopped.kill(role)  # each is worth a line
    killed = [before["active"], before["media"]]
    wait_until("the node is complete again", lambda: complete(stopped, killed), SOON_S)
    with Crowd(stopped.uri("2000"), ["--calls", "1", "--hang-up-after", "0.2"]) as crowd:
        assert crowd.wait(60)["failed"] == 0


def test_closing_the_terminal_ends_the_node_in_order(node: LocalNode) -> None:
    assert node.process is not None
    node.process.send_signal(signal.SIGHUP)
    assert node.process.wait(COMMAND_WITHIN_S) == 0
    node.wait_gone()
    assert list((node.settings.data / "run").iterdir()) == []


# Endings --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["twice", "limit"])
def test_calls_that_outlast_the_end_are_hung_up(stopped: LocalNode, how: str) -> None:
    stopped.settings.extra = ["--set", "node.drain_limit_s=1"] if how == "limit" else []
    stopped.up()
    assert stopped.process is not None
    with Crowd(stopped.uri("3000"), ["--calls", "3", "--rate", "20", "--expect-bye", "theirs"]) as crowd:
        wait_until("all are on the phone", lambda: stopped.status()["live_calls"] == 3, SOON_S)
        stopped.process.send_signal(signal.SIGTERM)
        if how == "twice":
            wait_until("it ends", lambda: stopped.status()["state"] == "stopping", SOON_S)
            stopped.process.send_signal(signal.SIGTERM)
        assert stopped.process.wait(COMMAND_WITHIN_S) == 0
        crowd.wait(60)
    assert [report["bye"] for report in crowd.reports] == ["theirs"] * 3
    assert {record["state"] for record in stopped.calls()} == {"ended"}
    stopped.wait_gone()


def test_who_dies_while_calls_finish_is_replaced(stopped: LocalNode) -> None:
    node = stopped
    node.settings.extra = ["--set", "node.drain_limit_s=600"]  # four processes are started, beside whatever else runs
    node.up()
    with Crowd(node.uri("3000"), ["--calls", "2", "--hang-up-after", "600"]) as crowd:
        wait_until("both are on the phone", lambda: node.status()["live_calls"] == 2, SOON_S)
        assert node.process is not None
        node.process.send_signal(signal.SIGTERM)
        wait_until("it ends", lambda: node.status()["state"] == "stopping", SOON_S)
        killed: list[int] = []
        for role in ("media", "active", "active"):
            wait_until("the node is complete", lambda: complete(node, killed), SOON_S)
            killed.append(node.kill(role))
        wait_until("the node is complete", lambda: complete(node, killed), SOON_S)
        crowd.hang_up()
        crowd.wait(60)
        assert [report["bye"] for report in crowd.reports] == ["ours"] * 2
        assert node.process.wait(COMMAND_WITHIN_S) == 0
    assert {record["ended_by"] for record in node.calls()} == {"caller"}
