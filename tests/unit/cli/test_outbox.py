"""`keepline outbox`: what is kept, what is in conflict, and what the node is asked about it."""

import json
from pathlib import Path

import pytest

from keepline.call.effects_work import CloseWork, RetryWork
from keepline.call.facts import UseKept, WorkClosed, WorkOpened, WorkRetried
from keepline.call.unfinished.book import CONFLICT
from keepline.cli import output
from keepline.node import control, work_requests
from tests.unit.cli.conftest import Run
from tests.unit.node.test_journal_work import written

CALLS = ("0190000000000001", "0190000000000002")


def kept(call: str) -> UseKept:
    return UseKept(
        call, 10.0, f"{call}-3", 3, "menu", "leads", "add", '{"phone":"+15550100"}', "a1", "+15550100", "1000",
        "office: unavailable: no connection", "office", "", 9.0, 0.0, 2, 7_200.0,
    )  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    conflict = WorkOpened(
        CALLS[1], 20.0, f"{CALLS[1]}-3", CONFLICT, "refused: 409 taken", "menu", "+15550100", "1000", 3, "leads", "add"
    )
    written(tmp_path, [kept(CALLS[0]), kept(CALLS[1]), conflict])
    return tmp_path


@pytest.fixture
def asked(data: Path, monkeypatch: pytest.MonkeyPatch) -> list[CloseWork | RetryWork | None]:
    """What the node is asked; it does it."""
    found: list[CloseWork | RetryWork | None] = []

    def ask(_data: Path, message: control.Message, _timeout_s: float) -> control.Message:
        wanted = work_requests.wanted_in(message)
        found.append(wanted)
        if isinstance(wanted, RetryWork):
            written(data, [WorkRetried(CALLS[1], 30.0, wanted.item, wanted.by)])
        elif wanted is not None:
            written(data, [WorkClosed(wanted.item[:16], 30.0, wanted.item, wanted.by, wanted.outcome, wanted.note)])
        return {"ok": True}

    monkeypatch.setattr(control, "ask", ask)
    return found


def test_it_lists_what_is_kept_and_what_is_in_conflict(data: Path, run: Run) -> None:
    ran = run("outbox", "--data", str(data))
    assert ran.code == 0
    first, second = ran.out.splitlines()
    assert "  kept  leads.add by office  +15550100  office: unavailable: no connection" in first
    assert "  conflict  leads.add by office  +15550100  refused: 409 taken" in second
    told = [json.loads(line) for line in run("outbox", "--json", "--data", str(data)).out.splitlines()]
    assert [(each["id"], each["state"], each["path"]) for each in told] == [
        (f"{CALLS[0]}-3", "kept", "office"), (f"{CALLS[1]}-3", "open", "office"),
    ]  # fmt: skip


def test_the_work_list_has_conflicts_alone(data: Path, run: Run) -> None:
    [line] = run("work", "--data", str(data)).out.splitlines()
    assert CALLS[1] in line


def test_a_conflict_is_tried_again(data: Path, asked: list[object], run: Run) -> None:
    ran = run("outbox", "retry", CALLS[1], "--by", "Ana", "--data", str(data))
    assert (ran.code, ran.out) == (0, f"tried again: {CALLS[1]}-3\n")
    assert asked == [RetryWork(f"{CALLS[1]}-3", "Ana")]
    assert run("work", "--data", str(data)).out == ""


def test_what_is_dropped_is_off_the_list(data: Path, asked: list[object], run: Run) -> None:
    ran = run("outbox", "drop", CALLS[0], "--by", "Ana", "--why", "they called again", "--data", str(data))
    assert (ran.code, ran.out) == (0, f"dropped {CALLS[0]}-3\n")
    assert asked == [CloseWork(f"{CALLS[0]}-3", "Ana", "void", "they called again")]
    assert CALLS[0] not in run("outbox", "--data", str(data)).out
    assert "  closed  " in run("outbox", "--all", "--data", str(data)).out


def test_nothing_and_wrong_ids_are_said(tmp_path: Path, data: Path, run: Run) -> None:
    ran = run("outbox", "drop", "0999", "--by", "Ana", "--why", "so", "--data", str(data))
    assert (ran.code, "no item has an id that begins with 0999" in ran.err) == (output.FAILED, True)
    (tmp_path / "other").mkdir()
    written(tmp_path / "other", [])
    assert "nothing is kept" in run("outbox", "--data", str(tmp_path / "other")).err
