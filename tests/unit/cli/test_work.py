"""`keepline work`: listed, shown and closed, with errors that say what to do."""

import json
from pathlib import Path

import pytest

from keepline.call.facts import Fact
from keepline.call.facts.work import WorkClosed
from keepline.cli import output
from keepline.node import control, work_requests
from tests.unit.cli.conftest import Run
from tests.unit.node.test_journal_work import CALLS, opened, pending, written

Answers = list[dict[str, object]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    written(tmp_path, [opened(CALLS[0]), pending(CALLS[1])])
    return tmp_path


class Supervisor:
    """Answers as it is told, and remembers what it was asked; it may close the item first."""

    def __init__(self, data: Path, *answers: dict[str, object] | Exception) -> None:
        self.data = data
        self.answers = list(answers)
        self.asked: list[dict[str, object]] = []
        self.writes: list[Fact] = []

    def ask(self, data: Path, request: dict[str, object], timeout_s: float) -> dict[str, object]:
        self.asked.append(request)
        if self.writes:
            written(self.data, self.writes)
            self.writes = []
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def answering(data: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    supervisor = Supervisor(data, {"ok": True})
    monkeypatch.setattr(control, "ask", supervisor.ask)
    return supervisor


CLOSE = ("work", "close", CALLS[0], "--by", "Ana", "--outcome", "done", "--note", "called back", "--data")


def test_the_list_is_what_is_open(data: Path, run: Run) -> None:
    plain, as_json = run("work", "--data", str(data)), run("work", "list", "--json", "--data", str(data))
    assert plain.code == as_json.code == 0
    assert plain.out == run("work", "list", "--data", str(data)).out
    assert [f"{CALLS[n]}-3" in plain.out for n in range(3)] == [True, True, False]
    items = [json.loads(line) for line in as_json.out.splitlines()]
    assert {item["id"]: item["state"] for item in items} == {f"{CALLS[0]}-3": "open", f"{CALLS[1]}-3": "pending"}


def test_one_is_shown_with_everything(data: Path, run: Run) -> None:
    shown = run("work", "show", CALLS[1], "--data", str(data))
    assert shown.code == 0
    for words in ("use: payments.charge", f"idempotency_key: {CALLS[1]}-3", "from: +15550100", "why: silent"):
        assert words in shown.out
    assert json.loads(run("work", "show", CALLS[1], "--json", "--data", str(data)).out)["state"] == "pending"


@pytest.mark.parametrize(
    ("item", "code", "words"),
    [("0999", output.FAILED, "no item has an id that begins with 0999"), ("0190", output.WRONG_INPUT, "2 items have")],
)
def test_an_id_that_is_none_or_several(data: Path, run: Run, item: str, code: int, words: str) -> None:
    ran = run("work", "show", item, "--data", str(data))
    assert (ran.code, words in ran.err) == (code, True)


def test_no_journal_is_said(tmp_path: Path, run: Run) -> None:
    ran = run("work", "--data", str(tmp_path))
    assert ran.code == output.FAILED
    assert "no journal in" in ran.err


def test_closing_asks_the_node(answering: Supervisor, run: Run) -> None:
    ran = run(*CLOSE, str(answering.data))
    assert (ran.code, ran.out) == (0, f"closed {CALLS[0]}-3: done\n")
    [asked] = answering.asked
    wanted = work_requests.wanted_in(asked)
    assert wanted is not None
    assert (wanted.item, wanted.by, wanted.outcome, wanted.note) == (f"{CALLS[0]}-3", "Ana", "done", "called back")


def test_an_outcome_that_is_none_is_wrong_input(answering: Supervisor, run: Run) -> None:
    ran = run("work", "close", CALLS[0], "--by", "Ana", "--outcome", "perhaps", "--data", str(answering.data))
    assert (ran.code, "done, not-done, void" in ran.err) == (output.WRONG_INPUT, True)
    assert answering.asked == []


def test_without_a_node_nothing_is_closed(answering: Supervisor, run: Run) -> None:
    answering.answers = [control.NodeNotRunning("no node runs in here; start one with `keepline up`")]
    ran = run(*CLOSE, str(answering.data))
    assert (ran.code, "no node runs" in ran.err) == (output.NO_NODE, True)


def test_what_the_node_refuses_is_said(answering: Supervisor, run: Run) -> None:
    answering.answers = [{"ok": False, "error": "name and note are longer than 4000 characters together"}]
    ran = run(*CLOSE, str(answering.data))
    assert (ran.code, "longer than" in ran.err) == (output.FAILED, True)


def test_an_answer_that_is_lost_is_found_in_the_journal(answering: Supervisor, run: Run) -> None:
    answering.answers = [control.NodeNotRunning("the node did not answer within 5 s")]
    answering.writes = [WorkClosed(CALLS[0], 30.0, f"{CALLS[0]}-3", "Ana", "done", "called back")]
    assert run(*CLOSE, str(answering.data)).code == 0
    assert run(*CLOSE, str(answering.data)).code == 0, "twice in the same words is once"
    ran = run("work", "close", CALLS[0], "--by", "Bob", "--outcome", "void", "--data", str(answering.data))
    assert (ran.code, "was closed by Ana already, at " in ran.err) == (output.FAILED, True)


def test_a_switch_over_meanwhile_is_waited_for(answering: Supervisor, run: Run) -> None:
    answering.answers = [{"ok": False, "again": True, "error": "no call process is at work just now"}, {"ok": True}]
    assert run(*CLOSE, str(answering.data)).code == 0
    assert len(answering.asked) == 2


def test_what_somebody_else_closed_says_who_and_how(answering: Supervisor, run: Run) -> None:
    written(answering.data, [WorkClosed(CALLS[0], 50.0, f"{CALLS[0]}-3", "Ben", "void", "a test call")])
    done = run(*CLOSE, str(answering.data))
    assert done.code == output.FAILED
    assert f"{CALLS[0]}-3 was closed by Ben already, at " in done.err
    assert ": void, a test call" in done.err
    assert answering.asked == []
