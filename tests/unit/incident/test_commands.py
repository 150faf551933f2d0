"""What people ask about incidents: the way to the active process, what is refused, what becomes a fact."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from keepline.call.effects import Effect, Persist
from keepline.call.effects_incident import (
    CloseIncident,
    IncidentAnswered,
    IncidentInput,
    NoteIncident,
    OfferIncident,
    OpenIncident,
    SetMode,
    TakeIncident,
)
from keepline.call.exchange import Exchange
from keepline.call.facts.incident import IncidentClosed, IncidentMoved, IncidentTaken, ModeChanged
from keepline.call.inputs import TimeCame
from keepline.incident import hooks
from keepline.incident.book import IncidentBook
from keepline.incident.room import Incidents
from keepline.model.incident import Mode
from keepline.model.limits_incidents import (
    INCIDENT_NAME_CHARS_MAX,
    INCIDENT_SCOPE_MAX,
    INCIDENT_WORDS_CHARS_MAX,
    INCIDENTS_OPEN_MAX,
    MODE_SET_S_MAX,
)
from keepline.node.incident_commands import incident_request, incident_wanted
from tests.sim.operation import IDENTITY, program

AT_S = 1_763_900_000.0
OPEN = OpenIncident("a1", "carrier", "the line is noisy", 2, ("telephony",), ("telephony/north",), "ada")
ASKED: list[IncidentInput] = [
    OPEN,
    TakeIncident("a2", "INC-20251123-1", "ada", ""),
    OfferIncident("a3", "INC-20251123-1", "grace", "ada", "end of shift"),
    NoteIncident("a4", "INC-20251123-1", "the vendor called", "ada"),
    CloseIncident("a5", "INC-20251123-1", "ada", "it was a cable", True),
    SetMode("a6", "crisis", 60.0, "a storm is coming", "ada"),
]


class Desk:
    """An exchange with its incidents, and what is asked of them."""

    def __init__(self, facts: Sequence[object] = ()) -> None:
        self.exchange = Exchange(IDENTITY, b"incidents", [40_000, 40_002])
        self.exchange.add_program(program(), current=True)
        self.incidents = Incidents(self.exchange, IncidentBook(facts))
        self.exchange.attach(self.incidents)
        self.facts: list[object] = list(facts)
        self.now_s = AT_S

    def ask(self, given: IncidentInput) -> IncidentAnswered:
        effects: list[Effect] = self.exchange.step(self.now_s, given)
        self.facts += [each.fact for each in effects if isinstance(each, Persist)]
        return next(each for each in effects if isinstance(each, IncidentAnswered))

    def pass_time(self, until_s: float) -> None:
        self.now_s = until_s
        effects = self.exchange.step(until_s, TimeCame())
        self.facts += [each.fact for each in effects if isinstance(each, Persist)]


@pytest.mark.parametrize("asked", ASKED, ids=lambda each: type(each).__name__)
def test_a_request_arrives_as_it_was_made(asked: IncidentInput) -> None:
    assert incident_wanted(incident_request(asked)) == asked


def test_another_message_is_no_request() -> None:
    assert incident_wanted({"op": "status"}) is None


def test_one_is_opened_taken_handed_over_and_closed() -> None:
    desk = Desk()
    found = desk.ask(OPEN).incident
    assert found == "INC-20251123-1"
    assert [desk.ask(each).mistake for each in ASKED[1:4]] == ["", "", ""]
    incident = desk.incidents.book.incidents[found]
    assert (incident.commander, incident.offered_to) == ("ada", "grace")
    assert desk.ask(TakeIncident("b1", found, "grace")).mistake == ""
    assert incident.commander == "grace"
    assert desk.ask(CloseIncident("b2", found, "grace", "a false alarm", override=True)).mistake == ""
    closed = next(each for each in desk.facts if isinstance(each, IncidentClosed))
    assert closed.why == "a false alarm"
    assert [each.mode for each in desk.facts if isinstance(each, ModeChanged)] == ["degraded", "normal"]


def test_asking_again_opens_one() -> None:
    desk = Desk()
    assert desk.ask(OPEN) == desk.ask(OPEN)
    successor = Desk(desk.facts)
    assert successor.ask(OPEN).incident == "INC-20251123-1"
    assert successor.ask(replace(OPEN, asked="a9")).incident == "INC-20251123-2"


def test_a_command_is_taken_from_somebody_for_a_reason_alone() -> None:
    desk = Desk()
    found = desk.ask(OPEN).incident
    desk.ask(TakeIncident("b1", found, "ada"))
    assert "say why you take it" in desk.ask(TakeIncident("b2", found, "grace")).mistake
    assert desk.ask(TakeIncident("b3", found, "grace", "she does not answer")).mistake == ""
    taken = [each for each in desk.facts if isinstance(each, IncidentTaken)]
    assert (taken[-1].why, taken[-1].before) == ("she does not answer", "ada")


def test_one_whose_gate_has_passed_closes_without_a_word() -> None:
    desk = Desk()
    found = desk.ask(OPEN).incident
    moved = [IncidentMoved(found, AT_S + 1, event, "") for event in ("cleared", "passed")]
    successor = Desk([*desk.facts, *moved])
    assert successor.ask(CloseIncident("b2", found, "ada")).mistake == ""
    assert successor.facts[-2] == IncidentClosed(found, AT_S, "ada", "", "")


def test_a_mode_that_was_set_ends_by_itself_also_after_a_takeover() -> None:
    desk = Desk()
    assert desk.ask(SetMode("b1", "crisis", 60.0, "a storm is coming", "ada")).mistake == ""
    successor = Desk(desk.facts)
    assert successor.incidents.book.mode is Mode.CRISIS
    successor.pass_time(AT_S + 59.9)
    assert successor.incidents.book.mode is Mode.CRISIS
    successor.pass_time(AT_S + 60.0)
    assert successor.incidents.book.mode is Mode.NORMAL
    assert desk.ask(SetMode("b2", "", 0.0, "", "ada")).mistake == ""
    assert desk.incidents.book.mode is Mode.NORMAL


LONG = "x" * (INCIDENT_WORDS_CHARS_MAX + 1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (replace(OPEN, asked="b", about="weather"), "is no kind of incident: write one of carrier"),
        (replace(OPEN, asked="b", severity=4), "its severity is 1"),
        (replace(OPEN, asked="b", cause=" "), "say what is the matter"),
        (replace(OPEN, asked="b", cause=LONG), "say what is the matter"),
        (replace(OPEN, asked="b", paths=("p",) * (INCIDENT_SCOPE_MAX + 1)), "name up to"),
        (replace(OPEN, asked="b", by=""), "say who you are"),
        (replace(OPEN, asked="b", by="x" * (INCIDENT_NAME_CHARS_MAX + 1)), "say who you are"),
        (TakeIncident("b", "INC-1", "ada"), "there is no incident 'INC-1'; open are: INC-20251123-1"),
        (OfferIncident("b", "INC-20251123-1", "grace", "ada"), "nobody commands INC-20251123-1"),
        (NoteIncident("b", "INC-20251123-1", "", "ada"), "say what is to be noted"),
        (CloseIncident("b", "INC-20251123-1", "ada", "", True), "say why it is closed before"),
        (CloseIncident("b", "INC-20251123-1", "ada", LONG, True), "say why in up to"),
        (SetMode("b", "panic", 60.0, "why not", "ada"), "is no mode: write one of normal"),
        (SetMode("b", "crisis", MODE_SET_S_MAX + 1.0, "why not", "ada"), "it holds for up to 7 days"),
        (SetMode("b", "crisis", 60.0, "", "ada"), "say why"),
    ],
    ids=lambda each: each[:20] if isinstance(each, str) else "",
)
def test_what_is_wrong_is_said_and_changes_nothing(asked: IncidentInput, words: str) -> None:
    desk = Desk()
    desk.ask(OPEN)
    before = list(desk.facts)
    assert words in desk.ask(asked).mistake
    assert desk.facts == before


def test_no_more_are_opened_than_somebody_could_see_to() -> None:
    desk = Desk()
    for number in range(INCIDENTS_OPEN_MAX):
        assert desk.ask(replace(OPEN, asked=f"c{number}")).mistake == ""
    assert "incidents are open: close one" in desk.ask(replace(OPEN, asked="one too many")).mistake
    assert desk.ask(replace(OPEN, asked="c0")).mistake == ""


def test_hooks_are_told_of_each_fact_and_start_a_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[hooks.IncidentNews] = []
    monkeypatch.setattr(hooks, "HOOKS", (lambda _exchange, _turn, news: told.append(news),))
    desk = Desk()
    for each in ASKED[:5]:
        desk.ask(each)
    assert [each.event for each in told] == ["opened", "changed", "changed", "changed", "closed"]
