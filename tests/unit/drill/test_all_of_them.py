"""Every drill in a row: a few beside each other, within a stated time, and a table of them."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from keepline.drill.all_of_them import AllDrills, table_lines
from keepline.drill.history import all_running, keep, running
from keepline.model.limits_drills import DRILL_ENDS_WITHIN_S, DRILL_RUN_S_MAX, DRILLS_AT_ONCE_MAX

CARD = {
    "detected": True, "detected_after_s": 3.8, "rerouted": 5, "failed_on_a_healthy_carrier": 0,
    "customers_who_called_again": 31, "lost": 0, "audio_faults": 2, "incidents": [{}], "back_after_s": 52.5,
}  # fmt: skip
SAYS = "import sys, os, json; print('a word'); print(json.dumps({'drill': sys.argv[1], 'passed': True, 'status': 'completed', 'card': None, 'rollback_verified': True, 'words': sys.argv[2:], 'lane': os.environ['LANE'], 'apart': os.getsid(0) == os.getpid()}))"  # noqa: E501
STANDS = "import signal, sys, time; signal.signal(signal.SIGTERM, {}); print('there', flush=True); time.sleep(600)"


def every(tmp_path: Path, names: list[str], script: str = SAYS, **more: Any) -> AllDrills:
    return AllDrills(names, tmp_path, more.pop("at_once", 1), "LANE", (sys.executable, "-c", script), **more)


def test_each_is_run_in_a_lane_of_its_own_and_told_of(tmp_path: Path) -> None:
    told: list[Any] = []
    found = every(tmp_path, ["a", "b", "c"], at_once=2).run(told.append)
    assert [each["drill"] for each in found] == ["a", "b", "c"]
    assert sorted(each["drill"] for each in told) == ["a", "b", "c"]
    assert {each["lane"] for each in found} <= {"1", "2"}
    assert all(each["apart"] for each in found)
    assert all(str(tmp_path) in each["words"] for each in found)


def test_all_of_it_takes_no_longer_than_it_says(tmp_path: Path) -> None:
    whole = every(tmp_path, ["a"] * 25, at_once=DRILLS_AT_ONCE_MAX)
    assert whole.seconds_max == 4 * (DRILL_RUN_S_MAX + DRILL_ENDS_WITHIN_S)


def test_one_that_does_not_end_is_told_to_and_then_killed(tmp_path: Path) -> None:
    for handler in ("lambda *_: sys.exit(0)", "signal.SIG_IGN"):
        began_s = time.monotonic()
        whole = every(tmp_path, ["a"], STANDS.format(handler), run_s_max=0.5, ends_within_s=0.5)
        [found] = whole.run(lambda _: None)
        assert (found["passed"], found["status"]) == (False, "failed")
        assert time.monotonic() - began_s < 60.0


def test_after_an_abort_no_other_one_begins(tmp_path: Path) -> None:
    whole = every(tmp_path, ["a", "b"])
    found = whole.run(lambda _: whole.abort())
    assert [each["status"] for each in found] == ["completed", "aborted"]


def test_who_aborts_one_of_them_ends_them_all(tmp_path: Path) -> None:
    said = SAYS.replace("'completed'", "'aborted' if sys.argv[1] == 'b' else 'completed'")
    found = every(tmp_path, ["a", "b", "c"], said).run(lambda _: None)
    assert [(each["status"], "lane" in each) for each in found] == [
        ("completed", True), ("aborted", True), ("aborted", False),
    ]  # fmt: skip


def test_the_table_says_what_became_of_each() -> None:
    runs = [
        {"drill": "a", "passed": True, "status": "completed", "card": CARD, "rollback_verified": True},
        {"drill": "b", "passed": False, "status": "aborted", "card": None, "rollback_verified": None},
        {"drill": "c", "passed": False, "status": "completed", "why": ["1 call failed"], "rollback_verified": False}
        | {"card": CARD | {"detected": False, "back_after_s": None}},
        {
            "drill": "d",
            "passed": False,
            "status": "failed",
            "error": "no port",
            "card": None,
            "rollback_verified": None,
        },
        {"drill": "e", "passed": True, "status": "completed", "rollback_verified": True}
        | {"card": CARD | {"detected": None, "incidents": [], "back_after_s": None}},
    ]
    lines = list(table_lines(runs))
    assert lines[1].split() == [
        "a",
        "passed",
        "after",
        "3.8",
        "s",
        "5",
        "0",
        "31",
        "0",
        "2",
        "after",
        "52.5",
        "s",
        "yes",
    ]
    assert lines[2].split() == ["b", "NOT", "(aborted)", *["-"] * 8]
    assert lines[3].split() == ["c", "NOT", "(completed)", "no", "5", "0", "31", "0", "2", "no", "NO"]
    assert lines[5].split() == ["e", "passed", "-", "5", "0", "31", "0", "2", "-", "yes"]
    assert lines[-3:] == ["c: 1 call failed", "d: no port", "2 of 5 passed"]


def test_runs_beside_each_other_are_each_noted(tmp_path: Path) -> None:
    for lane in (0, 1, 2):
        keep(tmp_path, running(lane), {"pid": lane})
    (tmp_path / "running3.json").write_text("{")
    assert [noted["pid"] for _, noted in all_running(tmp_path)] == [0, 1, 2]
    assert json.loads((tmp_path / "running.json").read_text()) == {"pid": 0}
