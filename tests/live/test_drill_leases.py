"""Faults of drills go away whoever dies: the process that holds one, and all of the drill's own code."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import keepline_command, marked, wait_until

WITHIN_S = 60.0
MARK = "KEEPLINE_DRILL_TEST"


def state(pid: int) -> str:
    """`T` is stopped, `S` sleeps, of proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[str]]:
    """Somebody who stands still."""
    with subprocess.Popen(["sleep", "600"], text=True) as process:
        yield process
        process.kill()


def hold(victim: subprocess.Popen[str], mark: Path, expires_s: float) -> subprocess.Popen[str]:
    asked = json.dumps({"kind": "frozen", "pids": [victim.pid], "expires_s": expires_s})
    holder = subprocess.Popen(
        [sys.executable, "-m", "keepline.drill.holder", asked], stdout=subprocess.PIPE, text=True,
        start_new_session=True, env=os.environ | {MARK: str(mark)},
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "planted\n"
    if expires_s > WITHIN_S:
        wait_until("it stands still", lambda: state(victim.pid) == "T", WITHIN_S)
    return holder


@pytest.mark.parametrize("how", ["it expires", "it is told to end", "it is killed"])
def test_a_frozen_process_goes_on(victim: subprocess.Popen[str], tmp_path: Path, how: str) -> None:
    holder = hold(victim, tmp_path, 0.5 if how == "it expires" else 600.0)
    with holder:
        if how != "it expires":
            holder.send_signal(signal.SIGTERM if how == "it is told to end" else signal.SIGKILL)
        wait_until("it goes on", lambda: state(victim.pid) == "S", WITHIN_S)
        wait_until("nobody holds it", lambda: not list(marked(MARK, str(tmp_path))), WITHIN_S)


def test_the_guard_of_a_holder_may_die_too(victim: subprocess.Popen[str], tmp_path: Path) -> None:
    with hold(victim, tmp_path, 600.0) as holder:
        [guard] = [found.pid for found in marked(MARK, str(tmp_path)) if found.pid != holder.pid]
        os.kill(guard, signal.SIGKILL)
        assert state(victim.pid) == "T"
        holder.terminate()
        wait_until("it goes on", lambda: state(victim.pid) == "S", WITHIN_S)


@pytest.fixture
def swept(tmp_path: Path) -> Iterator[Path]:
    """A directory whose processes end with the test, whatever became of it."""
    yield tmp_path
    for found in list(marked(MARK, str(tmp_path))):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGKILL)


def faults(noted: dict[str, Any]) -> list[Any]:
    """Of the back office, which outlives the drill."""
    with urllib.request.urlopen(f"http://{noted['office']}/admin/faults", timeout=WITHIN_S) as answer:
        return list(json.load(answer))


def test_the_fault_goes_away_though_the_drill_is_killed_and_abort_ends_the_rest(swept: Path) -> None:
    tmp_path = swept
    history, noted_in = tmp_path / "history", tmp_path / "history" / "running.json"
    environment = os.environ | {MARK: str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [*keepline_command(), "drill", "run", "orders-office-down", "--history", str(history)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as drill:
        wait_until("the drill's world stands", noted_in.exists, 2 * WITHIN_S)
        noted = json.loads(noted_in.read_text())
        wait_until("the fault is planted", lambda: faults(noted), WITHIN_S)
        drill.kill()
    assert faults(noted)
    wait_until("it is gone by itself", lambda: not faults(noted), WITHIN_S)
    aborted = subprocess.run([*keepline_command(), "drill", "abort", "--history", str(history)], capture_output=True,
                             text=True, timeout=WITHIN_S, check=True)  # fmt: skip
    assert "of its node" in aborted.stdout
    wait_until("nothing of it is left", lambda: not list(marked(MARK, str(tmp_path))), WITHIN_S)
    [run] = [json.loads(file.read_text()) for file in history.glob("*-*.json")]
    assert (run["status"], run["end"]) == ("running", None)
    assert not noted_in.exists()
