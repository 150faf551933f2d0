"""A number of a real node that a portal points: its carrier dies, its calls come by another one, and it returns."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.outage.lines_process import NUMBER, LinesProcess
from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port, wait_until

OPERATION = Path(__file__).parents[2] / "bench" / "inbound" / "keepline.yaml"
WITHIN_S = 60
FAILOVER = f"numbers.{NUMBER}.failover"


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[tuple[LocalNode, LinesProcess]]:
    """A node, and callers of its number at a few calls a second."""
    port, portal = free_port(), free_port()
    lines = {"north": f"127.0.0.2:{port}", "south": f"127.0.0.3:{port}"}
    settings = [f"trunks.{name}.outbound.proxy={at}" for name, at in lines.items()]
    settings += [f"capabilities.portal.paths.0.http.base_url=http://127.0.0.1:{portal}", f"{FAILOVER}.hold_s=3"]
    extra = [word for each in settings for word in ("--set", each)]
    with LocalNode(NodeSettings(OPERATION, tmp_path / "data", slots=60, extra=extra)) as node:
        with LinesProcess(node.uri(NUMBER), lines, portal, rate=5.0) as callers:
            yield node, callers
        assert node.stop() == 0
        node.wait_gone()


def standing(node: LocalNode) -> dict[str, Any]:
    """Of the number."""
    [line] = node.command("numbers", "--json").stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def points(node: LocalNode, where: str) -> None:
    wait_until(f"it points {where}", lambda: standing(node)["points"] == where, WITHIN_S)


def test_a_number_moves_and_returns_though_its_node_dies_in_the_midst(
    numbers: tuple[LocalNode, LinesProcess],
) -> None:
    node, callers = numbers
    wait_until("calls come by north", lambda: len(callers.calls("north")) >= 15, WITHIN_S)
    callers.behave(answer_s=1.0, fails=1, loses=1)
    callers.say("kill north")
    points(node, "moving")
    node.kill("active")
    points(node, "away")
    moved_s = time.time()
    wait_until("calls come by south", lambda: len(callers.calls("south")) >= 10, WITHIN_S)
    assert not [each for each in callers.calls("south") if each["error"] or not each["answered"]]
    misdirected = callers.events("misdirected")
    assert misdirected
    assert misdirected[-1]["at"] < moved_s
    callers.say("mend north")
    points(node, "home")
    back_s = time.time()
    wait_until("calls come by north", lambda: callers.calls("north", back_s), WITHIN_S)
    asked = callers.requests()
    assert asked["overlaps"] == 0
    keys = {
        target: {each["key"] for each in asked["asked"] if each["target"] == target} for target in ("south", "north")
    }
    assert [len(each) for each in keys.values()] == [1, 1], "one request each way, however often it was made"
    facts = node.command("numbers").stdout
    assert f"{NUMBER}  north  api  home (north)  since " in facts


def test_a_person_moves_it_and_has_it_return(numbers: tuple[LocalNode, LinesProcess]) -> None:
    node, callers = numbers
    done = node.command("number", "move", NUMBER, "--why", "works at north", "--by", "Ana")
    assert done.stdout.startswith(f"{NUMBER} is asked to point away")
    points(node, "away")
    wait_until("calls come by south", lambda: callers.calls("south"), WITHIN_S)
    found = standing(node)
    assert (found["why"], found["by"], found["held"]) == ("works at north", "Ana", "away")
    again = node.command("number", "return", "+18005550199", "--why", "so", check=False)
    assert again.returncode == output.WRONG_INPUT
    assert "there is no number" in again.stderr
    node.command("number", "return", NUMBER, "--why", "works are over")
    points(node, "home")
