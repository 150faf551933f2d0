"""Drills as they are written and generated, what counts as passed, and which paths were never drilled."""

import json
from pathlib import Path
from typing import Any

import pytest

from keepline.config import load_operation
from keepline.demo_retailer import retailer_path
from keepline.drill.experiment import EXPIRING, DrillError, read_drill, read_drills, written
from keepline.drill.generating import generated, paths_of
from keepline.drill.history import against, before, coverage, forget, has_passed, keep, read_runs
from keepline.model.limits_drills import DRILL_RUNS_KEPT_MAX, DRILL_STEPS_MAX, LEASE_S_MAX, PASS_COUNTS_DAYS
from keepline.model.operation import Operation

DAY_S = 86_400.0
DRILL = """
title: The first carrier is dead
path: telephony/carrier
blast-radius: a world of its own, nothing else
steady-state-hypothesis:
  title: calls end well
  probes:
    - type: probe
      name: share
      tolerance: {type: range, range: [0.9, 1.0]}
      provider: {type: python, module: keepline.drill.faults, func: share_well}
method:
  - type: action
    name: black-hole
    provider:
      {type: python, module: keepline.drill.faults, func: carrier_fault, arguments: {at: carrier, expires_s: 5}}
    pauses: {after: 5}
rollbacks: []
"""


@pytest.fixture(scope="module")
def operation() -> Operation:
    return load_operation(retailer_path() / "keepline.yaml")


def test_a_drill_is_read() -> None:
    drill = read_drill(DRILL, "mine", "mine.yaml")
    [probe], [step] = drill.steady_state.probes, drill.method
    assert (drill.path, step.name, step.provider.arguments["expires_s"]) == ("telephony/carrier", "black-hole", 5)
    assert [probe.holds(value) for value in (0.89, 0.9, 1, 1.1, "1", None)] == [False, True, True, False, False, False]


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("title: The first carrier is dead\n", "", "mine.yaml: title: Field required"),
        ("blast-radius: a world of its own, nothing else\n", "", "blast-radius"),
        ("func: carrier_fault", "func: rm", "method"),
        ("module: keepline.drill.faults, func: share_well", "module: os, func: share_well", "module"),
        (", expires_s: 5", "", "black-hole: no `expires_s`"),
        ("expires_s: 5", f"expires_s: {LEASE_S_MAX + 1}", "up to 7200"),
        ("rollbacks: []", "rollbacks: [", "not YAML"),
        ("rollbacks: []", "dance: 1", "dance"),
    ],
)
def test_what_is_no_drill_is_said(old: str, new: str, wrong: str) -> None:
    assert old in DRILL
    with pytest.raises(DrillError, match=wrong.replace("(", r"\(")):
        read_drill(DRILL.replace(old, new), "mine", "mine.yaml")


def test_a_drill_has_so_many_steps_and_no_more() -> None:
    step = DRILL[DRILL.index("  - type: action") : DRILL.index("rollbacks")]
    read_drill(DRILL.replace(step, step * DRILL_STEPS_MAX), "mine", "mine.yaml")
    with pytest.raises(DrillError, match="method"):
        read_drill(DRILL.replace(step, step * (DRILL_STEPS_MAX + 1)), "mine", "mine.yaml")


def test_every_path_of_the_retailer_has_a_drill(operation: Operation) -> None:
    drills = generated(operation)
    paths = paths_of(operation)
    assert {"telephony/carrier", "telephony/second", "orders/office", "payments/north"} <= set(paths)
    assert {each.path for each in drills.values()} - {""} == set(paths)


def test_what_stands_in_for_a_path_is_drilled_by_its_absence(operation: Operation) -> None:
    drills = generated(operation)
    assert drills["orders-copy-alone"].method == drills["orders-office-down"].method
    assert drills["payments-south-alone"].method == drills["payments-north-down"].method
    assert drills["payments-south-alone"].detects == "payments/north"
    both = {str(step.provider.arguments["route"]) for step in drills["payments-call_back-alone"].method}
    assert {"POST /gateways/north/payments", "POST /gateways/south/payments"} <= both


def test_every_fault_of_a_generated_drill_is_a_lease_and_every_drill_heals(operation: Operation) -> None:
    for drill in generated(operation).values():
        for step in drill.method:
            assert step.provider.func in (*EXPIRING, "killed")
            assert step.provider.func == "killed" or 0 < float(step.provider.arguments["expires_s"]) <= LEASE_S_MAX
        assert [step.provider.func for step in drill.rollbacks] == ["heal"]
        assert "no real call" in drill.blast_radius


def test_a_drill_that_is_written_is_the_one_that_is_read(operation: Operation, tmp_path: Path) -> None:
    drills = generated(operation)
    for drill in drills.values():
        (tmp_path / f"{drill.name}.yaml").write_text(written(drill))
    again = read_drills(tmp_path)
    for name, drill in drills.items():
        made = again[name]
        assert (made.method, made.rollbacks, made.steady_state) == (drill.method, drill.rollbacks, drill.steady_state)
        assert (made.title, made.path, made.blast_radius) == (drill.title, drill.path, drill.blast_radius)


def test_routes_of_the_back_office_are_broken_whatever_their_arguments(operation: Operation) -> None:
    routes = [step.provider.arguments["route"] for step in generated(operation)["appointments-office-down"].method]
    assert "POST /appointments/*/move" in routes
    assert "GET /slots/*/next-free" in routes


# --- what became of them


def run(drill: str = "orders-office-down", at_s: float = 0.0, **more: Any) -> dict[str, Any]:
    fine = {"status": "completed", "deviated": False, "rollback_verified": True, "card": {"lost": 0}}
    return {"drill": drill, "start": at_s} | fine | more


@pytest.mark.parametrize(
    "wrong", [{"status": "aborted"}, {"status": "running"}, {"deviated": True}, {"rollback_verified": False}]
)
def test_what_counts_as_passed(wrong: dict[str, Any]) -> None:
    assert has_passed(run())
    assert not has_passed(run(**wrong))


def test_a_pass_counts_for_thirty_days(operation: Operation) -> None:
    drills = generated(operation).values()

    def standing(*runs: dict[str, Any], now_s: float) -> str:
        found = coverage(["orders/office"], drills, runs, now_s)
        return found[0].standing

    limit_s = PASS_COUNTS_DAYS * DAY_S
    assert standing(now_s=0.0) == "never"
    assert standing(run(), now_s=limit_s) == "drilled"
    assert standing(run(), now_s=limit_s + 1) == "expired"
    assert standing(run(), run(at_s=1.0, deviated=True), now_s=2.0) == "failed"
    assert standing(run("telephony-carrier-dead"), now_s=1.0) == "never"
    assert coverage(["orders/nowhere"], drills, [], 0.0)[0].standing == "no drill"


def test_a_journal_is_kept_whole_and_read_in_order(tmp_path: Path) -> None:
    for number in (2, 1):
        keep(tmp_path, f"2026010{number}T000000-orders.json", run(at_s=float(number)))
    keep(tmp_path, "running.json", {"pid": 1})
    (tmp_path / "20260103T000000-torn.json").write_text('{"drill": ')
    assert [each["start"] for each in read_runs(tmp_path)] == [1.0, 2.0]
    assert list(tmp_path.glob("*.new")) == []
    assert json.loads((tmp_path / "running.json").read_text()) == {"pid": 1}


def test_the_oldest_runs_are_forgotten(tmp_path: Path) -> None:
    for number in range(DRILL_RUNS_KEPT_MAX + 2):
        (tmp_path / f"{number:08d}-orders.json").write_text("{}")
    assert forget(tmp_path) == 2
    assert len(list(tmp_path.iterdir())) == DRILL_RUNS_KEPT_MAX
    assert not (tmp_path / "00000001-orders.json").exists()


def test_a_run_is_compared_with_the_last_one_that_has_a_card() -> None:
    runs = [run(at_s=0.0, card={"lost": 1, "audio_faults": 0}), run(at_s=1.0, card=None, status="aborted")]
    last = before(runs, "orders-office-down")
    assert last == runs[0]
    assert against({"lost": 0, "audio_faults": 0}, last)[0].startswith("customers lost: 0, was 1 on ")
    assert against({"lost": 1, "audio_faults": 0}, last)[0].startswith("as on ")
    assert against({}, before(runs, "another")) == ["the first run of this drill"]
