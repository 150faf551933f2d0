"""What the kernel says of a process."""

import pytest

from keepline.node import processes


@pytest.mark.parametrize(
    ("state", "stopped", "suspended"), [("T", True, True), ("t", True, False), ("S", False, False)]
)
def test_who_is_traced_is_not_taken_for_hung(
    monkeypatch: pytest.MonkeyPatch, state: str, stopped: bool, suspended: bool
) -> None:
    """strace(1) stops a process at each system call; beside other work that takes as long as a heartbeat."""
    monkeypatch.setattr(processes, "_stat", lambda _pid: [state])
    assert (processes.is_stopped(1), processes.is_suspended(1)) == (stopped, suspended)


def test_a_process_that_is_gone_is_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_stat", lambda _pid: None)
    assert not processes.is_stopped(1)
    assert not processes.is_suspended(1)
