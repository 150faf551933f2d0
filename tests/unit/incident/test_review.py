"""The review of an incident, from facts of a journal that is made up here, and counted again by hand."""

import json
from dataclasses import replace
from typing import Any

from keepline.call.facts import Fact
from keepline.call.facts.action import ActionAdded
from keepline.call.facts.incident import IncidentClosed, IncidentMoved, IncidentNoted, IncidentOpened, IncidentTaken
from keepline.call.facts.path import PathStood, PathWished
from keepline.call.facts.run import RunStarted, RunStepEnded
from keepline.flow.capabilities import write_value
from keepline.flow.playbook import PLAYBOOK
from keepline.incident.book import IncidentBook
from keepline.incident.plays import PlaybookRuns, playbook_run
from keepline.incident.review import Reviewed, ReviewedRun, review_of
from keepline.incident.review_text import EXERCISE, html_of, markdown_of
from keepline.model.money import MoneySettings, Price, SlaStep, SlaTerms
from keepline.model.playbook import PlaybookStep, StepKind, told_of
from tests.unit.desk.board_facts import answered, ended, received

ID = "INC-20261123-1"
BEGAN_S = 1_795_435_200.0
SINCE_S = BEGAN_S + 600.0
MONEY = MoneySettings("USD", Price(4, 9, 25, "one in five buys for 45"))
OPENED = IncidentOpened(
    ID, SINCE_S + 3.0, "carrier", "north is <down>", 2, ("telephony",), ("telephony/north",), "path", "5 of 5", SINCE_S
)
OWN = (
    OPENED,
    IncidentTaken(ID, SINCE_S + 20.0, "mara"),
    IncidentMoved(ID, SINCE_S + 30.0, "mitigated", "south carries"),
    IncidentNoted(ID, SINCE_S + 40.0, "ticket | 17", "mara"),
    IncidentMoved(ID, SINCE_S + 100.0, "cleared", "back"),
    IncidentMoved(ID, SINCE_S + 110.0, "passed", "gate"),
    IncidentClosed(ID, SINCE_S + 120.0, "mara", "all is well"),
)


def call(name: str, at_s: float, *, is_answered: bool) -> list[Fact]:
    """One call, with a number of its own."""
    begun = replace(received(name, at_s), from_number=f"+1212555{name}")
    return [
        begun,
        *([answered(name, at_s + 0.5)] if is_answered else []),
        ended(name, at_s + 2.0, 200 if is_answered else 503),
    ]


def step(name: str, at_s: float, **fields: object) -> RunStepEnded:
    value = json.dumps({"log": name, "fields": fields})
    return RunStepEnded(playbook_run(ID), at_s, 0, "log", "f", "done", value, at_s)


def play_facts() -> list[Fact]:
    """Of a playbook with two steps, the first of which was skipped."""
    steps = told_of([
        PlaybookStep("ring", StepKind.HUMAN, "supervisor", "Ring.", "answered", 60.0),
        PlaybookStep("credit", StepKind.HUMAN, "leader", "Claim it.", "sent", 60.0),
    ])  # fmt: skip
    said = {"incident": ID, "playbook": "carrier", "title": "T", "file": "", "digest": "d", "steps": steps}
    started = RunStarted(playbook_run(ID), SINCE_S + 3.0, PLAYBOOK, "k", "o", "", -1, write_value(said))
    ended = {"step": "ring", "state": "skipped", "by": "mara", "why": "no phone", "early": False, "asked": "a"}
    return [started, step("step_ended", SINCE_S + 35.0, **ended)]


def made(**changes: Any) -> dict[str, Any]:
    """The review of an incident in which two calls came before, one was answered within, and two were lost."""
    meanwhile = [
        *call("a", BEGAN_S + 10.0, is_answered=True),
        *call("b", SINCE_S + 5.0, is_answered=True),
        *call("c", SINCE_S + 6.0, is_answered=False),
        PathStood("paths", SINCE_S + 2.0, "telephony/north", "down", "open", "5 of 5", SINCE_S, 0.0, 0.0, 1),
        *call("d", SINCE_S + 70.0, is_answered=False),
        PathWished("paths", SINCE_S + 50.0, "telephony/north", "drain", SINCE_S + 99.0, "it is bad", "mara"),
    ]
    incident = IncidentBook(OWN).incidents[ID]
    given = Reviewed(
        incident, OWN, sorted(meanwhile, key=lambda fact: fact.at_s), PlaybookRuns(play_facts()).plays[ID],
        [ReviewedRun("r1", f"message:{ID}:opened", SINCE_S + 4.0, "returned")],
        [{"item": "w1", "what": "a charge is in doubt"}], MONEY, SINCE_S + 120.0,
    )  # fmt: skip
    return review_of(replace(given, **changes))


def test_each_figure_can_be_counted_again() -> None:
    found = made()
    assert found["times"] == {
        "detect_s": 3.0, "acknowledge_s": 20.0, "mitigate_s": 30.0, "restore_s": 110.0, "close_s": 120.0,
    }  # fmt: skip
    minutes = found["minutes"]
    assert [(each["attempts"], each["answered"], each["lost"]) for each in minutes] == [(2, 1, 1), (1, 0, 1)]
    assert found["customers"] == 2
    money = found["money"]
    lost = next(each for each in money["lines"] if each["what"].startswith("calls that were refused"))
    assert (lost["count"], lost["total"], lost["why"]) == (
        2, {"low": 8, "mid": 18, "high": 50}, "one in five buys for 45",
    )  # fmt: skip
    assert money["total"]["mid"] == sum(each["total"]["mid"] for each in money["lines"])
    assert found["is_final"] is True


def test_what_happened_is_in_order_and_says_who() -> None:
    found = made()
    assert [each["at"] for each in found["timeline"]] == sorted(each["at"] for each in found["timeline"])
    assert [(each["what"], each["by"]) for each in found["decisions"]] == [
        ("command", "mara"), ("step", "mara"), ("path", "mara"), ("closed", "mara"),
    ]  # fmt: skip
    assert found["decisions"][1]["words"] == "ring skipped: no phone"
    assert [(each["path"], each["condition"]) for each in found["paths"]] == [("telephony/north", "down")]
    assert [each["key"] for each in found["messages"]] == [f"message:{ID}:opened"]
    assert [(each["step"], each["owner"]) for each in found["steps_left"]] == [("credit", "leader")]
    assert found["open_work"] == [{"item": "w1", "what": "a charge is in doubt"}]


def test_the_carriers_credit_and_the_actions_stand_beside_the_loss() -> None:
    terms = SlaTerms(900.0, (SlaStep(99.95, 5.0),), 30, "contract, §9")
    down = PathStood("paths", SINCE_S - 3_600.0, "telephony/north", "down", "open", "", SINCE_S - 3_600.0, 0.0, 0.0, 1)
    own = (*OWN, ActionAdded(ID, SINCE_S + 130.0, 1, "claim the <credit>", "grace", SINCE_S + 86_400.0, "mara"))
    money = replace(MONEY, sla={"telephony/north": terms, "telephony/south": terms})
    found = made(money=money, month=[down], incident=IncidentBook(own).incidents[ID], own=own)
    [owed] = found["sla"]
    assert (owed["path"], owed["down_min"], owed["percent"], owed["credit"]) == ("telephony/north", 62.0, 5.0, 45.0)
    [action] = found["actions"]
    assert (action["owner"], action["state"]) == ("grace", "open")
    text = markdown_of(found)
    assert "Providers give back 45.00 USD for the month, by their own terms." in text
    assert "claim the <credit>" in text
    assert "claim the &lt;credit&gt;" in html_of(found)
    exercise = (replace(OPENED, exercise="drill-7"), *OWN[1:])
    none = made(money=money, month=[down], incident=IncidentBook(exercise).incidents[ID], own=exercise)
    assert none["sla"] == []


def test_an_exercise_is_kept_out_of_the_real_figures() -> None:
    own = (replace(OPENED, exercise="drill-7"), *OWN[1:])
    found = made(incident=IncidentBook(own).incidents[ID], own=own)
    assert (found["minutes"], found["money"], found["customers"], found["unseen"]) == ([], None, 0, 0)
    assert EXERCISE in markdown_of(found)
    assert EXERCISE in html_of(found)


def test_it_is_told_as_text() -> None:
    found = made()
    text, page = markdown_of(found), html_of(found)
    for heading in ("What callers experienced", "What it cost", "Decisions", "Timeline", "Open work", "Actions"):
        assert f"## {heading}" in text
        assert f"<h2>{heading}</h2>" in page
    assert "Of 3 calls 1 were answered and 2 lost; 2 callers felt it." in text
    assert "ticket \\| 17" in text
    assert "north is &lt;down&gt;" in page
    assert "<down>" not in page
    open_ = made(incident=IncidentBook(OWN[:2]).incidents[ID], own=OWN[:2], play=None, money=None)
    assert "It is not closed" in markdown_of(open_)
    assert (open_["times"]["close_s"], open_["money"], open_["playbook"]) == (None, None, None)
