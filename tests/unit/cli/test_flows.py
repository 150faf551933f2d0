"""`keepline flows` and `keepline flow`: what is printed, and what is said of whatever cannot be done."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from keepline.call.facts.run import RunEnded, RunStarted, RunWaiting
from keepline.cli import output
from keepline.node import asking, control
from keepline.node.control import NodeNotRunning
from keepline.node.journal import create
from tests.unit.cli.conftest import Run
from tests.unit.cli.test_work import Supervisor
from tests.unit.node.journal_facts import Told, opened

WAITS, OVER, OTHER = "r00000000000000a", "r00000000000001b", "r00000000000001c"


def started(run: str, key: str) -> RunStarted:
    return RunStarted(run, 1.0, "remind", key, "digest", "", -1, "{}")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    told = Told()
    with opened(create(tmp_path), told) as journal:
        told.of(journal.submit([
            started(WAITS, "17"), RunWaiting(WAITS, 2.0, 0, "event paid 17", 9.0), started(OTHER, "19"),
            started(OVER, "18"), RunEnded(OVER, 3.0, "raised", "Traceback\nValueError: no", "null"),
        ]))  # fmt: skip
    return tmp_path


@pytest.fixture
def node(data: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    supervisor = Supervisor(data, {"ok": True, "id": WAITS})
    monkeypatch.setattr(control, "ask", supervisor.ask)
    return supervisor


def test_each_run_is_a_line(data: Path, run: Run) -> None:
    plain, as_json = run("flows", "--data", str(data)), run("flows", "--json", "--data", str(data))
    assert [f"{id_}  remind" in plain.out for id_ in (WAITS, OVER, OTHER)] == [True, True, True]
    assert "event paid 17" in plain.out
    told = {each["id"]: each for each in map(json.loads, as_json.out.splitlines())}
    assert {id_: each["state"] for id_, each in told.items()} == {WAITS: "waiting", OVER: "raised", OTHER: "at_work"}
    fields = [told[WAITS][name] for name in ("flow", "key", "waits_for", "until")]
    assert fields == ["remind", "17", "event paid 17", 9.0]


def test_where_there_are_none_a_person_is_told_so_and_a_program_reads_nothing(tmp_path: Path, run: Run) -> None:
    path = create(tmp_path)
    plain, as_json = run("flows", "--data", str(tmp_path)), run("flows", "--json", "--data", str(tmp_path))
    assert (plain.code, plain.out, as_json.out, as_json.err) == (0, "", "", "")
    assert "`keepline flow start NAME` starts one" in plain.err
    assert run("work", "--data", str(tmp_path)).err.startswith("nothing is unfinished")
    assert run("work", "--json", "--data", str(tmp_path)).err == ""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE runs")
    assert run("flows", "--json", "--data", str(tmp_path)).code == 0, "a journal of before there were runs"


@pytest.mark.parametrize(
    ("id_", "code", "words"),
    [
        ("rf", output.FAILED, "no run has an id that begins with rf; `keepline flows` lists them"),
        ("r00000000000001", output.WRONG_INPUT, f"2 runs have an id that begins with r00000000000001: {OVER} {OTHER}"),
    ],
)
def test_an_id_that_is_none_or_several(data: Path, run: Run, id_: str, code: int, words: str) -> None:
    shown = run("flow", "show", id_, "--data", str(data))
    assert (shown.code, shown.err.strip()) == (code, words)


def test_a_run_is_shown_with_its_timeline(data: Path, run: Run) -> None:
    shown = run("flow", "show", OVER, "--data", str(data))
    assert shown.code == 0
    assert [kind in shown.out for kind in ("run_started.1", "run_ended.1")] == [True, True]
    assert "ending=raised" in shown.out


def test_starting_and_telling_ask_the_node_under_an_id(node: Supervisor, run: Run) -> None:
    where = ("--data", str(node.data))
    assert run("flow", "start", "remind", "--key", "17", "--var", "a=b", *where).out.strip() == WAITS
    assert run("flow", "tell", "paid", "17", "--var", "amount=5", *where).code == 0
    begun, told = node.asked
    assert (begun["op"], begun["flow"], begun["key"], begun["variables"]) == ("start_run", "remind", "17", {"a": "b"})
    assert (told["op"], told["event"], told["key"], told["variables"]) == ("tell", "paid", "17", {"amount": "5"})
    assert [str(each["call"])[0] for each in node.asked] == ["r", "e"]


@pytest.mark.parametrize("command", [("start", "remind"), ("tell", "paid", "17")])
def test_without_a_node_it_is_said_how_to_start_one(data: Path, run: Run, command: tuple[str, ...]) -> None:
    done = run("flow", *command, "--data", str(data))
    assert done.code == output.NO_NODE
    assert f"`keepline up --data {data}`" in done.err


def test_what_the_node_refuses_is_said(node: Supervisor, run: Run) -> None:
    node.answers = [{"ok": False, "error": "the operation has no flow 'remaind'; for runs it has remind"}]
    done = run("flow", "start", "remaind", "--data", str(node.data))
    assert (done.code, done.err.strip()) == (
        output.WRONG_INPUT,
        "the operation has no flow 'remaind'; for runs it has remind",
    )
    assert run("flow", "start", "remind", "--var", "amount", "--data", str(node.data)).code == output.WRONG_INPUT


def test_a_switch_over_meanwhile_is_waited_for(node: Supervisor, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is lost, and a node without a call process: asked again under the same id."""
    monkeypatch.setattr(asking, "POLL_S", 0.0)
    node.answers = [
        NodeNotRunning("the node did not answer within 5 s"),
        {"ok": False, "again": True, "error": "no call process is at work just now"},
        {"ok": True, "id": WAITS},
    ]
    assert run("flow", "tell", "paid", "17", "--data", str(node.data)).code == 0
    assert len({str(each["call"]) for each in node.asked}) == 1
    assert len(node.asked) == 3


def test_a_node_that_can_not_do_it_for_long_says_why(
    node: Supervisor, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking.ask_until_answered, "__defaults__", (0.0,))
    node.answers = [{"ok": False, "again": True, "error": "no call process is at work just now"}]
    done = run("flow", "tell", "paid", "17", "--data", str(node.data))
    assert done.code == output.NO_NODE
    assert "cannot do it just now: no call process is at work just now" in done.err
