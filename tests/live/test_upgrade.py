"""`keepline upgrade` while a crowd is on the phone: nobody hears it, and what does not serve is not kept."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.killing import Outcome, complete
from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeSettings, wait_until

Edit = Callable[[str, str, str], None]
IN_CALLS = (
    "import os, sys, threading\n"
    "main = getattr(sys.modules['__main__'], '__file__', '')\n"
    "if main.replace('/', '.').endswith('keepline.node.calls.py'):\n"
)
"""At the head of a module of flows: what follows, indented, is done by a calls process alone."""


@pytest.fixture
def operation(tmp_path: Path) -> Path:
    directory = tmp_path / "operation"
    shutil.copytree(embedded_operation_path().parent, directory, ignore=shutil.ignore_patterns("__pycache__"))
    return directory


@pytest.fixture
def edited_node(operation: Path, tmp_path: Path, spoken: Path) -> Iterator[LocalNode]:
    data = tmp_path / "data"
    shutil.copytree(spoken, data / "prompts")
    node = LocalNode(NodeSettings(operation / "keepline.yaml", data, slots=100))
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


@pytest.fixture
def crowd(edited_node: LocalNode) -> Iterator[Crowd]:
    """Callers who judge every packet, all through the test."""
    options = ["--rate", "4", "--concurrent", "15", "--expect", "welcome*,goodbye", "--digits", "random@0.3-6.5"]
    with Crowd(edited_node.uri("1000"), [*options, *prompt_options(edited_node.prompts())]) as crowd:
        wait_until("calls are under way", lambda: crowd.reports, 30)
        wait_until("the node is complete", lambda: complete(edited_node), 30)
        yield crowd
        ended = len(crowd.reports)
        wait_until("calls go on", lambda: len(crowd.reports) > ended + 2, 60)
        crowd.finish()
        assert Outcome(crowd.reports, crowd.wait(90)).failed == []


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def upgrade(node: LocalNode, operation: Path) -> tuple[int, str]:
    ran = node.command("upgrade", str(operation), "--data", str(node.settings.data), check=False)
    return ran.returncode, ran.stdout + ran.stderr


def status_of_call(node: LocalNode, number: str) -> int:
    """What a call to the number came to, on record."""
    before = len(node.calls())
    with Crowd(node.uri(number), ["--calls", "1", "--rate", "1", "--hang-up-after", "1"]) as caller:
        caller.wait(60)
    records = wait_until("it is on record", lambda: [c for c in node.calls()[before:] if c["to"] == number], 20)
    return int(records[-1]["sip_status"])


def test_a_new_number_is_there_and_nobody_hears_how(edited_node: LocalNode, operation: Path, crowd: Crowd) -> None:
    node, first = edited_node, complete(edited_node)
    assert status_of_call(node, "1002") == 404
    edit(operation / "keepline.yaml", "numbers:\n", 'numbers:\n  "1002": {flow: hold}\n')
    code, words = upgrade(node, operation)
    assert (code, words.startswith("upgraded to ")) == (0, True), words
    after = wait_until("the node is complete", lambda: complete(node, [first["active"], first["warm"]]), 30)
    assert after["media"] == first["media"]
    assert status_of_call(node, "1002") == 200
    assert node.status()["operation"] in words


def test_processes_alone_can_be_new(edited_node: LocalNode, operation: Path, crowd: Crowd) -> None:
    first = wait_until("the node is complete", lambda: complete(edited_node), 60)
    code, words = upgrade(edited_node, operation)
    assert (code, "the same operation; its processes are new" in words) == (0, True), words
    wait_until("the node is complete", lambda: complete(edited_node, [first["active"], first["warm"]]), 30)


def test_a_version_that_does_not_start_is_refused(edited_node: LocalNode, operation: Path, crowd: Crowd) -> None:
    first = wait_until("the node is complete", lambda: complete(edited_node), 60)
    edit(operation / "flows.py", '"""\n', f'"""\n{IN_CALLS}    raise SystemExit("not here")\n')
    code, words = upgrade(edited_node, operation)
    assert code == 1, words
    assert "not upgraded: the process of the new version ended before it served" in words
    assert complete(edited_node) == first, "nothing changed"


def test_a_file_that_is_wrong_is_refused_before_anything_happens(edited_node: LocalNode, operation: Path) -> None:
    edit(operation / "keepline.yaml", "flow: greeting", "flow: greting")
    code, words = upgrade(edited_node, operation)
    assert code == 2
    assert "greting" in words
    edit(operation / "keepline.yaml", "flow: greting", "flow: greeting")
    edit(operation / "keepline.yaml", "operation: bench\n", "operation: bench\nnode: {drain_limit_s: 77}\n")
    code, words = upgrade(edited_node, operation)
    assert (code, "keeps its node.drain_limit_s" in words) == (2, True), words


def test_code_that_cannot_be_read_is_refused_before_anything_happens(edited_node: LocalNode, operation: Path) -> None:
    before = wait_until("the node is complete", lambda: complete(edited_node), 60)
    edit(operation / "flows.py", '"""\n', '"""\ndef broken(:\n')
    code, words = upgrade(edited_node, operation)
    assert (code, "flows.py" in words) == (2, True), words
    assert complete(edited_node) == before


def test_a_version_that_ends_of_itself_is_taken_back(edited_node: LocalNode, operation: Path, crowd: Crowd) -> None:
    node, before = edited_node, edited_node.status()["operation"]
    deadly = "    threading.Timer(3.0, lambda: os._exit(3)).start()\n"
    edit(operation / "flows.py", '"""\n', f'"""\n{IN_CALLS}{deadly}')
    upgrade(node, operation)
    wait_until("it is taken back", lambda: "was taken back" in str(node.status().get("trouble")), 60)
    assert node.status()["operation"] == before
    wait_until("the node is complete", lambda: complete(node), 60)


def test_without_a_node_there_is_nothing_to_upgrade(tmp_path: Path, operation: Path) -> None:
    node = LocalNode(NodeSettings(operation / "keepline.yaml", tmp_path / "nowhere", slots=10))
    code, words = upgrade(node, operation)
    assert (code, "no node runs in" in words) == (1, True), words
