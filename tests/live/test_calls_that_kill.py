"""A flow that ends its process whenever it gets so far: its call is set aside, and the crowd beside it goes on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.killing import Outcome, complete
from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeSettings, wait_until

DEADLY = '''

@flow
async def deadly(call: Call) -> None:
    """What a library of somebody's may do to the process that it runs in."""
    import os

    await call.wait(1.0)
    os._exit(3)
'''


@pytest.fixture
def deadly_node(tmp_path: Path, spoken: Path) -> Iterator[LocalNode]:
    operation = tmp_path / "operation"
    shutil.copytree(embedded_operation_path().parent, operation, ignore=shutil.ignore_patterns("__pycache__"))
    flows = operation / "flows.py"
    flows.write_text(flows.read_text(encoding="utf-8") + DEADLY, encoding="utf-8")
    file = operation / "keepline.yaml"
    text = file.read_text(encoding="utf-8").replace("flows:\n", 'flows:\n  deadly: "flows:deadly"\n', 1)
    file.write_text(text.replace("numbers:\n", 'numbers:\n  "6666": {flow: deadly}\n', 1), encoding="utf-8")
    data = tmp_path / "data"
    shutil.copytree(spoken, data / "prompts")
    node = LocalNode(NodeSettings(file, data, slots=100))
    try:
        node.up()
        yield node
    finally:
        if node.processes():
            node.stop()
            node.wait_gone()
        left = node.end()
        print(f"--- stderr of the node in {node.settings.data}\n{node.stderr()}")
    assert left == []


def test_a_call_that_kills_its_process_is_set_aside(deadly_node: LocalNode) -> None:
    node = deadly_node
    options = ["--rate", "4", "--concurrent", "12", "--expect", "welcome*,goodbye", "--digits", "random@0.3-6.5"]
    with Crowd(node.uri("1000"), [*options, *prompt_options(node.prompts())]) as crowd:
        wait_until("calls are under way", lambda: crowd.reports, 30)
        first = complete(node)["active"]
        with Crowd(node.uri("6666"), ["--calls", "1", "--rate", "1"]) as victim:
            victim.wait(90)
        second = wait_until("the node is complete", lambda: complete(node, [first]), 60)["active"]
        with Crowd(node.uri("6666"), ["--calls", "1", "--rate", "1"]) as victim:
            victim.wait(90)
        told = wait_until("the loop is told", lambda: " ".join(node.status()["trouble"]), 30)
        assert "times in a row (exit 3); its log says why" in told
        assert "crash_loop" in node.stderr()
        wait_until("the node is complete", lambda: complete(node, [first, second]), 60)
        ended = len(crowd.reports)
        wait_until("the others go on", lambda: len(crowd.reports) > ended + 2, 60)
        crowd.finish()
        outcome = Outcome(crowd.reports, crowd.wait(90))
    assert outcome.failed == []
    assert second != first
    records = [call for call in node.calls() if call["to"] == "6666"]
    assert len(records) == 2
    for record in records:
        assert (record["state"], record["outcome"], record["ended_by"]) == ("ended", "failed", "flow")
        assert "2 processes died while they worked on this call" in record["error"]
        assert [step["name"] for step in record["steps"]][-1] == "apology"
