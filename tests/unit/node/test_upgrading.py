"""An upgrade is refused where it would lose what only the old process knows."""

import os
import socket

import pytest

from keepline.node import upgrading
from keepline.node.children import Child
from keepline.node.control import Message
from keepline.node.processes import ProcessId
from keepline.node.upgrading import Upgrade


class Node:
    """As much of a supervisor as is asked first."""

    state = "running"
    digest = "a1"

    def __init__(self, waiting: int) -> None:
        pid = ProcessId(os.getpid(), 0)
        self.active = Child("calls", pid, -1, 0.0, state="active", journal={"waiting": waiting})
        self.children = [self.active]
        self.started: list[tuple[str, str]] = []

    def find(self, role: str, state: str = "") -> Child | None:
        return self.active if (role, state) == ("calls", "active") else None

    def start(self, role: str, operation: str) -> None:
        self.started.append((role, operation))


@pytest.mark.parametrize("waiting", [0, 1])
def test_facts_that_are_in_memory_alone_keep_their_process(waiting: int) -> None:
    node = Node(waiting)
    told: list[Message] = []
    mine, theirs = socket.socketpair()
    with mine, theirs:
        upgrade = Upgrade(node, lambda _to, message: told.append(message))  # type: ignore[arg-type]
        answer = upgrade.ask(mine, {"operation": "b2"})
    if waiting:
        assert answer == {"ok": False, "error": upgrading.UNWRITTEN}
    assert node.started == ([] if waiting else [("calls", "b2")])
