"""Holds a fault of a process: `python -m keepline.drill.holder '{"kind": …}'`, in a session of its own.

It plants the fault, prints `planted`, and undoes it when the time is over or when it is told to end (SIGTERM). That
whoever asked has died changes nothing. Where it is killed itself, a second process of it sees that by the end of a
pipe, and undoes the fault at once. It imports next to nothing.
"""

import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

from keepline.drill.lease import Lease, LeaseEffect, LeaseEvent, LeaseState

POLL_S = 0.05
FSIZE_FULL = 1
"""No write makes a file longer than that: to whoever writes, the disk is full."""


class ProcessFault:
    """What can be planted into processes: `frozen` (SIGSTOP), and `disk full` (RLIMIT_FSIZE: every write meets it)."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.kind = str(asked["kind"])
        self.pids = {int(pid): born(int(pid)) for pid in asked["pids"]}
        """With the moment of their birth: a number may be another process's by the time that it is undone."""
        if self.kind not in ("frozen", "disk full"):
            raise ValueError(f"{self.kind!r} is none of: frozen, disk full")
        self._limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in self.pids}

    def plant(self) -> bool:
        """Whether it stands."""
        try:
            for pid in self.pids:
                if self.kind == "frozen":
                    os.kill(pid, signal.SIGSTOP)
                else:
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FSIZE_FULL, self._limits[pid][1]))
        except (OSError, ValueError):
            return False
        return True

    def undo(self) -> bool:
        """Whether it is gone; so it is with a process that is gone."""
        undone = True
        for pid, birth in self.pids.items():
            if birth is None or born(pid) != birth:
                continue
            try:
                if self.kind == "frozen":
                    os.kill(pid, signal.SIGCONT)
                else:
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, self._limits[pid])
            except ProcessLookupError:
                continue
            except OSError:
                undone = False
        return undone


def born(pid: int) -> str | None:
    """When a process began, in ticks since the machine did (proc(5), field 22); None where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def hold(fault: ProcessFault, expires_s: float) -> LeaseState:
    """Until it is gone; two processes see to it, and either alone suffices."""
    lease = Lease(expires_s)
    told: list[LeaseEvent] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: told.append(LeaseEvent.ASKED_TO_END))
    watched, held = os.pipe()
    lease.step(time.monotonic(), LeaseEvent.BEGUN)
    is_guard = os.fork() == 0
    if is_guard:
        os.setsid()
        os.close(held)
        lease.step(time.monotonic(), LeaseEvent.PLANTED)
    else:
        os.close(watched)
        planted = fault.plant()
        lease_event = LeaseEvent.PLANTED if planted else LeaseEvent.NOT_PLANTED
        os.write(1, b"planted\n" if planted else b"not planted\n")
        _do(lease, fault, lease.step(time.monotonic(), lease_event))
    while lease.state is not LeaseState.GONE:
        if is_guard and select.select([watched], [], [], POLL_S)[0]:
            told.append(LeaseEvent.HOLDER_GONE)
        elif not is_guard:
            time.sleep(POLL_S)
        now_s = time.monotonic()
        effects = lease.tick(now_s)
        while told:
            effects += lease.step(now_s, told.pop(0))
        _do(lease, fault, effects)
    return lease.state


def _do(lease: Lease, fault: ProcessFault, effects: list[LeaseEffect]) -> None:
    for effect in effects:
        if effect is LeaseEffect.UNDO:
            lease.step(time.monotonic(), LeaseEvent.UNDONE if fault.undo() else LeaseEvent.NOT_UNDONE)


def main() -> int:
    """Hold what the first argument asks for."""
    asked = json.loads(sys.argv[1])
    hold(ProcessFault(asked), float(asked["expires_s"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
