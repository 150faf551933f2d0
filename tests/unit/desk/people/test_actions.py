"""Buttons, the second pair of eyes, and what is told to the journal."""

import pytest

from keepline.call.deciding import action_of
from keepline.call.effects_path import WishPath
from keepline.call.effects_person import Decide, SettleAction
from keepline.desk.people.actions import Telling
from keepline.model.people import Role
from keepline.node.commands import asked_in
from keepline.node.control import Message, NodeNotRunning
from keepline.node.people_commands import decide_request, settle_request
from tests.unit.desk.desk_fakes import standing
from tests.unit.desk.people.visits import PASSWORD, SHELL, Place

HELD: dict[str, object] = {
    "id": "a1", "at": 1.0, "by": "ana", "role": "supervisor", "action": "path.drain", "about": "telephony/<b>",
    "why": "works", "until": 901.0,
}  # fmt: skip


def test_a_button_is_a_command_in_the_name_of_who_pressed_it(place: Place) -> None:
    visitor = place.visitor(Role.SUPERVISOR)
    reply = visitor.post("/api/paths/telephony/first/drain", {"why": "works", "for_s": "600"})
    assert (reply.status, reply.headers["location"]) == (303, "/")
    wanted = {"op": "wish_path", "path": "telephony/first", "wish": "drain", "why": "works", "for_s": 600.0}
    assert place.actions.asked == [("supervisor", "supervisor", wanted, "works")]
    assert visitor.send("/api/paths/telephony/first/release").json == {"done": True, "held_until": None}
    assert visitor.send("/api/paths/telephony/first/sell").status == 422
    assert visitor.send("/api/numbers/+18005550100/move").status == 403
    commander = place.visitor(Role.COMMANDER)
    assert commander.send("/api/numbers/+18005550100/move", {"why": "silent"}).status == 200
    assert place.actions.asked[-1][2]["to"] == "away"  # type: ignore[index]
    assert commander.send("/api/upgrade", {"why": "new"}).status == 200
    assert place.actions.asked[-1] == ("commander", "upgrade", "new")


def test_what_the_node_refuses_and_what_waits_is_said(place: Place) -> None:
    visitor = place.visitor(Role.SUPERVISOR)
    place.actions.answer = {"ok": False, "error": "there is no path 'x'"}
    reply = visitor.send("/api/paths/telephony/x/drain", {"why": "works"})
    assert (reply.status, reply.json) == (422, {"error": "there is no path 'x'"})
    place.actions.answer = {"ok": True, "held_until_s": 900.0}
    assert visitor.send("/api/paths/telephony/x/drain").json == {"done": False, "held_until": 900.0}
    assert "waits for a second person" in visitor.post("/api/paths/telephony/x/drain").text


def test_the_second_person_sees_what_waits_and_settles_it(place: Place) -> None:
    place.actions.held = [HELD]
    visitor = place.visitor(Role.LEADER)
    page = visitor.page("/approvals").text
    assert ("telephony/&lt;b&gt;" in page, "Approve, and have it done" in page) == (True, True)
    assert visitor.get("/api/approvals").json == {"waiting": [HELD]}
    assert visitor.post("/api/approvals/a1", {"approve": "true", "why": "seen"}).status == 303
    assert place.actions.asked == [("leader", "a1", True, "seen")]
    place.actions.held = [HELD | {"by": "leader"}]
    assert "Approve, and have it done" not in visitor.page("/approvals").text
    assert place.visitor(Role.AGENT).send("/api/approvals/a1", {"approve": True}).status == 403


def test_a_path_has_its_buttons(place: Place) -> None:
    place.source.standings = [standing("telephony/first"), standing("orders/crm")]
    visitor = place.visitor(Role.SUPERVISOR)
    page = visitor.page("/steer?path=telephony/first").text
    assert ('formaction="/api/paths/telephony/first/disable"' in page, "orders/crm" in page) == (True, False)
    assert visitor.page("/steer?path=nosuch").status == 404
    assert 'href="/steer?path=telephony/first"' in visitor.page("/").text


@pytest.mark.parametrize(
    ("role", "named"),
    [
        (Role.VIEWER, set()),
        (Role.LEADER, {"/approvals"}),
        (Role.SUPERVISOR, {"/steer", "/approvals"}),
        (Role.COMMANDER, {"/steer", "/approvals"}),
    ],
)
def test_pages_with_buttons_are_in_the_navigation_of_those_who_may(place: Place, role: Role, named: set[str]) -> None:
    top = place.visitor(role).page("/").text.split("</header>")[0]
    assert {each for each in ("/steer", "/approvals") if f'href="{each}"' in top} == named


def test_who_may_upgrades_the_node_by_a_button(place: Place) -> None:
    place.source.standings = [standing("telephony/first")]
    assert 'action="/api/upgrade"' not in place.visitor(Role.SUPERVISOR).page("/steer").text
    visitor = place.visitor(Role.COMMANDER)
    assert 'action="/api/upgrade"' in visitor.page("/steer").text
    assert visitor.post("/api/upgrade", {"why": "new version"}).status == 303
    assert place.actions.asked == [("commander", "upgrade", "new version")]


def test_a_request_of_a_person_wraps_the_command_that_it_is_about() -> None:
    wanted: Message = {"op": "wish_path", "path": "first", "wish": "drain", "why": "works", "for_s": 60.0}
    told = asked_in(decide_request("a1", "ana", "supervisor", "session", "", "", "works", 0.0, wanted))
    assert isinstance(told, Decide)
    assert told.given == WishPath("a1", "first", "drain", 60.0, "works", "ana")
    assert (told.action, told.about) == ("path.drain", "first") == action_of(told.given)
    settled = asked_in(settle_request("s1", "a1", "ben", "leader", "session", True, "seen"))
    assert settled == SettleAction("s1", "a1", "ben", "leader", "session", True, "seen")
    for bad in ({"op": "decide"}, {"op": "place"}, {"op": "nosuch"}):
        refused = asked_in(decide_request("a1", "ana", "x", "session", "", "", "", 0.0, dict(bad)))
        assert not isinstance(refused, Decide)


def test_decisions_are_told_until_the_journal_has_them(place: Place) -> None:
    place.people.changes.add(SHELL, "ana", Role.ADMIN, PASSWORD)
    asked: list[Message] = []
    replies: list[Message] = [{"ok": False, "error": "not now"}, {"ok": True}]

    def ask(request: Message) -> Message:
        asked.append(request)
        if not replies:
            raise NodeNotRunning("gone")
        return replies.pop(0)

    telling = Telling(place.people, ask)
    telling.attend()
    assert len(place.people.store.untold(9)) == 1
    telling.attend()
    telling.attend()
    assert place.people.store.untold(9) == []
    assert [(each["call"], each["action"], each["by"]) for each in asked] == [
        (asked[0]["call"], "people.add", "root")
    ] * 2
    place.people.changes.set_role(SHELL, "ana", Role.ADMIN)
    telling.attend()
    assert len(place.people.store.untold(9)) == 1
