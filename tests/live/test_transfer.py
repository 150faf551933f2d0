"""A caller is handed over, with SIPp as the one who calls somebody else and tells of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_node import LocalNode, NodeSettings
from tests.live.sipp_runner import WAYS, Run, sipp

pytestmark = pytest.mark.needs_program("sipp")
OPERATION = """
operation: office
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {sales: flows:sales}
numbers: {"1000": {flow: sales}}
outbound: {allow: ["+1800"]}
"""
FLOWS = """
from keepline.flow import Call, flow


@flow
async def sales(call: Call) -> None:
    result = await call.transfer("+18005550111", timeout_s=20)
    await call.outcome("transferred" if result else "kept", reason="" if result else result.reason)
    await call.hangup()
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalNode]:
    operation = tmp_path / "operation"
    operation.mkdir()
    (operation / "keepline.yaml").write_text(OPERATION, encoding="utf-8")
    (operation / "flows.py").write_text(FLOWS, encoding="utf-8")
    with LocalNode(NodeSettings(operation, tmp_path / "data", slots=10)) as found:
        yield found
        assert found.stop() == 0


def results(node: LocalNode) -> list[tuple[str, str]]:
    """What each call came to, and its transfer; a BYE that is lost may still be repeated."""
    found = [json.loads(line) for line in node.command("calls", "--json").stdout.splitlines()]
    return [(each["outcome"], each["steps"][0]["result"]) for each in found]


@pytest.mark.parametrize("way", WAYS)
def test_rfc3515_a_transfer_that_works_ends_the_call(node: LocalNode, tmp_path: Path, way: str) -> None:
    sipp(node, tmp_path, Run("transfer", "1000", 3, rate=3, way=way))
    assert results(node) == [("transferred", "transferred")] * 3


@pytest.mark.parametrize("way", WAYS)
def test_rfc3515_a_transfer_that_does_not_leaves_the_caller_with_the_flow(
    node: LocalNode, tmp_path: Path, way: str
) -> None:
    sipp(node, tmp_path, Run("transfer_busy", "1000", 3, rate=3, way=way))
    assert results(node) == [("kept", "busy")] * 3
