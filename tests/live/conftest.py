"""Real nodes, real sockets, real peers. A node started here must leave nothing behind, whatever the test did to it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keepline.config import embedded_operation_path
from keepline.demo_node import LocalNode, NodeSettings

sys.path.insert(0, str(embedded_operation_path().parent))
sys.path.append(str(embedded_operation_path().parents[1] / "retailer" / "world"))

MakeNode = Callable[[], LocalNode]
LONG = (
    "retailer", "demo", "deaths", "secrets", "sipp_settings", "bad_disks", "switchover", "node_starting", "carriers",
    "retailer_peers", "calls_out_lossy", "connect", "proof", "upgrade", "sipp_digest", "node_supervision", "ending",
    "board",
)  # fmt: skip
"""Files that take two minutes and more beside others, the longest first: no lane is left with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all else as it stands."""
    order = {f"test_{name}": at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bench operation's prompts, spoken once for all nodes of this run; empty until the first node has ended."""
    return tmp_path_factory.mktemp("prompts")


def _start(directory: Path, spoken: Path) -> LocalNode:
    data = directory / "data"
    shutil.copytree(spoken, data / "prompts")
    return LocalNode(NodeSettings(embedded_operation_path(), data, slots=100))


def _finish(node: LocalNode, spoken: Path) -> None:
    """Stop the node as anybody would, keep its prompts, and fail if any process of it is left."""
    try:
        for prompt in (node.settings.data / "prompts").glob("*.?law"):
            if not (spoken / prompt.name).exists():
                shutil.copy(prompt, spoken)
        if node.processes():
            node.stop()
            node.wait_gone()
    finally:
        left = node.end()
        print(f"--- stderr of the node in {node.settings.data}\n{node.stderr()}")
    assert left == [], "processes of the node were left behind"


@pytest.fixture
def node(tmp_path: Path, spoken: Path) -> Iterator[LocalNode]:
    """A node of the test's own, which it may maltreat."""
    found = _start(tmp_path, spoken)
    try:
        found.up()
        yield found
    finally:
        _finish(found, spoken)


@pytest.fixture(scope="module")
def calm_node(tmp_path_factory: pytest.TempPathFactory, spoken: Path) -> Iterator[LocalNode]:
    """A node that the tests of one module share; none of them harms it."""
    found = _start(tmp_path_factory.mktemp("node"), spoken)
    try:
        found.up()
        yield found
    finally:
        _finish(found, spoken)
