"""A node looks by itself as often as its operation says, and what it finds is kept."""

from dataclasses import replace
from pathlib import Path

from keepline.desk.preflighting import PAUSE_S_MIN, Preflighting
from keepline.model.errors import KeeplineError
from keepline.model.operation import Operation
from keepline.model.preflight import Preflight
from keepline.node.preflight_store import kept
from keepline.paths.capacity import PreflightFinding
from tests.sim.operation import program

OPERATION = program().operation
FOUND = [PreflightFinding("node", True, "well"), PreflightFinding("loop", False, "deaf", "mend it")]


def test_it_looks_when_the_last_look_is_old_enough(tmp_path: Path) -> None:
    looking = Preflighting(tmp_path, lambda _operation: FOUND)
    assert looking.pause_s(600.0, 1_000_000.0) == PAUSE_S_MIN, "there was none"
    looking.attend(OPERATION, 1_000_000.0)
    assert kept(tmp_path) == (1_000_000.0, FOUND)
    assert looking.pause_s(600.0, 1_000_100.0) == 500.0
    assert Preflighting(tmp_path).pause_s(600.0, 1_000_700.0) == PAUSE_S_MIN


def test_a_look_that_fails_is_made_again_when_the_next_one_is_due(tmp_path: Path) -> None:
    def look(_operation: Operation) -> list[PreflightFinding]:
        raise KeeplineError("no node runs")

    looking = Preflighting(tmp_path, look)
    looking.attend(OPERATION, 1_000_000.0)
    assert kept(tmp_path) is None
    assert looking.pause_s(600.0, 1_000_000.0) == 600.0


def test_it_looks_where_the_operation_says_so(tmp_path: Path) -> None:
    looking = Preflighting(tmp_path, lambda _operation: FOUND)
    assert looking.begin(OPERATION) == []
    [ended] = looking.begin(replace(OPERATION, preflight=Preflight(every_s=600.0)))
    ended.set()
