"""What would fail when a carrier does, found out before: test calls of a real node out by one and in by the other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepline.cli import output
from keepline.demo_node import LocalNode, NodeSettings, free_port
from tests.live.loop_carriers import LoopCarriers

OPERATION = Path(__file__).with_name("preflight") / "keepline.yaml"


@pytest.fixture
def carriers(tmp_path: Path) -> Iterator[tuple[LocalNode, LoopCarriers]]:
    port = free_port()
    at = {"north": ("127.0.0.2", port), "south": ("127.0.0.3", port)}
    extra = [
        word for name, (host, _) in at.items() for word in ("--set", f"trunks.{name}.outbound.proxy={host}:{port}")
    ]
    settings = NodeSettings(OPERATION, tmp_path / "data", slots=60, extra=extra)
    with LoopCarriers(*at.values()) as loop, LocalNode(settings) as node:
        yield node, loop
        assert node.stop() == 0
        node.wait_gone()


def looked(node: LocalNode, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """What it says, and its exit code."""
    done = node.command("preflight", "--json", *more, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_what_goes_out_by_one_carrier_and_comes_in_by_the_other_is_heard(
    carriers: tuple[LocalNode, LoopCarriers],
) -> None:
    node, loop = carriers
    code, found = looked(node)
    loops = [each for each in found if each["check"] == "loop"]
    assert [each["what"].partition(":")[0] for each in loops] == [
        "out through north, in through south", "out through south, in through north",
    ]  # fmt: skip
    assert all(each["ok"] and "heard both ways" in each["what"] for each in loops), loops
    assert [each for each in found if not each["ok"]] == []
    assert code == output.FINE
    loop.is_mute = True
    code, found = looked(node)
    bad = [each for each in found if not each["ok"]]
    assert code == output.FAILED
    assert [each["what"].partition(": ")[2] for each in bad] == ["nothing is heard on the way there and back"] * 2
    assert "media networks, NAT" in bad[0]["fix"]


def test_a_call_that_is_refused_names_who_is_to_mend_it(carriers: tuple[LocalNode, LoopCarriers]) -> None:
    node, loop = carriers
    loop.refuses = 404
    _, found = looked(node)
    bad = [each for each in found if each["check"] == "loop"]
    assert "have the carrier of south point its test number to this node" in bad[0]["fix"]
    node.command("path", "drain", "north", "--for", "30m", "--why", "works")
    code, found = looked(node, "--no-calls")
    [drained] = [each for each in found if not each["ok"]]
    assert drained["fix"] == "keepline path release telephony/north"
    assert code == output.FAILED
