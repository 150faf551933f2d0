"""The disk takes nothing any more, and then the active process dies: its successor serves, and writes when it can.

A disk that is full is played by the kernel's limit on the size of files, which every write of the journal meets.
"""

import os
import resource
import signal

from bench.killing import Outcome, complete
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, wait_until

CALLS = 8
WRITERS = ("supervisor", "active", "warm")


def limit_files(node: LocalNode, size: int) -> None:
    """No process that writes the journal may make a file longer than that; their children neither."""
    for role in WRITERS:
        _, hard = resource.prlimit(node.pid(role), resource.RLIMIT_FSIZE)
        resource.prlimit(node.pid(role), resource.RLIMIT_FSIZE, (size, hard))


def trouble(node: LocalNode) -> str:
    return str(node.status().get("trouble") or "")


def test_a_full_disk_does_not_keep_the_successor_from_serving(node: LocalNode) -> None:
    options = ["--rate", "10", "--calls", str(CALLS), "--hang-up-after", "25", "--expect", "music+"]
    with Crowd(node.uri("3000"), [*options, *prompt_options(node.prompts())]) as crowd:
        wait_until("all are on the phone", lambda: node.glance()["live_calls"] == CALLS, 20)
        wait_until("they are on record", lambda: sum(call["state"] == "live" for call in node.calls()) == CALLS, 20)
        limit_files(node, 1)
        first = node.kill("active", signal.SIGKILL)
        wait_until("a successor serves", lambda: complete(node, [first]), 30)
        summary = crowd.wait(120)
        assert Outcome(crowd.reports, summary).failed == []
        told = wait_until("the trouble is told", lambda: trouble(node), 20)
        assert "disk" in told or "full" in told, told
        assert node.command("verify", "--data", os.fspath(node.settings.data)).returncode == 0
        limit_files(node, resource.RLIM_INFINITY)
        wait_until("the trouble is over", lambda: not trouble(node), 30)
        wait_until("every call has ended on record", lambda: all(call["ended_at"] for call in node.calls()), 30)
    assert len(node.calls()) == CALLS
    second = node.kill("active", signal.SIGKILL)
    wait_until("and its successor takes over as ever", lambda: complete(node, [second]), 30)
    assert node.command("verify", "--data", os.fspath(node.settings.data)).returncode == 0
