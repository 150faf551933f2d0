"""Why a run is not passed, and when what it broke is back: by the gates of its incidents, which are exercises."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from keepline.config import load_operation
from keepline.demo_outage_tally import Tally
from keepline.demo_retailer import retailer_path
from keepline.drill.generating import FAULTS_S, generated
from keepline.drill.running import AFTER_S, BEFORE_S, CALLS_PER_S, DRAIN_S, PEAK_CALLS_PER_S, DrillRun
from keepline.drill.verdict import BUSY_SHARE, reasons, unsteady
from keepline.drill.way_back import (
    GATE_HOLD_S,
    GATE_STEP_S,
    all_back,
    back_after_s,
    busy_share,
    machine_ticks,
    overrides,
    shown,
)
from keepline.incident.shown import incident_told
from keepline.incident.state import Incident
from keepline.model.incident import GateSettings
from keepline.model.limits_drills import DRILL_BACK_WITHIN_S, DRILL_RUN_S_MAX
from keepline.paths.health import HealthPolicy
from tests.spec.incidents_rig import IncidentsRig

INCIDENT = {
    "id": "INC-20261123-1", "kind": "payments", "cause": "payments/north", "worst": 3, "phase": "restored",
    "exercise": "payments-north-down", "evidence": "3 of the last 3 uses failed", "opened_at": 110.0,
    "restored_at": 170.0, "gate_why": "it has carried all new calls for 2 s",
}  # fmt: skip
CARD = {
    "lost": 0, "failed_on_a_healthy_carrier": 0, "failures": [], "agreed": True, "comparison": "all agree.",
    "detected": True, "incidents": [INCIDENT], "waited_for_the_return_s": 120.0, "machine_busy": 0.5,
}  # fmt: skip


def journal(**card: Any) -> dict[str, Any]:
    probes = [{"name": "calls-end-well", "value": 1.0, "held": True}]
    return {
        "drill": "payments-north-down", "detects": "payments/north", "card": CARD | card, "rollback_verified": True,
        "steady_states": {"after": {"held": True, "probes": probes}}, "left": [],
    }  # fmt: skip


def test_a_run_in_which_all_went_well_has_no_reason() -> None:
    assert reasons(journal()) == []
    assert reasons(journal(detected=None, incidents=[])) == []


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ({"lost": 1}, "1 customer gave up without what they wanted"),
        ({"failed_on_a_healthy_carrier": 2, "failures": ["pay: cut off"]}, "2 calls failed that no carrier kept: pay"),
        ({"agreed": False, "comparison": "call c1: no\ncall c2: no\nall"}, "ledger disagree: call c1: no and more"),
        ({"detected": False}, "did not notice that payments/north was unwell: too few may have come by it"),
        ({"incidents": [INCIDENT | {"exercise": ""}]}, "INC-20261123-1 (payments/north) is not marked as an exercise"),
        (
            {"incidents": [INCIDENT | {"phase": "recovering", "restored_at": None, "gate_why": "25% went well"}]},
            "INC-20261123-1 (payments/north) did not come back within 120 s: 25% went well",
        ),
    ],
)  # fmt: skip
def test_each_reason_is_said(card: dict[str, Any], why: str) -> None:
    [found] = reasons(journal(**card))
    assert why in found


def test_a_steady_state_and_a_rollback_that_do_not_hold_are_reasons() -> None:
    told = journal()
    told["steady_states"]["after"]["probes"] = [{"name": "calls-end-well", "value": 0.5, "held": False}]
    told |= {"rollback_verified": False, "left": ["a surge of callers"]}
    steady, left = reasons(told)
    assert steady == "the steady state did not hold again: calls end well: 0.5"
    assert left == "the rollback is not verified: a surge of callers"
    assert unsteady(told, "after") == ["calls end well: 0.5"]
    assert unsteady(told, "before") == []


def test_a_machine_without_time_is_named_beside_what_went_wrong_on_it() -> None:
    assert reasons(journal(machine_busy=BUSY_SHARE)) == []
    *_, last = reasons(journal(machine_busy=BUSY_SHARE, lost=1))
    assert last == "this machine had no time left, 95% of it was busy: run it again when it is idle"


def test_what_failed_is_back_when_the_last_gate_has_passed() -> None:
    first, second = INCIDENT, INCIDENT | {"restored_at": 190.5}
    assert back_after_s([first, second], 130.0) == 60.5
    assert back_after_s([first], 180.0) == 0.0, "it was back before the fault's end: a process that was killed"
    assert back_after_s([], 130.0) is None
    waiting = INCIDENT | {"phase": "recovering", "restored_at": None}
    assert not all_back([first, waiting])
    assert back_after_s([first, waiting], 130.0) is None


def test_what_the_journal_keeps_of_an_incident_is_what_the_node_tells() -> None:
    rig = IncidentsRig()
    rig.carrier_fails("north")
    told = incident_told(rig.one)
    assert isinstance(rig.one, Incident)
    [kept] = shown([told])
    assert (kept["cause"], kept["restored_at"], kept["exercise"]) == ("telephony/north", None, "")


def test_a_drill_waits_as_long_as_the_way_back_takes_and_ends_in_time() -> None:
    policy, shares = HealthPolicy(), len(GateSettings().shares)
    at_most_s = policy.open_s + policy.hold_s + GATE_HOLD_S + shares * GATE_STEP_S
    assert 1.5 * at_most_s < DRILL_BACK_WITHIN_S, "and as much again for those who try it"
    longest_s = 0.0
    for drill in generated(load_operation(retailer_path() / "keepline.yaml")).values():
        pauses = sum(step.pauses.before + step.pauses.after for step in drill.method if step.type == "action")
        longest_s = max(longest_s, pauses)
    assert BEFORE_S + longest_s + DRILL_BACK_WITHIN_S + AFTER_S + DRAIN_S < DRILL_RUN_S_MAX


def test_the_node_of_a_drill_marks_its_incidents_and_has_the_usual_shares() -> None:
    assert overrides("surge") == [
        "--set", "incidents.exercise=surge", "--set", "incidents.gate.hold_s=3", "--set", "incidents.gate.step_s=2",
    ]  # fmt: skip


def test_payments_stay_away_until_three_callers_have_come_to_the_end() -> None:
    [fault, *_] = generated(load_operation(retailer_path() / "keepline.yaml"))["payments-north-down"].method
    assert fault.provider.arguments["expires_s"] == FAULTS_S["payments"]


def test_a_surge_is_no_more_than_the_programs_of_the_callers_can_play() -> None:
    surge = generated(load_operation(retailer_path() / "keepline.yaml"))["surge"].method[0]
    assert float(surge.provider.arguments["times"]) * CALLS_PER_S > PEAK_CALLS_PER_S


def test_how_busy_a_machine_was() -> None:
    assert busy_share((100, 1000), (145, 1050)) == 0.9
    assert busy_share((100, 1000), (100, 1000)) == 0.0
    busy, all_ = machine_ticks()
    assert 0 < busy <= all_


def test_nobody_is_looked_at_before_somebody_calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tally, heard = Tally(), 0

    def listen(_now_s: float) -> bool:
        nonlocal heard
        heard += 1
        if heard == 3:
            tally.live = [{"call": 1}]
        return True

    monkeypatch.setattr("keepline.drill.running.time.sleep", lambda _: None)
    monkeypatch.setattr("keepline.drill.running.LISTEN_EVERY_S", 0.001)
    drill = generated(load_operation(retailer_path() / "keepline.yaml"))["surge"]
    stage: Any = SimpleNamespace(side=SimpleNamespace(tally=tally, listen=listen))
    DrillRun(drill, tmp_path, lambda _: None)._wait_for_callers(stage)
    assert heard >= 3
    assert tally.live
