"""A machine that has far more to do than it can: callers hear no gap, since media runs before all else.

What computes has the node's processors alone, so that the callers judge what the node does and not how they fare.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.killing import Outcome, complete
from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.node.scheduling import IS_RAISED, REAL_TIME, scheduling_of

BUSY = 60
"""So many want one processor that an ordinary process waits for its turn, longer than media can make good."""
COMPUTING = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    parent = os.getpid()
    if not os.fork():
        os.setsid()
        os.sched_setaffinity(0, map(int, sys.argv[2:]))
        os.close(1)
        while os.getppid() == parent:
            for _ in range(10_000):
                pass
        os._exit(0)
os.write(1, b"+")
time.sleep(600)
"""
CALLS = 4
WAITS_S_MAX = 0.1
"""For a processor, in all the seconds of a call; an ordinary process waits more than that for each of its turns."""
SOON_S = 60.0


def may_run_first() -> bool:
    """Whether this user's processes may be real-time."""
    command = [sys.executable, "-c", "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def waited_s(pid: int) -> float:
    """How long a process has waited for a processor in its life, by the kernel's count, in seconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


@pytest.fixture
def narrow_node(tmp_path: Path, spoken: Path) -> Iterator[LocalNode]:
    """A node that has one processor."""
    data = tmp_path / "data"
    shutil.copytree(spoken, data / "prompts")
    node = LocalNode(NodeSettings(embedded_operation_path(), data, 20, (max(os.sched_getaffinity(0)),)))
    try:
        node.up()
        yield node
        node.stop()
        node.wait_gone()
    finally:
        left = node.end()
        print(f"--- stderr of the node\n{node.stderr()}")
    assert left == []


@contextlib.contextmanager
def busy(node: LocalNode) -> Iterator[None]:
    """Programs that compute all the time, in sessions of their own, where the node is."""
    command = [sys.executable, "-S", "-c", COMPUTING, str(BUSY), *map(str, node.settings.cores)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.read(1) == b"+"
            yield
        finally:
            parent.kill()


@pytest.mark.skipif(not may_run_first(), reason="real-time processes are not allowed here (RLIMIT_RTPRIO)")
def test_a_busy_machine_is_not_heard_and_media_has_its_place_again_after_its_death(narrow_node: LocalNode) -> None:
    node = narrow_node
    options = ["--calls", str(CALLS), "--rate", "20", "--expect", "welcome,goodbye"]
    pids = wait_until("the node is complete", lambda: complete(node), SOON_S)
    os.kill(pids["media"], 9)
    media = wait_until("media is there again", lambda: complete(node, [pids["media"]]), SOON_S)["media"]
    assert node.status()["processes"]["media"]["scheduling"] == REAL_TIME
    assert scheduling_of(node.pid("speech")) == IS_RAISED, "callers hear silence until it has spoken"
    with Crowd(node.uri("1000"), [*options, "--events", *prompt_options(node.prompts())]) as crowd:
        while True:
            line = crowd.lines.get(timeout=SOON_S)
            assert line is not None, f"the crowd ended early: {crowd.summary}"
            if line["event"] == "live" and [row["hears"] for row in line["calls"]] == ["welcome"] * CALLS:
                break
        with busy(node):
            before_s = waited_s(media)
            while line is not None and line["event"] != "call":
                line = crowd.lines.get(timeout=SOON_S)
            waits_s = waited_s(media) - before_s
        assert Outcome(crowd.reports, crowd.wait(SOON_S)).failed == []
        assert waits_s < WAITS_S_MAX
