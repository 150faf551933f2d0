"""How a node ends: by signal, by command, gently, at once, and when its supervisor is gone already."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import COMMAND_WITHIN_S, LocalNode, keepline_command, wait_until

LIVE_OPTIONS = ["--calls", "2", "--rate", "20", "--expect", "welcome,goodbye"]


@pytest.fixture
def talking(node: LocalNode) -> Iterator[tuple[LocalNode, Crowd]]:
    """A node with two callers in the middle of their first prompt."""
    with Crowd(node.uri("1000"), [*LIVE_OPTIONS, "--events", *prompt_options(node.prompts())]) as crowd:
        while True:
            line = crowd.lines.get(timeout=30)
            assert line is not None, f"the crowd ended early: {crowd.summary}"
            if line["event"] == "live" and [row["hears"] for row in line["calls"]] == ["welcome"] * 2:
                break
        yield node, crowd


def supervisor(node: LocalNode) -> subprocess.Popen[str]:
    assert node.process is not None
    return node.process


def refused(node: LocalNode) -> bool:
    """Whether a new call is turned away with 503."""
    with Crowd(node.uri("1000"), ["--calls", "1", "--cancel-after", "0.2"]) as late:
        late.wait(60)
    return [report["status"] for report in late.reports] == [503]


def assert_all_heard(crowd: Crowd) -> None:
    crowd.wait(60)
    assert [report["faults"] for report in crowd.reports] == [[], []]


def test_sigterm_lets_live_calls_finish_and_takes_no_new_ones(talking: tuple[LocalNode, Crowd]) -> None:
    node, crowd = talking
    supervisor(node).send_signal(signal.SIGTERM)
    wait_until("new calls are refused", lambda: refused(node), 5)
    assert_all_heard(crowd)
    assert supervisor(node).wait(COMMAND_WITHIN_S) == 0
    node.wait_gone()


def test_a_second_sigterm_ends_at_once(talking: tuple[LocalNode, Crowd]) -> None:
    node, crowd = talking
    supervisor(node).send_signal(signal.SIGTERM)
    wait_until("new calls are refused", lambda: refused(node), 5)
    assert supervisor(node).poll() is None
    supervisor(node).send_signal(signal.SIGTERM)
    supervisor(node).wait(COMMAND_WITHIN_S)
    node.wait_gone()
    crowd.hang_up()
    crowd.wait(60)
    assert any(report["faults"] for report in crowd.reports), "the calls went on to their end"


def test_ctrl_c_of_an_idle_node_ends_it(node: LocalNode) -> None:
    supervisor(node).send_signal(signal.SIGINT)
    assert supervisor(node).wait(COMMAND_WITHIN_S) == 0
    node.wait_gone()


def test_stop_waits_for_live_calls(talking: tuple[LocalNode, Crowd]) -> None:
    node, crowd = talking
    assert node.command("stop").returncode == 0
    assert_all_heard(crowd)
    node.wait_gone()


def test_stop_now_does_not_wait(talking: tuple[LocalNode, Crowd]) -> None:
    node, crowd = talking
    assert node.stop() == 0
    node.wait_gone()
    crowd.hang_up()
    crowd.wait(60)
    assert any(report["faults"] for report in crowd.reports), "the calls went on to their end"


def test_stop_ends_orphans(node: LocalNode) -> None:
    node.kill("supervisor")
    assert node.processes() != [], "nothing outlived the supervisor: calls would have been lost"
    assert node.stop() == 0
    node.wait_gone()


def test_stop_hangs_up_the_calls_of_orphans(talking: tuple[LocalNode, Crowd]) -> None:
    node, crowd = talking
    node.kill("supervisor")
    assert node.stop() == 0
    crowd.wait(60)
    assert [report["bye"] for report in crowd.reports] == ["theirs", "theirs"]
    assert {record["state"] for record in node.calls()} == {"ended"}
    node.wait_gone()


def test_a_stopped_process_does_not_keep_a_node_from_ending(node: LocalNode) -> None:
    pid = node.kill("active", signal.SIGSTOP)
    assert node.stop() == 0
    node.wait_gone()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("how", [(), ("--now",)])
def test_a_node_whose_data_directory_was_removed_is_told_of_and_ended(node: LocalNode, how: tuple[str, ...]) -> None:
    wait_until("it is removed", lambda: removed(node.settings.data), COMMAND_WITHIN_S)
    status = node.command("status", check=False)
    assert status.returncode == 1
    assert f"was removed under the node that runs there (supervisor pid {supervisor(node).pid})" in status.stderr
    ended = node.command("stop", *how, check=False)
    assert (ended.returncode, ended.stdout) == (0, "stopped the node whose directory was removed\n")
    assert supervisor(node).wait(COMMAND_WITHIN_S) == 0
    node.wait_gone()


def removed(data: Path) -> bool:
    """The whole of it, though somebody may write to it just then."""
    shutil.rmtree(data, ignore_errors=True)
    return not data.exists()


def test_two_nodes_cannot_share_a_data_directory(node: LocalNode) -> None:
    first, last = node.rtp_ports
    second = subprocess.run(
        [
            *keepline_command(), "up", str(node.settings.operation), "--data", str(node.settings.data),
            "--sip", "127.0.0.1:0", "--http", "127.0.0.1:0", "--rtp-ports", f"{first}-{last}",
        ],
        capture_output=True, text=True, timeout=COMMAND_WITHIN_S, check=False,
    )  # fmt: skip
    assert second.returncode != 0
    assert second.stderr.strip()
    assert node.status()["processes"]["supervisor"]["pid"] == supervisor(node).pid


def test_a_node_starts_again_where_it_ended(node: LocalNode) -> None:
    assert node.stop() == 0
    node.wait_gone()
    node.up()
    with Crowd(node.uri("2000"), ["--calls", "2", "--hang-up-after", "0.3"]) as crowd:
        assert crowd.wait(60)["failed"] == 0
