"""The checks can fail: every planted bug is caught within the number of seeds that its file states."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from keepline.sim.caller import Plan
from tests.sim.planted import Planted, planted_bugs
from tests.sim.planted.meddling import MeddledExchange, world_of
from tests.sim.planted.sent_before_written import no_waiting
from tests.sim.planted.unsynced_past import die_before_a_sync
from tests.sim.random_worlds import failure_of, random_scene
from tests.sim.scenes import Scene

BUGS = planted_bugs()
NAMED = ("skipped_write", "repeated_step", "lost_retransmission", "two_actives", "sync_forgotten", "step_after_restart")
"""Those that the simulated world was made for."""


@pytest.mark.parametrize("bug", list(BUGS.values()), ids=list(BUGS))
def test_a_planted_bug_is_caught(bug: Planted) -> None:
    for seed in range(bug.within_seeds):
        if failure_of(seed, bug.plant(seed)):
            return
    pytest.fail(f"{bug.name} was not caught within {bug.within_seeds} seeds")


def test_the_bugs_that_matter_are_planted() -> None:
    assert set(NAMED) <= set(BUGS)


def test_a_death_before_a_sync_is_survived() -> None:
    """What the planted bug of the unsynced past adds to its worlds, without the bug."""
    for seed in range(BUGS["unsynced_past"].within_seeds):
        scene = random_scene(seed, pays=True, whole=True)
        die_before_a_sync(scene, seed)
        assert failure_of(seed, scene) == ""


def test_the_same_seeds_are_good_without_a_bug() -> None:
    for seed in range(max(bug.within_seeds for bug in BUGS.values())):
        assert failure_of(seed, world_of(seed, MeddledExchange)) == ""


def test_a_failure_prints_the_line_that_replays_it() -> None:
    bug = BUGS["repeated_step"]
    failed = (seed for seed in range(bug.within_seeds) if failure_of(seed, bug.plant(seed)))
    seed = next(failed)
    told = failure_of(seed, bug.plant(seed), bug.name)
    line = told.splitlines()[-1]
    found = re.fullmatch(r'replay with: make sim SEEDS=(\d+) ARGS="(.*)"', line)
    assert found is not None, line
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    assert "$(BIN)/python -m tests.sim $(SEEDS) $(ARGS)" in makefile
    command = [sys.executable, "-m", "tests.sim", found[1], *shlex.split(found[2])]
    replayed = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert replayed.returncode == 1
    assert told in replayed.stdout


def test_sending_before_writing_is_caught_at_a_crash_point_too() -> None:
    undisturbed = Scene([(0.0, Plan("1000"))], prepare=no_waiting)
    assert undisturbed.run() == []
    wrong = []
    for moment in range(undisturbed.node.moment):
        scene = Scene([(0.0, Plan("1000"))], prepare=no_waiting)
        scene.node.dies_at = frozenset((moment,))
        wrong += scene.run()
    assert [what for what in wrong if "still waiting" in what], "answered by a call that its successor never heard of"
