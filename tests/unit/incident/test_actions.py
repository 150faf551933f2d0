"""What is to be done after an incident: owners, due days, ends; and that it outlives the process and the incident."""

from dataclasses import replace

import pytest

from keepline.call.effects_incident import AddAction, EndAction, IncidentAnswered
from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.incident.actions import DUE_S_MAX, ActionState, action_told, day_told
from keepline.incident.book import IncidentBook
from keepline.model.limits_incidents import INCIDENT_ACTIONS_MAX, INCIDENT_NAME_CHARS_MAX, INCIDENT_WORDS_CHARS_MAX
from keepline.node.incident_commands import incident_request, incident_wanted
from tests.unit.incident.telling_desk import AT_S, TellingDesk

ID = "INC-20251123-1"
ADD = AddAction("b1", ID, "claim the credit", "grace", AT_S + 86_400.0, "ada")
END = EndAction("c1", ID, 1, "done", "grace", "it is on the bill")


def ask(desk: TellingDesk, given: AddAction | EndAction) -> str:
    return next(each.mistake for each in desk.give(given) if isinstance(each, IncidentAnswered))


def book(desk: TellingDesk) -> IncidentBook:
    return IncidentBook(desk.facts)


def a_desk() -> TellingDesk:
    desk = TellingDesk()
    desk.open()
    return desk


@pytest.mark.parametrize("asked", [ADD, END])
def test_commands_arrive_as_they_were_sent(asked: AddAction | EndAction) -> None:
    assert incident_wanted(incident_request(asked)) == asked


def test_it_is_on_record_once_and_outlives_the_process_and_the_incident() -> None:
    desk = a_desk()
    desk.close(ID)
    assert ask(desk, ADD) == ""
    desk.restart()
    assert ask(desk, ADD) == ""  # asked again
    assert len(desk.of(ActionAdded)) == 1
    [action] = book(desk).incidents[ID].actions.values()
    told = action_told(action, AT_S)
    assert (told["id"], told["owner"], told["state"], told["is_overdue"]) == (f"{ID}/1", "grace", "open", False)
    assert action_told(action, AT_S + 86_400.0)["is_overdue"]
    assert day_told(AT_S) == "2025-11-23"


def test_it_is_done_once_and_may_be_open_again_for_a_reason() -> None:
    desk = a_desk()
    ask(desk, ADD)
    assert ask(desk, replace(END, number=7)) == f"{ID} has no action 7; there are 1"
    assert ask(desk, END) == ""
    assert ask(desk, END) == ""  # asked again
    assert ask(desk, replace(END, by="linus")) == "it is done already"
    assert ask(desk, replace(END, state="dropped")) == "it is done: say that it is open again before"
    assert [each.state for each in book(desk).incidents[ID].actions.values()] == [ActionState.DONE]
    assert ask(desk, replace(END, state="open", why="")) == "say why: that is kept"
    assert ask(desk, replace(END, state="open", why="the credit was too small")) == ""
    assert [each.state for each in desk.of(ActionEnded)] == ["done", "open"]
    assert [each.state for each in book(desk).incidents[ID].actions.values()] == [ActionState.OPEN]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (replace(ADD, incident="INC-20251123-9"), "there is no incident"),
        (replace(ADD, what=" "), "say what is to be done"),
        (replace(ADD, what="x" * (INCIDENT_WORDS_CHARS_MAX + 1)), "say what is to be done"),
        (replace(ADD, owner=""), "say whose it is"),
        (replace(ADD, owner="x" * (INCIDENT_NAME_CHARS_MAX + 1)), "say whose it is"),
        (replace(ADD, due_s=0.0), "say by when"),
        (replace(ADD, due_s=DUE_S_MAX), "say by when"),
        (replace(END, state="sold"), "'sold' is nothing"),
        (replace(END, why="x" * (INCIDENT_WORDS_CHARS_MAX + 1)), "say why in up to"),
    ],
)
def test_what_cannot_be(given: AddAction | EndAction, told: str) -> None:
    desk = a_desk()
    ask(desk, ADD)
    before = list(desk.facts)
    assert told in ask(desk, replace(given, asked="z9"))
    assert desk.facts == before


def test_there_are_only_so_many() -> None:
    desk = a_desk()
    for number in range(INCIDENT_ACTIONS_MAX):
        assert ask(desk, replace(ADD, asked=f"b{number}")) == ""
    assert "more is a project" in ask(desk, replace(ADD, asked="b99"))
    assert ask(desk, replace(ADD, asked="b7")) == ""  # asked again
