"""Incidents as facts have them: every pair of phase and event, who commands, ids of a day, and what is forgotten."""

from dataclasses import replace
from itertools import product

import pytest

from keepline.call.facts.incident import (
    MODE,
    IncidentClosed,
    IncidentFact,
    IncidentMoved,
    IncidentNoted,
    IncidentOffered,
    IncidentOpened,
    IncidentTaken,
    ModeSet,
)
from keepline.incident.book import IncidentBook
from keepline.incident.modes import mode_now
from keepline.incident.phases import INCIDENT_TRANSITIONS, IncidentEvent, IncidentPhase
from keepline.incident.state import Incident
from keepline.model.incident import INCIDENT_KINDS, Mode, Severity
from keepline.model.limits_incidents import INCIDENTS_KEPT_MAX

AT_S = 1_763_900_000.0
OPENED = IncidentOpened(
    "INC-20251123-1", AT_S, "carrier", "telephony/north", 2, ("telephony",), ("telephony/north",), "path", "x", AT_S
)
E = IncidentEvent
WAY: dict[IncidentPhase, tuple[IncidentEvent, ...]] = {
    IncidentPhase.OPEN: (),
    IncidentPhase.MITIGATED: (E.MITIGATED,),
    IncidentPhase.RECOVERING: (E.CLEARED,),
    IncidentPhase.RESTORED: (E.CLEARED, E.PASSED),
    IncidentPhase.CLOSED: (E.CLOSED,),
}


def fact_of(event: IncidentEvent, at_s: float = AT_S + 1) -> IncidentFact:
    if event is E.CLOSED:
        return IncidentClosed(OPENED.call, at_s, "ada", "over", "")
    return IncidentMoved(OPENED.call, at_s, event.value, "so it is")


def incident_in(phase: IncidentPhase, opened: IncidentOpened = OPENED) -> Incident:
    incident = Incident(opened)
    for event in WAY[phase]:
        assert incident.apply(fact_of(event))
    assert incident.phase is phase
    return incident


@pytest.mark.parametrize(("phase", "event"), list(product(IncidentPhase, IncidentEvent)))
def test_each_pair_leads_where_the_table_says_or_nowhere(phase: IncidentPhase, event: IncidentEvent) -> None:
    incident = incident_in(phase)
    following = INCIDENT_TRANSITIONS.get((phase, event))
    assert incident.apply(fact_of(event)) is (following is not None)
    assert incident.phase is (following or phase)


def test_times_are_of_the_first_relief_and_of_the_last_return() -> None:
    incident = Incident(OPENED)
    for second, event in enumerate((E.MITIGATED, E.CLEARED, E.FAILED_AGAIN, E.CLEARED, E.PASSED), start=1):
        incident.apply(fact_of(event, AT_S + second))
    assert incident.mitigated_at_s == AT_S + 1
    assert (incident.cleared_at_s, incident.restored_at_s) == (AT_S + 4, AT_S + 5)


def test_a_command_that_is_offered_stays_until_it_is_taken() -> None:
    incident = Incident(OPENED)
    incident.apply(IncidentTaken(OPENED.call, AT_S + 1, "ada"))
    incident.apply(IncidentOffered(OPENED.call, AT_S + 2, "grace", "ada", "end of shift"))
    assert (incident.commander, incident.offered_to) == ("ada", "grace")
    incident.apply(IncidentTaken(OPENED.call, AT_S + 3, "grace", before="ada"))
    assert (incident.commander, incident.offered_to, incident.taken_at_s) == ("grace", "", AT_S + 1)


def test_ids_count_the_incidents_of_a_day() -> None:
    book = IncidentBook([OPENED])
    assert book.next_id(AT_S) == "INC-20251123-2"
    assert book.next_id(AT_S + 86_400) == "INC-20251124-1"


def test_what_was_asked_for_again_is_known() -> None:
    book = IncidentBook([replace(OPENED, asked="a1")])
    assert book.asked_for("a1") == OPENED.call
    assert book.asked_for("") == ""


def test_a_note_is_taken_of_one_that_is_closed_too() -> None:
    incident = incident_in(IncidentPhase.CLOSED)
    assert incident.apply(IncidentNoted(OPENED.call, AT_S, "the vendor called", "ada", "a2"))
    assert incident.notes == {"a2"}


def test_the_oldest_that_are_closed_are_forgotten_and_open_ones_never() -> None:
    book = IncidentBook()
    for number in range(1, INCIDENTS_KEPT_MAX + 11):
        opened = replace(OPENED, call=f"INC-20251123-{number}")
        book.note(opened)
        if number > 5:
            book.note(IncidentClosed(opened.call, AT_S, "ada", "over"))
    assert len(book.incidents) == INCIDENTS_KEPT_MAX
    assert [each.id for each in book.open] == [f"INC-20251123-{number}" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("phases", "severity", "mode"),
    [
        ((), Severity.MAJOR, Mode.NORMAL),
        ((IncidentPhase.CLOSED,), Severity.CRITICAL, Mode.NORMAL),
        ((IncidentPhase.OPEN,), Severity.MINOR, Mode.DEGRADED),
        ((IncidentPhase.MITIGATED,), Severity.CRITICAL, Mode.CRISIS),
        ((IncidentPhase.RECOVERING, IncidentPhase.RESTORED), Severity.CRITICAL, Mode.RECOVERY),
        ((IncidentPhase.RESTORED, IncidentPhase.OPEN), Severity.MAJOR, Mode.DEGRADED),
    ],
)
def test_the_mode_follows_from_what_is_open(phases: tuple[IncidentPhase, ...], severity: Severity, mode: Mode) -> None:
    incidents = [incident_in(phase, replace(OPENED, severity=int(severity))) for phase in phases]
    assert mode_now(incidents, None)[0] is mode
    wanted = ModeSet(MODE, AT_S, "crisis", AT_S + 60, "a storm is coming", "ada")
    assert mode_now(incidents, wanted)[0] is Mode.CRISIS


def test_an_exercise_changes_no_mode_but_that_of_its_own_playbook() -> None:
    critical = replace(OPENED, severity=int(Severity.CRITICAL), exercise="carrier-503")
    exercise = incident_in(IncidentPhase.OPEN, critical)
    real = incident_in(IncidentPhase.OPEN, replace(OPENED, call="INC-20251123-2", severity=int(Severity.MINOR)))
    mode, why = mode_now([exercise], None)
    assert mode is Mode.NORMAL
    assert why.startswith("no incident is open but exercises: ")
    assert mode_now([exercise, real], None)[0] is Mode.DEGRADED
    assert mode_now([exercise, real], None, in_exercise=True)[0] is Mode.CRISIS


def test_a_mode_that_was_set_expires() -> None:
    book = IncidentBook([ModeSet(MODE, AT_S, "crisis", AT_S + 60, "a storm is coming", "ada")])
    assert book.set_mode(AT_S + 59) is not None
    assert book.set_mode(AT_S + 60) is None


def test_kinds_are_words_of_their_own() -> None:
    assert len(set(INCIDENT_KINDS)) == len(INCIDENT_KINDS)
