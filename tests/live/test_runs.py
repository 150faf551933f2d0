"""Flows without a caller in a real node: active is killed while they wait; the whole node is started again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, wait_until

WITHIN_S = 60.0
OPERATION = """
operation: runs
sip: {listen: "127.0.0.1:5060"}
http: {listen: "127.0.0.1:8080"}
trunks: {loopback: {peers: ["127.0.0.0/8"]}}
numbers: {1000: {flow: nobody}}
flows: {nobody: "flows:nobody", parent: "flows:parent", hears: "flows:hears", naps: "flows:naps"}
"""
FLOWS = '''"""Flows that wait."""

from keepline.flow import Call, Run, flow


@flow
async def nobody(call: Call) -> None:
    await call.hangup()


@flow
async def parent(run: Run) -> str:
    children = [await run.start("naps", seconds=each) for each in (1, 3)]
    return " ".join([(await run.join(each)).value for each in children])


@flow
async def naps(run: Run) -> str:
    await run.wait(float(run.variables["seconds"]))
    return f"rested {run.variables['seconds']}"


@flow
async def hears(run: Run) -> str:
    told = await run.wait_for("paid", run.variables["order"], timeout_s=86_400)
    await run.wait(0.5)
    return told.amount if told else "nothing"
'''


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalNode]:
    """A node with these flows."""
    operation = tmp_path / "operation"
    operation.mkdir()
    (operation / "keepline.yaml").write_text(OPERATION)
    (operation / "flows.py").write_text(FLOWS)
    found = LocalNode(NodeSettings(operation / "keepline.yaml", tmp_path / "data", slots=10))
    try:
        found.up()
        yield found
        found.stop()
        found.wait_gone()
    finally:
        left = found.end()
        print(found.stderr())
    assert left == [], "processes of the node were left behind"


def start(node: LocalNode, *arguments: str) -> str:
    return node.command("flow", "start", *arguments).stdout.strip()


def runs(node: LocalNode) -> dict[str, dict[str, Any]]:
    lines = node.command("flows", "--json").stdout.splitlines()
    return {each["id"]: each for each in map(json.loads, lines)}


def await_end(node: LocalNode, run: str) -> str:
    """How it ended, and what it returned, as a person reads it."""
    wait_until(f"the end of {run}", lambda: runs(node)[run]["ended_at"], WITHIN_S)
    assert runs(node)[run]["state"] == "returned"
    return node.command("flow", "show", run).stdout.splitlines()[-1]


def test_active_is_killed_while_runs_wait(node: LocalNode) -> None:
    family = start(node, "parent")
    hears = start(node, "hears", "--var", "order=17")
    wait_until("a run that waits", lambda: runs(node)[hears]["waits_for"] == "event paid 17", WITHIN_S)
    node.kill("active")
    event = node.command("flow", "tell", "paid", "17", "--var", "amount=12").stdout.strip()
    assert event.startswith("e")
    node.kill("active")
    assert '"12"' in await_end(node, hears)
    assert "rested 1 rested 3" in await_end(node, family)
    timeline = node.command("flow", "show", family).stdout
    assert timeline.count("run_ended.1") == 1
    assert timeline.count("verb=start") == 2


def test_the_whole_node_is_started_again(node: LocalNode) -> None:
    """What fell due while it was down goes on; what waits for days still waits; an event is kept."""
    node.command("flow", "tell", "paid", "18", "--var", "amount=5")
    naps = start(node, "naps", "--var", "seconds=2")
    days = start(node, "naps", "--var", "seconds=259200", "--key", "days")
    until = runs(node)[days]["until"]
    node.stop()
    node.wait_gone()
    node.up()
    assert "rested 2" in await_end(node, naps)
    assert runs(node)[days]["state"] == "waiting"
    assert runs(node)[days]["until"] == until
    assert start(node, "naps", "--var", "seconds=1", "--key", "days") == days
    assert '"5"' in await_end(node, start(node, "hears", "--var", "order=18"))
    assert node.command("verify").returncode == 0
