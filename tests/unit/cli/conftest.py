"""The command line run in this process, and stand-ins for what it talks to."""

import json
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from keepline.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Run `keepline` with these arguments in an empty directory; a log that it sets up is set up for it alone."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["keepline", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, out, err)

    yield run
    structlog.reset_defaults()


class FakeNodeNotRunning(Exception):  # noqa: N818 - named as its model is
    """Stands for keepline.node.control.NodeNotRunning."""


@dataclass(slots=True)
class FakeNode:
    """A node that answers from here and remembers what it was asked."""

    status: dict[str, object] = field(default_factory=dict)
    running: bool = True
    orphans: list[int] = field(default_factory=list)
    stops_after: int = 2
    """Questions that are still answered after a stop."""
    limit_s: float = 0.0
    asked: list[dict[str, object]] = field(default_factory=list)
    stopping: bool = False

    def ask(self, data: Path, request: dict[str, object], timeout_s: float) -> dict[str, object]:
        self.asked.append(request)
        if not self.running or (self.stopping and self.stops_after == 0):
            raise FakeNodeNotRunning(f"no node runs in {data}")
        if request["op"] == "stop":
            self.stopping = True
            return {"ok": True, "limit_s": self.limit_s}
        if self.stopping:
            self.stops_after -= 1
        return self.status

    def end_orphans(self, data: Path) -> list[int]:
        return self.orphans


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    """A node to ask."""
    fake = FakeNode()
    control = types.ModuleType("keepline.node.control")
    vars(control).update(ask=fake.ask, end_orphans=fake.end_orphans, NodeNotRunning=FakeNodeNotRunning)
    monkeypatch.setitem(sys.modules, "keepline.node.control", control)
    monkeypatch.setattr("keepline.cli.node.STOP_POLL_S", 0.0)
    return fake


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """The fields of a call record that the commands read."""

    id: str
    state: str = "ended"
    flow: str = "greeting"
    from_: str = "alice"
    to: str = "1000"
    received_at: float = 1_700_000_000.0
    answered_at: float | None = 1_700_000_000.5
    ended_at: float | None = 1_700_000_011.5
    ended_by: str = "flow"
    sip_status: int | None = 200
    reason: str = ""
    outcome: str = "completed"
    error: str = ""

    def to_json(self) -> str:
        return json.dumps({"id": self.id, "state": self.state})


@dataclass(slots=True)
class FakeJournal:
    """Records by id, oldest first; `rounds` of later changes for whoever follows."""

    calls: dict[str, FakeRecord] = field(default_factory=dict)
    rounds: list[list[FakeRecord]] = field(default_factory=list)

    def put(self, *records: FakeRecord) -> None:
        self.calls.update((record.id, record) for record in records)

    def records(self, limit: int) -> list[FakeRecord]:
        return list(self.calls.values())[-limit:]

    def find(self, prefix: str) -> list[str]:
        return [each for each in self.calls if each.startswith(prefix)]

    def record(self, identifier: str) -> FakeRecord:
        return self.calls[identifier]

    def events(self, identifier: str) -> list[types.SimpleNamespace]:
        return [
            types.SimpleNamespace(
                seq=1, at_s=10.0, kind="call_received", fields={"call": "abc1", "at_s": 10.0, "from": "alice", "to": ""}
            ),
            types.SimpleNamespace(seq=2, at_s=10.25, kind="call_answered", fields={}),
        ]

    def ladder(self, identifier: str) -> list[types.SimpleNamespace]:
        return [
            types.SimpleNamespace(at_s=10.0, direction="->", text="INVITE sip:1000@127.0.0.1\r\nVia: x"),
            types.SimpleNamespace(at_s=10.1, direction="<-", text="SIP/2.0 200 OK\r\n\r\n"),
        ]


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> FakeJournal:
    """A journal to read, wherever one looks."""
    fake = FakeJournal()
    reader = types.ModuleType("keepline.node.reader")
    vars(reader).update(JournalReader=lambda data: fake)
    monkeypatch.setitem(sys.modules, "keepline.node.reader", reader)
    return fake
