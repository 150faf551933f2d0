"""`keepline paths` and `keepline path`: what is asked, what is printed, and errors that say what to do."""

import json
from pathlib import Path

import pytest

from keepline.cli import output
from keepline.node import control
from keepline.node.path_commands import TELL, WISH, wish_wanted
from tests.unit.cli.conftest import Run

STANDING = {
    "path": "telephony/first", "order": 1, "condition": "down", "breaker": "open",
    "evidence": "5 of the last 6 INVITEs unanswered since 10:04:31", "in_flight": 2, "in_flight_max": 60,
    "wish": "drain", "until": 1000.0, "why": "works", "by": "Ana",
}  # fmt: skip


class Node:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, *answers: dict[str, object]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, object]] = []

    def ask(self, _data: Path, request: dict[str, object], _timeout_s: float) -> dict[str, object]:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def node(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, object]) -> Node:
    found = Node(*answers)
    monkeypatch.setattr(control, "ask", found.ask)
    return found


def test_paths_are_printed_a_line_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    asked = node(monkeypatch, {"ok": True, "paths": [STANDING]})
    plain = run("paths", "--data", str(tmp_path))
    assert plain.code == 0
    assert plain.out.startswith(f"telephony/first  down  open  2 of 60 in flight  {STANDING['evidence']}  drain until ")
    assert plain.out.rstrip().endswith("by Ana: works")
    assert json.loads(run("paths", "--json", "--data", str(tmp_path)).out) == STANDING
    assert asked.asked[0]["op"] == TELL


@pytest.mark.parametrize("wish", ["drain", "prefer", "disable"])
def test_a_wish_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run, wish: str) -> None:
    asked = node(monkeypatch, {"ok": False, "again": True, "error": "no call process"}, {"ok": True})
    done = run("path", wish, "first", "--for", "30m", "--why", "works", "--by", "Ana", "--data", str(tmp_path))
    assert (done.code, done.out) == (0, f"{wish} first for 1800 s\n")
    assert [each["op"] for each in asked.asked] == [WISH, WISH], "asked again while the process is replaced"
    wanted = wish_wanted(asked.asked[-1])
    assert (wanted.path, wanted.wish, wanted.for_s, wanted.why, wanted.by) == ("first", wish, 1800.0, "works", "Ana")


def test_a_wish_is_taken_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    asked = node(monkeypatch, {"ok": True})
    assert run("path", "release", "first", "--data", str(tmp_path)).out == "release first\n"
    assert asked.asked[0]["wish"] == "release"


@pytest.mark.parametrize("span", ["30", "m", "-5m", "30 minutes", "0x5m"])
def test_a_span_that_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run, span: str) -> None:
    asked = node(monkeypatch, {"ok": True})
    done = run("path", "drain", "first", f"--for={span}", "--why", "works", "--data", str(tmp_path))
    assert done.code == output.WRONG_INPUT
    assert "for example 30m" in done.err
    assert asked.asked == []


def test_what_the_node_refuses_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    node(monkeypatch, {"ok": False, "error": "there is no path 'third'; there are telephony/first"})
    done = run("path", "drain", "third", "--for", "1h", "--why", "works", "--data", str(tmp_path))
    assert (done.code, done.err) == (output.WRONG_INPUT, "there is no path 'third'; there are telephony/first\n")


def test_without_a_node(tmp_path: Path, run: Run) -> None:
    assert run("paths", "--data", str(tmp_path)).code == output.NO_NODE
