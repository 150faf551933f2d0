"""A carrier of a node that serves callers is drilled, by test calls alone; whoever dies, the fault goes away."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, keepline_command, wait_until
from keepline.node.control import ask
from keepline.node.path_commands import TELL
from tests.live.loop_carriers import LoopCarriers
from tests.live.test_preflight import carriers

__all__ = ["carriers"]
WITHIN_S = 60.0
DRILL = ["drill", "run", "telephony-north-dead", "--production", "--json"]


@pytest.fixture
def history(tmp_path: Path) -> list[str]:
    return ["--history", str(tmp_path / "drills")]


def faults(node: LocalNode) -> Any:
    told = ask(node.settings.data, {"op": TELL, "call": "looking"}, WITHIN_S)["drill"]
    assert isinstance(told, dict)
    return told["faults"]


def test_test_calls_are_rerouted_and_the_fault_goes_away_whoever_dies(
    carriers: tuple[LocalNode, LoopCarriers], history: list[str]
) -> None:
    node, _ = carriers
    refused = node.command(*DRILL, *history, "--yes", "another", check=False)
    assert (refused.returncode, faults(node)) == (output.WRONG_INPUT, {})
    assert "5 test calls to +18005550191 for 0.25 USD at most; for them alone north is silent" in refused.stderr
    assert "the operation is preflight, not 'another': nothing is done" in refused.stderr

    done = node.command(*DRILL, *history, "--yes", "preflight", check=False)
    run = json.loads(done.stdout)
    card = run["card"]
    assert (done.returncode, run["passed"], run["rollback_verified"]) == (output.FINE, True, True), done.stdout
    assert (card["calls"], card["rerouted"], card["lost"], card["audio_faults"]) == (3, 3, 0, 0)
    assert card["detected"], card
    assert card["real_condition"] == ["healthy", "healthy"]
    assert faults(node) == {}
    [real] = [each for each in node_paths(node) if each["path"] == "telephony/north"]
    assert (real["condition"], real["breaker"]) == ("healthy", "closed")

    command = [*keepline_command(), *DRILL, *history, "--yes", "preflight", "--data", str(node.settings.data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as drill:
        wait_until("the fault is planted", lambda: faults(node), WITHIN_S)
        drill.kill()
    aborted = subprocess.run(
        [*keepline_command(), "drill", "abort", *history], capture_output=True, text=True, timeout=WITHIN_S, check=True
    )
    assert "the fault of north for test calls" in aborted.stdout
    assert faults(node) == {}


def node_paths(node: LocalNode) -> list[dict[str, Any]]:
    return [json.loads(line) for line in node.command("paths", "--json").stdout.splitlines()]
