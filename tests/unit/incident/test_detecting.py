"""From what goes wrong to incidents: which there are, of what cause, how bad, and which are not there at all."""

from dataclasses import replace

import pytest

from keepline.call.effects_incident import JournalTroubled, OpenIncident, ProcessDied
from keepline.call.facts import CallAnswered, CallReceived, FlowEnded, FlowFailed, LineFellSilent, StepEnded
from keepline.incident.felt import Felt
from keepline.incident.phases import IncidentPhase
from keepline.model.incident import Mode, Severity
from keepline.model.limits_incidents import FELT_KEPT_MAX, INCIDENTS_OPEN_MAX
from tests.spec.incidents_rig import BEGAN_S, SETTINGS, UPSTREAM, IncidentsRig


def test_a_carrier_that_dies_is_an_incident_at_once_and_one() -> None:
    rig = IncidentsRig()
    rig.carrier_fails("north", 5)
    rig.pass_time(20.0)
    assert (rig.one.kind, rig.one.cause, rig.one.severity) == ("carrier", "telephony/north", Severity.MINOR)
    assert rig.one.opened.at_s == BEGAN_S
    assert rig.one.phase is IncidentPhase.MITIGATED, "the other carrier carries"
    assert rig.incidents.book.mode is Mode.DEGRADED


def test_a_carrier_and_an_unrelated_crm_five_seconds_apart_are_two() -> None:
    rig = IncidentsRig()
    rig.carrier_fails("north")
    rig.pass_time(5.0)
    rig.report("orders/crm", "down")
    rig.pass_time(60.0)
    assert [(each.kind, each.cause) for each in rig.all] == [
        ("carrier", "telephony/north"),
        ("back_office", "orders/crm"),
    ]


def test_two_paths_that_fail_by_one_shared_upstream_are_one_and_it_is_named() -> None:
    rig = IncidentsRig(dependencies=UPSTREAM)
    rig.carrier_fails("north")
    rig.pass_time(5.0)
    rig.report("orders/crm", "down")
    rig.pass_time(10.0)
    assert (rig.one.cause, rig.one.paths) == ("metronet", ("telephony/north", "orders/crm"))


def test_what_is_shared_with_something_that_works_is_no_cause() -> None:
    shared = UPSTREAM | {"telephony/south": replace(UPSTREAM["telephony/north"], name="telephony/south")}
    rig = IncidentsRig(dependencies=shared)
    rig.carrier_works("south", 20.0)
    rig.carrier_fails("north")
    rig.report("orders/crm", "down")
    assert [each.cause for each in rig.all] == ["telephony/north", "orders/crm"]


def test_what_fails_long_after_is_another_incident_whatever_they_share() -> None:
    rig = IncidentsRig(dependencies=UPSTREAM)
    rig.carrier_fails("north")
    rig.pass_time(SETTINGS.together_s + 1.0)
    rig.report("orders/crm", "down")
    assert len(rig.all) == 2


def test_the_same_path_again_is_the_same_incident() -> None:
    rig = IncidentsRig()
    for _ in range(3):
        rig.report("orders/crm", "down")
        rig.pass_time(3.0)
        rig.report("orders/crm", "healthy")
        rig.pass_time(3.0)
    rig.report("orders/crm", "degraded")
    assert rig.one.phase is IncidentPhase.MITIGATED


def test_a_capability_without_another_path_is_lost_and_that_is_critical() -> None:
    rig = IncidentsRig()
    rig.report("payments/gateway", "degraded")
    assert (rig.one.kind, rig.one.severity) == ("payments", Severity.MAJOR)
    rig.report("payments/gateway", "down")
    assert (rig.one.severity, rig.incidents.book.mode) == (Severity.CRITICAL, Mode.CRISIS)
    assert rig.one.phase is IncidentPhase.OPEN


def test_both_paths_of_one_capability_make_it_worse() -> None:
    rig = IncidentsRig()
    rig.report("orders/crm", "down")
    assert rig.one.severity is Severity.MINOR
    rig.report("orders/copy", "down")
    assert [each.severity for each in rig.all] == [Severity.CRITICAL, Severity.CRITICAL]


@pytest.mark.parametrize(("bad", "opened"), [(4, 0), (5, 1)])
def test_an_objective_is_missed_in_two_windows_with_a_minimum_of_bad_ones(bad: int, opened: int) -> None:
    rig = IncidentsRig()
    for _ in range(bad):
        rig.call_in(503)
        rig.pass_time(1.0)
    rig.pass_time(3.0)
    assert len(rig.all) == opened
    if opened:
        assert (rig.one.kind, rig.one.cause, rig.one.severity) == ("node", "burn answered", Severity.MAJOR)
        assert rig.one.customers == 5


def test_a_few_bad_ones_among_many_good_ones_are_none() -> None:
    rig = IncidentsRig()
    for number in range(300):
        rig.happen(FlowEnded(f"{number:016x}", rig.now_s, "returned", ""))
        if number % 30 == 0:
            rig.happen(FlowFailed(f"{number:016x}", rig.now_s, "", "", "", "en"))
        rig.pass_time(0.2)
    assert rig.all == []


def test_failing_uses_are_of_the_capability_s_incident() -> None:
    rig = IncidentsRig()
    rig.report("orders/crm", "down")
    for number in range(40):
        value = '{"unavailable":"timeout"}'
        rig.happen(StepEnded(f"{number:016x}", rig.now_s, 1, "use", "", "done", value, 0, rig.now_s, "orders.status"))
        rig.pass_time(0.5)
    rig.pass_time(6.0)
    assert (rig.one.cause, rig.one.detectors, rig.one.customers) == ("orders/crm", ("path", "burn"), 40)
    assert (rig.one.severity, rig.one.phase) == (Severity.MAJOR, IncidentPhase.OPEN)


def test_uses_without_an_answer_open_one_by_themselves_and_the_path_joins_it() -> None:
    rig = IncidentsRig()
    for number in range(6):
        value = '{"unknown":"timeout"}'
        rig.happen(StepEnded(f"{number:016x}", rig.now_s, 1, "use", "", "done", value, 0, rig.now_s, "orders.status"))
    rig.pass_time(2.0)
    assert rig.one.cause == "orders"
    rig.report("orders/crm", "down")
    assert (rig.one.cause, rig.one.paths) == ("orders/crm", ("orders/crm",))


def test_lines_that_fall_silent_are_their_carrier_s() -> None:
    rig = IncidentsRig()
    for number in range(1, 9):
        rig.call_in(0, f"+1{number}")
        call = f"{number:016x}"
        answered = CallAnswered(call, rig.now_s, "", "PCMU", 0, 101, "192.0.2.50", 4000)
        rig.happen(answered, LineFellSilent(call, rig.now_s, 10.0))
    rig.pass_time(2.0)
    assert (rig.one.kind, rig.one.cause, rig.one.detectors[0]) == ("carrier", "telephony/north", "dead_air")
    assert rig.one.customers == 8


def test_a_surge_is_many_times_the_usual_and_no_busy_morning() -> None:
    rig = IncidentsRig()
    for minute in range(30):
        for _ in range(30 + minute):
            rig.call_in()
            rig.pass_time(60.0 / (30 + minute))
    assert rig.all == []
    for _ in range(240):
        rig.call_in()
        rig.pass_time(0.25)
    assert (rig.one.kind, rig.one.cause) == ("surge", "surge")
    rig.pass_time(90.0)
    assert rig.one.phase is not IncidentPhase.OPEN


def test_a_journal_in_trouble_and_a_process_that_loops_are_incidents_of_the_node_s_own() -> None:
    rig = IncidentsRig()
    rig.feed(JournalTroubled("the disk is full"))
    rig.feed(ProcessDied("media", 3, "exit 1"))
    assert [(each.kind, each.severity) for each in rig.all] == [
        ("journal", Severity.MINOR),
        ("node", Severity.MAJOR),
    ]
    rig.feed(JournalTroubled("", 0))
    rig.pass_time(5.0)
    assert rig.all[0].phase is IncidentPhase.RECOVERING


def test_a_process_that_died_once_is_minor_and_over_soon() -> None:
    rig = IncidentsRig()
    rig.feed(ProcessDied("calls", 0, "signal 9"))
    assert (rig.one.kind, rig.one.severity) == ("node", Severity.MINOR)
    rig.pass_time(60.0)
    assert rig.one.phase is IncidentPhase.CLOSED


def test_no_more_are_opened_than_somebody_could_see_to() -> None:
    rig = IncidentsRig()
    for number in range(INCIDENTS_OPEN_MAX + 5):
        rig.feed(ProcessDied(f"role{number}", 3, "exit 1"))
    assert len(rig.incidents.book.open) <= INCIDENTS_OPEN_MAX


def test_callers_who_felt_it_are_counted_once_and_not_for_ever() -> None:
    felt = Felt(600.0)
    for number in range(FELT_KEPT_MAX + 10):
        felt.add(1.0, "orders", f"+1{number}")
        felt.add(1.0, "orders", f"+1{number}")
    assert felt.since(0.0, {"orders"}) == FELT_KEPT_MAX // 2
    felt.add(700.0, "orders", "+1")
    assert felt.since(0.0, {"orders"}) == 1


def test_without_incidents_in_the_operation_nothing_is_looked_for() -> None:
    rig = IncidentsRig(None)
    rig.carrier_fails("north")
    rig.report("orders/crm", "down")
    rig.pass_time(60.0)
    assert rig.all == []


def test_of_a_node_that_was_started_for_a_drill_every_incident_is_an_exercise() -> None:
    rig = IncidentsRig(replace(SETTINGS, exercise="telephony-north-dead"))
    rig.carrier_fails("north")
    rig.report("orders/crm", "down")
    asked = rig.ask(OpenIncident("a1", "carrier", "the line is noisy", 2, ("telephony",), ("telephony/north",), "ada"))
    assert not asked.mistake
    assert [each.exercise for each in rig.all] == ["telephony-north-dead"] * 3
    assert IncidentsRig(facts=rig.facts).all[0].exercise == "telephony-north-dead", "it is on record"


def test_in_earnest_no_incident_is_an_exercise() -> None:
    rig = IncidentsRig()
    rig.carrier_fails("north")
    assert rig.one.exercise == ""


@pytest.mark.parametrize("flow", ["preflight.answering", "hold"])
def test_test_calls_that_fail_are_no_incident(flow: str) -> None:
    rig = IncidentsRig()
    for number in range(40):
        rig.call_in(503, flow=flow)
        rig.happen(
            CallReceived(
                f"t{number}", rig.now_s, "north", "192.0.2.50", 5060, "", f"t{number}", "", 1, "", "1000", "+1", flow,
                "a1", rig.now_s, -1, 0, 0, 0, 0,
            ),
            FlowFailed(f"t{number}", rig.now_s, "", "", "", "en"),
        )  # fmt: skip
        rig.pass_time(1.0)
    assert len(rig.all) == (1 if flow == "hold" else 0)
