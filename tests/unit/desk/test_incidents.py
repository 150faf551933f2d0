"""The incidents' pages and API: what the journal has is shown, and each button becomes a request to the node."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keepline.call.effects_incident import (
    AddAction,
    CloseIncident,
    EndAction,
    IncidentInput,
    NoteIncident,
    OfferIncident,
    OpenIncident,
    SetMode,
    TakeIncident,
)
from keepline.call.effects_person import Decide
from keepline.call.effects_playbook import SayOfStep
from keepline.call.facts.action import ActionAdded
from keepline.call.facts.incident import GateMoved, IncidentMoved, IncidentNoted, IncidentOpened, IncidentTaken
from keepline.desk.app import create_app
from keepline.desk.incidents_desk import IncidentsDesk, words_of
from keepline.desk.playbooks_api import NodePlaybooks
from keepline.desk.source import CallEvent, CallHistory
from keepline.incident.actions import day_told
from keepline.incident.plays import PlaybookRuns
from keepline.incident.plays_shown import play_told
from keepline.model.people import Role
from keepline.node.commands import asked_in
from keepline.node.people_commands import decide_request
from tests.unit.desk.desk_fakes import FakeSource
from tests.unit.desk.people.visits import MACHINE_TOKEN, Visitor, make_place
from tests.unit.incident.test_review import ID as REVIEWED
from tests.unit.incident.test_review import made, play_facts

AT_S = 1_763_900_000.0
ID = "INC-20251123-1"
OPENED = IncidentOpened(
    ID, AT_S, "back_office", "orders/crm", 2, ("orders",), ("orders/crm",), "path", "failed <timeout>", AT_S - 2.0, 7
)
FACTS = (
    OPENED,
    IncidentTaken(ID, AT_S + 1, "ada"),
    IncidentNoted(ID, AT_S + 2, "the vendor <called>", "ada", "a1"),
    GateMoved(ID, AT_S + 3, "cleared", 0.0, 1, 0.0, "nothing fails any more"),
    IncidentMoved(ID, AT_S + 3, "cleared", "nothing fails any more"),
)


class IncidentSource(FakeSource):
    """A source whose journal has incidents."""

    def history(self, call_id: str) -> CallHistory | None:
        found = [fact for fact in self.facts if fact.call == call_id]
        events = [
            CallEvent(at, fact.at_s, fact.kind, {name: getattr(fact, name) for name in fact.__slots__})
            for at, fact in enumerate(found, start=1)
        ]
        return CallHistory(events, []) if found else None


class Node:
    """What is asked of it."""

    def __init__(self) -> None:
        self.asked: list[IncidentInput] = []
        self.error = ""

    def ask(self, wanted: IncidentInput) -> dict[str, object]:
        self.asked.append(wanted)
        return {"ok": not self.error, "error": self.error, "incident": getattr(wanted, "incident", ID)}


def a_visit(facts: Sequence[object] = FACTS) -> tuple[Visitor, Node]:
    node, source = Node(), IncidentSource(facts=list(facts))  # type: ignore[arg-type]
    app = create_app(source, loopback=True, token=lambda: MACHINE_TOKEN, ask_incidents=node.ask)
    headers = {"authorization": f"Bearer {MACHINE_TOKEN}", "host": "127.0.0.1:8080"}
    return Visitor(app, address="127.0.0.1", headers=headers), node


def test_what_is_on_record_is_told_newest_first_with_its_gate_and_the_mode() -> None:
    source = IncidentSource(facts=[*FACTS, replace(OPENED, call="INC-20251123-2", cause="orders/copy")])
    desk = IncidentsDesk(source, Node().ask)
    now = desk.now(AT_S)
    assert [each.id for each in now.incidents] == ["INC-20251123-2", ID]
    assert (now.incidents[1].commander, now.incidents[1].gate, now.incidents[1].phase) == (
        "ada", "testing", "recovering",
    )  # fmt: skip
    assert now.mode.mode == "degraded"
    source.facts = []  # another journal is in its place
    assert desk.now(AT_S).incidents == []


def test_the_page_of_one_has_its_timeline_and_escapes_what_people_write() -> None:
    visitor, _ = a_visit()
    shown = visitor.page(f"/incidents/{ID}").text
    assert "the vendor &lt;called&gt;" in shown
    assert "failed &lt;timeout&gt;" in shown
    for action in ("take", "hand-over", "note", "close"):
        assert f'action="/api/incidents/{ID}/{action}"' in shown
    assert "orders/crm" in visitor.page("/incidents").text
    assert visitor.page("/incidents/INC-1").status == 404
    told = visitor.get(f"/api/incidents/{ID}").json
    assert isinstance(told, dict)
    assert [each["kind"] for each in told["timeline"]][:2] == ["incident_opened.1", "incident_taken.1"]


@pytest.mark.parametrize(
    ("route", "told", "wanted"),
    [
        ("", {"kind": "carrier", "cause": "noise", "severity": 1}, OpenIncident),
        (f"/{ID}/take", {"why": "she sleeps"}, TakeIncident),
        (f"/{ID}/hand-over", {"to": "grace"}, OfferIncident),
        (f"/{ID}/note", {"text": "the vendor called"}, NoteIncident),
        (f"/{ID}/actions", {"what": "claim it", "owner": "grace", "due": "2026-12-31"}, AddAction),
        (f"/{ID}/actions/1", {"state": "done"}, EndAction),
        (f"/{ID}/close", {"why": "a cable", "override": True}, CloseIncident),
    ],
)
def test_a_button_becomes_a_request_to_the_node(route: str, told: dict[str, object], wanted: type) -> None:
    visitor, node = a_visit()
    assert visitor.send(f"/api/incidents{route}", told).status in (200, 201)
    (asked,) = node.asked
    assert type(asked) is wanted
    assert asked.by
    node.error = "ada commands it"
    refused = visitor.send(f"/api/incidents{route}", told)
    assert (refused.status, refused.json) == (422, {"error": "ada commands it"})
    assert visitor.send(f"/api/incidents{route}", told | {"what": "else"}).status == 422


def test_closing_goes_in_the_name_of_an_account_so_that_four_eyes_are_two_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place(tmp_path, monkeypatch)
    place.source.facts = list(FACTS)
    visitor = place.visitor(Role.COMMANDER)
    told = {"why": "a cable", "override": True}
    assert visitor.send(f"/api/incidents/{ID}/close", told).json == {"incident": ID, "held_until": None}
    [(name, title, wanted, why)] = place.actions.asked
    assert (name, title, why) == ("commander", "commander", "a cable")
    decided = asked_in(decide_request("a1", str(name), str(title), "session", "", "", "a cable", 0.0, wanted))  # type: ignore[arg-type]
    assert isinstance(decided, Decide)
    assert (decided.action, decided.how) == ("incident.override", "session")
    place.actions.answer = {"ok": True, "held_until_s": 900.0}
    assert visitor.send(f"/api/incidents/{ID}/close", told).json == {"incident": ID, "held_until": 900.0}
    form = {"why": "a cable", "override": "true"}
    assert "It waits for a second person" in visitor.post(f"/api/incidents/{ID}/close", form).text
    place.people.close()


def test_the_mode_is_set_the_same_way() -> None:
    visitor, node = a_visit()
    assert visitor.send("/api/mode", {"mode": "crisis", "for_s": 60, "why": "a storm"}).status == 200
    (asked,) = node.asked
    assert isinstance(asked, SetMode)
    assert (asked.mode, asked.for_s) == ("crisis", 60.0)


class Plays(NodePlaybooks):
    """A playbook that is at work, and a review."""

    def __init__(self) -> None:
        super().__init__(Path(), lambda: None)
        self.said: list[SayOfStep] = []
        self.mistake = ""

    def play(self, incident: str) -> dict[str, Any] | None:
        return play_told(PlaybookRuns(play_facts()).plays[REVIEWED])

    def review(self, incident: str) -> dict[str, Any] | None:
        return made()

    def say(self, wanted: SayOfStep) -> str:
        self.said.append(wanted)
        return self.mistake


def test_the_page_has_the_playbooks_steps_the_actions_and_for_who_may_see_them_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays = Plays()
    added = ActionAdded(ID, AT_S + 9, 1, "claim <it>", "grace", AT_S + 86_400.0, "ada")
    source = IncidentSource(facts=[*FACTS, added])
    monkeypatch.setattr("tests.unit.desk.people.visits.FakeSource", lambda: source)
    monkeypatch.setattr("tests.unit.desk.people.visits.NodePlaybooks", lambda *_: plays)
    place = make_place(tmp_path, monkeypatch)
    commander, agent = place.visitor(Role.COMMANDER), place.visitor(Role.AGENT)
    page = commander.page(f"/incidents/{ID}").text
    assert "claim &lt;it&gt;" in page
    assert f'action="/api/incidents/{ID}/actions/1"' in page
    assert "Claim it." in page
    assert "What callers experienced" in page
    assert commander.csrf in page
    assert 'style="' not in page
    assert "What callers experienced" not in agent.page(f"/incidents/{ID}").text
    assert "Overdue since" in commander.page("/incidents").text
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):  # a day that is due is the same for everybody
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        day = day_told(added.due_s)
        assert f'<td data-is="Owner">grace</td><td data-is="Due">{day}</td>' in commander.page(f"/incidents/{ID}").text
        assert f"Overdue since {day}:" in commander.page("/incidents").text
        assert words_of("action_added.1", {"owner": "grace", "due_s": added.due_s, "what": "x"}) == (
            f"To be done by grace until {day}: x"
        )
    monkeypatch.delenv("TZ")
    time.tzset()
    told = commander.get("/api/actions").json
    assert [(each["id"], each["is_overdue"]) for each in told["actions"]] == [(f"{ID}/1", True)]  # type: ignore[index]
    form = {"said": "done", "step": "credit"}
    reply = agent.post(f"/api/incidents/{ID}/playbook/steps", form)
    assert (reply.status, reply.headers["location"]) == (303, f"/incidents/{ID}#playbook")
    assert [(each.step, each.said, each.by) for each in plays.said] == [("credit", "done", "agent")]
    plays.mistake = "its turn has not come"
    assert agent.send(f"/api/incidents/{ID}/playbook/steps", form).status == 409
    assert agent.send(f"/api/incidents/{ID}/actions", {"what": "x", "owner": "y", "due": "2026-02-31"}).status == 422
    place.people.close()
