"""`.ci/run` itself: the order of what it runs, and that nothing it started may outlive it."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"


@pytest.fixture
def ci(tmp_path: Path) -> Path:
    """A clone that holds the script alone, with a `make` that notes what it was asked."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(RUN, tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    return tmp_path


def run(ci: Path, make: str) -> subprocess.CompletedProcess[str]:
    program = ci / "bin" / "make"
    program.write_text(f'#!/bin/bash\necho "$@" >>{ci}/asked\n{make}\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {"PATH": f"{ci}/bin:/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(
        [ci / ".ci" / "run"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_it_runs_everything_in_order_and_says_it_is_ci(ci: Path) -> None:
    ran = run(ci, '[ "$CI" = true ]')
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (ci / "asked").read_text(encoding="utf-8").split() == ["test-deps", "check", "test"]


def test_it_stops_at_the_first_failure(ci: Path) -> None:
    assert run(ci, '[ "$1" != check ]').returncode != 0
    assert (ci / "asked").read_text(encoding="utf-8").split() == ["test-deps", "check"]


def test_a_process_left_behind_fails_it_and_is_ended(ci: Path) -> None:
    ran = run(ci, 'if [ "$1" = test ]; then setsid sleep 4711 </dev/null >/dev/null 2>&1 & fi')
    assert ran.returncode == 1
    assert "processes left behind:" in ran.stderr
    assert "sleep 4711" in ran.stderr
    pid = ran.stderr.split(":", 1)[1].split()[0]
    deadline_s = time.monotonic() + 30
    while state_of(pid) not in "ZX" and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert state_of(pid) in "ZX"


def state_of(pid: str) -> str:
    """`Z` for a process that is dead and not yet reaped, `X` for one that is gone."""
    try:
        return (Path("/proc") / pid / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"
