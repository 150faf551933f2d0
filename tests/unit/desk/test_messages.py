"""The messages' pages, API and metrics: what the journal has is shown, and each button becomes a request in a name."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from keepline.call.effects_message import DecideMessage, SendMessage
from keepline.call.facts.incident import IncidentOpened
from keepline.call.facts.message import GreetingSet, MessageSent
from keepline.call.facts.run import RunEnded, RunStepEnded
from keepline.desk.incidents_desk import IncidentsDesk
from keepline.desk.messages_desk import MessagesDesk
from keepline.desk.metrics import Metrics
from keepline.desk.models_messages import AudienceName
from keepline.desk.source import Unavailable
from keepline.flow.telling import NOT_TOLD, TOLD
from keepline.incident.taking_back import runs_of
from keepline.model.limits_desk import MESSAGES_SHOWN_MAX, METRIC_DELIVERIES_MAX
from keepline.model.messages import MESSAGE_AUDIENCES
from keepline.model.people import Role
from keepline.node.message_commands import message_request
from tests.unit.desk.desk_fakes import FakeSource
from tests.unit.desk.people.visits import Place, make_place
from tests.unit.incident.telling_desk import AT_S, SETTINGS, TellingDesk


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    found = make_place(tmp_path, monkeypatch)
    yield found
    found.people.close()


EDIT = SendMessage("b1", "INC-20251123-1", "agents", "ada", "Cards: <mind>", "Do not promise & do not lie.")


def ended(run: str, outcome: str, attempts: int, **noted: object) -> list[object]:
    """The last facts of a delivery."""
    steps: list[object] = [
        RunStepEnded(run, AT_S + number, number, "use", "", "done", "null", AT_S) for number in range(attempts)
    ]
    value = json.dumps({"outcome": outcome, "fields": noted})
    steps.append(RunStepEnded(run, AT_S + 9, attempts, "outcome", "", "done", value, AT_S))
    return [*steps, RunEnded(run, AT_S + 9, "returned", "", "null", outcome)]


def of_agents(desk: TellingDesk) -> dict[str, str]:
    """Contact -> the run that tells it of the first message to agents."""
    book = desk.exchange.follower.telling.book  # type: ignore[attr-defined]
    [message] = [each for each in book.messages.values() if each.audience == "agents"][:1]
    return dict(runs_of(message))


def a_past() -> TellingDesk:
    """One incident is open and was told: to one agent at once, to the other by no channel; words wait."""
    desk = TellingDesk()
    desk.open()
    runs = of_agents(desk)
    desk.facts += ended(runs["mara"], TOLD, 1, channel="mail", to="mara@x.example")
    desk.facts += ended(runs["tom"], NOT_TOLD, 8, why="hook: no <route>")
    desk.facts.append(GreetingSet("messages", AT_S + 3, "INC-20251123-1", "m1", '{"en": "Cards fail."}', AT_S + 900))
    desk.ask(EDIT)
    return desk


def looked_at(desk: TellingDesk, now_s: float) -> Any:
    source = FakeSource(facts=list(desk.facts))  # type: ignore[arg-type]
    return MessagesDesk(source).now(IncidentsDesk(source, lambda _: {}).look(), now_s)


def test_each_message_is_shown_with_what_came_of_it_and_no_address() -> None:
    now = looked_at(a_past(), AT_S + 10)
    waiting, page, agents, callers = now.messages
    assert [each.audience for each in (page, agents, callers)] == ["status_page", "agents", "callers"]
    assert [(each.to, each.shown, each.channel, each.attempts) for each in agents.deliveries] == [
        ("mara", "delivered", "mail", 1),
        ("tom", "failed", "", 8),
    ]
    assert [each.shown for each in callers.deliveries] == ["sending"]
    assert "mara@x.example" not in now.model_dump_json()
    assert ([each.id for each in now.waiting], waiting.state, waiting.by) == ([waiting.id], "waiting", "ada")
    assert (waiting.words, waiting.otherwise) == ({"": [EDIT.subject, EDIT.text]}, "approved")
    assert [(each.language, each.text) for each in now.greetings] == [("en", "Cards fail.")]


def test_what_is_tried_again_says_so() -> None:
    desk = a_past()
    runs = of_agents(desk)
    desk.facts = [each for each in desk.facts if not (isinstance(each, RunEnded) and each.call == runs["tom"])]
    desk.facts = [each for each in desk.facts if not (isinstance(each, RunStepEnded) and each.verb == "outcome")]
    agents = looked_at(desk, AT_S + 10).messages[2]
    assert [each.shown for each in agents.deliveries] == ["delivered", "retried"]


def test_the_promise_is_shown_and_stays_loud_until_the_next_message() -> None:
    desk = a_past()
    [due] = looked_at(desk, AT_S + 1_799).due
    assert (due.incident, due.due, due.missed) == ("INC-20251123-1", AT_S + 1_800, False)
    assert looked_at(desk, AT_S + 1_800).due[0].missed  # before anybody has written it down
    desk.pass_time(1_900.0)  # the approved words go out at 600 s, and promise the next for 2,400
    assert [each.due for each in looked_at(desk, AT_S + 1_900).due] == [AT_S + 1_900 + SETTINGS.every_s]
    desk.pass_time(1_900.0)
    assert looked_at(desk, AT_S + 3_800).due[0].missed
    desk.close("INC-20251123-1")
    assert looked_at(desk, AT_S + 3_900).due == []


def test_a_journal_in_its_place_is_read_anew_and_the_list_has_an_end() -> None:
    facts = [
        MessageSent("messages", AT_S, f"m{n}", "INC-20251123-1", "update", "agents", "{}", ())
        for n in range(MESSAGES_SHOWN_MAX + 1)
    ]
    source = FakeSource(facts=list(facts))  # type: ignore[arg-type]
    desk, incidents = MessagesDesk(source), IncidentsDesk(source, lambda _: {})
    assert len(desk.now(incidents.look(), AT_S).messages) == MESSAGES_SHOWN_MAX
    source.facts = []
    assert desk.now(incidents.look(), AT_S).messages == []
    source.down = "gone"
    with pytest.raises(Unavailable):
        desk.look()


def test_audiences_are_those_of_the_model() -> None:
    assert get_args(AudienceName) == MESSAGE_AUDIENCES


def test_the_pages_say_it_loudly_and_escape_what_people_write(place: Place) -> None:
    desk = a_past()
    place.source.facts = list(desk.facts)  # type: ignore[arg-type]
    visitor = place.visitor(Role.SUPERVISOR)
    page = visitor.page("/messages").text
    assert 'role="alert"><strong>The next message was promised by' in page  # it is long past
    assert "Cards: &lt;mind&gt;" in page
    assert "no &lt;route&gt;" in page
    assert "<q>" not in page  # and callers hear it no longer
    assert 'style="' not in page
    [waiting] = visitor.get("/api/messages").json["waiting"]  # type: ignore[index]
    one = visitor.page(f"/messages/{waiting['id']}").text
    assert f'action="/api/messages/{waiting["id"]}/decide"' in one
    assert visitor.get(f"/api/messages/{waiting['id']}").json == waiting
    assert visitor.page("/messages/m0").status == 404
    assert visitor.get("/api/messages/m0").status == 404
    assert "Approve, and send it" in one
    author = place.visitor(Role.SUPERVISOR, "ada")
    assert "Approve, and send it" not in author.page(f"/messages/{waiting['id']}").text


def test_a_button_is_a_request_in_the_name_of_the_account(place: Place) -> None:
    place.source.facts = list(a_past().facts)  # type: ignore[arg-type]
    visitor = place.visitor(Role.SUPERVISOR)
    told = {"incident": "INC-20251123-1", "audience": "agents"}
    place.actions.answer = {"ok": True, "message": "m1"}
    assert visitor.send("/api/messages", told).json == {"message": "m1", "waits": False}
    assert visitor.send("/api/messages", told | {"subject": "Cards", "text": "Wait."}).json["waits"]  # type: ignore[index]
    [waiting] = visitor.get("/api/messages").json["waiting"]  # type: ignore[index]
    assert visitor.post(f"/api/messages/{waiting['id']}/edit", {"subject": "A", "text": "B"}).status == 303
    assert visitor.send(f"/api/messages/{waiting['id']}/decide", {"approve": True, "why": "read"}).status == 200
    asked = [each[2] for each in place.actions.asked]
    wanted: Sequence[SendMessage | DecideMessage] = (
        SendMessage("", "INC-20251123-1", "agents", "supervisor"),
        SendMessage("", "INC-20251123-1", "agents", "supervisor", "Cards", "Wait."),
        SendMessage("", "INC-20251123-1", "agents", "supervisor", "A", "B", waiting["id"]),
        DecideMessage("", waiting["id"], True, "supervisor", "read"),
    )
    assert [{**each, "call": ""} for each in asked] == [message_request(each) for each in wanted]  # type: ignore[dict-item]
    assert {each[:2] for each in place.actions.asked} == {("supervisor", "supervisor")}
    place.actions.answer = {"ok": False, "error": "ada wrote it: a second person has to decide"}
    assert visitor.send(f"/api/messages/{waiting['id']}/decide", {"approve": True}).status == 422
    assert visitor.send("/api/messages/m0/edit", {"text": "B"}).status == 404
    assert place.visitor(Role.AGENT).send("/api/messages", told).status == 403


def test_what_was_told_is_counted_and_what_waits_or_is_late_is_shown() -> None:
    desk = a_past()
    source = FakeSource()
    metrics = Metrics(source)
    metrics.scrape()
    source.facts = list(desk.facts)  # type: ignore[arg-type]
    text = metrics.scrape().decode()
    for line in (
        'keepline_messages_sent_total{audience="agents",stage="opened"} 1.0',
        'keepline_messages_deliveries_total{outcome="told"} 1.0',
        'keepline_messages_deliveries_total{outcome="not_told"} 1.0',
        "keepline_messages_edited_total 1.0",
        "keepline_messages_waiting 1.0",
        "keepline_messages_overdue 1.0",
    ):
        assert f"\n{line}\n" in text
    source.down = "gone"
    assert "\nkeepline_messages_waiting 1.0\n" in metrics.scrape().decode()


def test_what_is_told_in_an_exercise_is_in_no_figure_of_messages() -> None:
    desk = a_past()
    desk.facts = [
        replace(fact, exercise="drill-7") if isinstance(fact, MessageSent | IncidentOpened) else fact  # type: ignore[type-var]
        for fact in desk.facts
    ]
    source = FakeSource()
    metrics = Metrics(source)
    metrics.scrape()
    source.facts = list(desk.facts)  # type: ignore[arg-type]
    text = metrics.scrape().decode()
    assert "keepline_messages_sent_total{" not in text
    assert "\nkeepline_messages_overdue 0.0\n" in text
    assert "\nkeepline_messages_next_due_seconds 0.0\n" in text


def test_of_too_many_deliveries_the_oldest_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert METRIC_DELIVERIES_MAX > 0
    monkeypatch.setattr("keepline.desk.message_metrics.METRIC_DELIVERIES_MAX", 1)
    source = FakeSource(facts=[])
    metrics = Metrics(source)
    metrics.scrape()
    source.facts = list(a_past().facts)  # type: ignore[arg-type]
    assert "keepline_messages_deliveries_total{" not in metrics.scrape().decode()
