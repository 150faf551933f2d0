"""Preflights that playbooks ask for: made where a step waits, said once."""

from pathlib import Path

import pytest

from keepline.call.facts import Fact
from keepline.call.facts.incident import IncidentOpened
from keepline.call.facts.run import RunStarted
from keepline.config import load_operation
from keepline.desk.playbook_looks import PlaybookLooks, said_of
from keepline.flow.capabilities import write_value
from keepline.flow.playbook import PLAYBOOK
from keepline.incident.plays import playbook_run
from keepline.model.operation import Operation
from keepline.model.playbook import PlaybookStep, StepKind, told_of
from keepline.node import journal
from keepline.node.control import Message
from keepline.paths.capacity import PreflightFinding
from tests.unit.incident.test_review import ID, step
from tests.unit.node.test_reader import write

FINE, BAD = PreflightFinding("paths", True, "a is healthy"), PreflightFinding("loop", False, "nothing is heard")


def facts(state: str) -> list[Fact]:
    steps = told_of([PlaybookStep("look", StepKind.PREFLIGHT, "look", within_s=60.0)])
    said = {"incident": ID, "playbook": "node", "title": "T", "file": "", "digest": "d", "steps": steps}
    opened = IncidentOpened(ID, 1_000.0, "node", "c", 2, (), (), "person", "e", 1_000.0, by="mara")
    run = RunStarted(playbook_run(ID), 1_000.0, PLAYBOOK, "k", "o", "", -1, write_value(said))
    began = step("step_began", 1_001.0, step="look", due_at_s=None, until_s=1_061.0)
    ended = step("step_ended", 1_002.0, step="look", state="done", by="", why="", early=False, asked="")
    return [opened, run] + {"ahead": [], "under way": [began], "done": [began, ended]}[state]


@pytest.mark.parametrize(("state", "looks"), [("ahead", 0), ("under way", 1), ("done", 0)])
def test_it_looks_where_a_step_waits_for_it(state: str, looks: int, tmp_path: Path) -> None:
    write(journal.create(tmp_path), facts(state))
    asked: list[Message] = []
    checked: list[bool] = []

    def check(_operation: Operation, calls: bool) -> list[PreflightFinding]:
        checked.append(calls)
        return [FINE, BAD]

    def ask(request: Message) -> Message:
        asked.append(request)
        return {"ok": True}

    operation = load_operation(Path(__file__).parents[3] / "examples" / "bench")
    PlaybookLooks(tmp_path, check, ask).attend(operation)
    assert checked == [False] * looks
    found = [(each["incident"], each["step"], each["said"], each["is_fine"], each["why"]) for each in asked]
    assert found == [(ID, "look", "looked", False, "nothing is heard")] * looks


def test_it_is_said_under_one_id_and_trouble_is_no_end(tmp_path: Path) -> None:
    fine = said_of(ID, "look", [FINE])
    assert (fine.is_fine, fine.why) == (True, "all 1 checks passed")
    assert fine.asked == said_of(ID, "look", [BAD]).asked != said_of(ID, "again", [FINE]).asked
    PlaybookLooks(tmp_path).attend(load_operation(Path(__file__).parents[3] / "examples" / "bench"))  # no journal
