"""`keepline callback cancel`: the run of an open ticket is told, by its id or its number."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from keepline.cli import output
from keepline.flow.calling_back import OFF
from keepline.node import asking, reader
from keepline.node.control import Message, NodeNotRunning
from keepline.node.journal_callbacks import TicketLine
from tests.unit.cli.conftest import Run

LINES = [
    TicketLine(f"r{index}", number, "call_back", "lost", "open", 1.0, "c", 100.0, 50.0, 0, "", "", None)
    for index, number in enumerate(("+15550100", "+15550101", "+15550100"))
]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What the node is asked; it does it."""
    found: list[Message] = []

    def ask(_data: Path, message: Message) -> Message:
        found.append(message)
        return {"ok": True}

    monkeypatch.setattr(asking, "ask_until_answered", ask)
    monkeypatch.setattr(reader, "JournalReader", lambda _data: SimpleNamespace(callbacks=lambda: LINES))
    return found


@pytest.mark.parametrize(("name", "tickets"), [("r1", ["r1"]), ("+15550100", ["r0", "r2"])])
def test_open_tickets_are_called_off(
    told: list[Message], run: Run, tmp_path: Path, name: str, tickets: list[str]
) -> None:
    ran = run("callback", "cancel", name, "--why", "she wrote", "--by", "Ana", "--data", str(tmp_path))
    assert (ran.code, len(ran.out.splitlines())) == (0, len(tickets))
    assert [(each["event"], each["key"]) for each in told] == [(OFF, ticket) for ticket in tickets]
    assert all("she wrote (Ana)" in str(each["variables"]) for each in told)


@pytest.mark.parametrize(("name", "why"), [("r9", "so"), ("+15550199", "so"), ("r1", " ")])
def test_what_is_none_is_said(told: list[Message], run: Run, tmp_path: Path, name: str, why: str) -> None:
    ran = run("callback", "cancel", name, "--why", why, "--data", str(tmp_path))
    assert (ran.code, told) == (output.WRONG_INPUT, [])


def test_without_a_node_nothing_is_called_off(
    told: list[Message], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> Message:
        raise NodeNotRunning("no node runs")

    monkeypatch.setattr(asking, "ask_until_answered", nobody)
    ran = run("callback", "cancel", "r1", "--why", "so", "--data", str(tmp_path))
    assert ran.code == output.NO_NODE
