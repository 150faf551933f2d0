"""Media runs before ordinary processes where that is allowed, and serves all the same where it is not."""

import os
import subprocess
import sys

import pytest

from keepline.node.scheduling import AUTOGROUP, IS_RAISED, ORDINARY, REAL_TIME, run_early, run_first, scheduling_of

FIRST = (
    "import os, resource, threading\n"
    "from keepline.node.scheduling import run_first, scheduling_of\n"
    "os.setsid()\nBEFORE\n"
    "run_first(); found = [scheduling_of(os.getpid())]\n"
    "thread = threading.Thread(target=lambda: found.append(scheduling_of(threading.get_native_id())))\n"
    "thread.start(); thread.join(); print(*found)"
)
NOBODY = 65_534
roots = pytest.mark.skipif(os.geteuid() != 0, reason="only root may take a permission away, and has them all")


def told(before: str = "pass", ask: str = "run_first") -> list[str]:
    """How a process runs, and a thread of it, that did something before it asked to run first."""
    command = [sys.executable, "-c", FIRST.replace("BEFORE", before).replace("run_first", ask)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


@roots
def test_with_the_permission_a_process_and_its_threads_are_real_time() -> None:
    assert told() == [REAL_TIME, REAL_TIME]


@roots
def test_without_any_permission_nothing_changes_and_nothing_fails() -> None:
    limits = "for each in (resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE): resource.setrlimit(each, (0, 0))"
    assert told(f"{limits}\nos.setuid({NOBODY})") == [ORDINARY, ORDINARY]


@roots
def test_where_real_time_is_refused_the_nice_value_is_raised_in_the_session_and_of_it() -> None:
    refusing = "def refuse(*_): raise PermissionError\nos.sched_setscheduler = refuse"
    assert told(refusing) == [IS_RAISED, IS_RAISED]


GROUP = "\nwith open('/proc/self/autogroup') as file: print(file.read().strip() or 'in no group')"


def group_of(before: str) -> str:
    """What the kernel says of the group of a process that did this, with `run_early` among its own words or without."""
    asked = f"import os; from keepline.node.scheduling import run_early; {before}{GROUP}"
    return subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@roots
def test_who_is_to_run_early_is_raised_and_its_session_if_that_is_its_own() -> None:
    assert told(ask="run_early") == [IS_RAISED, IS_RAISED]
    if os.path.exists(AUTOGROUP.format("self")):
        assert group_of("os.setsid(); run_early()").endswith(" nice -10")
        assert group_of("run_early()") == group_of("pass"), "a shell's session is not its to raise"


def test_who_is_gone_runs_in_no_manner(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert scheduling_of(child.pid) == ""

    def refuse(*_: object) -> None:
        raise PermissionError

    for name in ("sched_setscheduler", "setpriority"):
        monkeypatch.setattr(os, name, refuse)
    run_first()


@roots
@pytest.mark.parametrize("apart", [True, False])
def test_another_process_is_raised_too_and_its_session_if_that_is_its_own(apart: bool) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=apart) as process:
        try:
            run_early(process.pid)
            assert scheduling_of(process.pid) == IS_RAISED
            if os.path.exists(AUTOGROUP.format("self")):
                with open(AUTOGROUP.format(process.pid), encoding="ascii") as file:
                    assert file.read().strip().endswith(" nice -10") is apart
        finally:
            process.kill()
