"""The lock that makes a process the one supervisor of a data directory. The kernel holds it: no death leaves it behind.

Its file goes with the node: whoever took the lock of a file that has been removed meanwhile tries again.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable

import structlog

from keepline.model.errors import KeeplineError
from keepline.node.paths import NodePaths
from keepline.node.processes import ProcessId, identify, is_stopped, send_signal, wait_gone

DEAD_HOLDER_LIMIT_S = 3.0
"""How long a lock may outlive its holder: a child between fork and exec holds it too."""
KILL_LIMIT_S = 30.0
POLL_S = 0.02
log = structlog.get_logger("supervisor")


def take_lock(paths: NodePaths, is_deaf: Callable[[NodePaths], bool] = lambda _paths: False) -> int:
    """Become the one supervisor of this data directory; returns the descriptor that holds the lock.

    A holder that is stopped is ended, and one that hangs, where `is_deaf`. Raises `KeeplineError` where another one is
    at work.
    """
    patient_until_s = time.monotonic() + DEAD_HOLDER_LIMIT_S
    while True:
        descriptor = try_lock(paths)
        if descriptor is not None:
            return descriptor
        holder = holder_of(paths)
        if holder is not None and (is_stopped(holder.pid) or is_deaf(paths)):
            end_hung(holder)
        elif holder is not None or time.monotonic() > patient_until_s:
            who = f"supervisor pid {holder.pid}" if holder is not None else "its supervisor is not to be seen"
            raise KeeplineError(
                f"a node runs in {paths.data} already ({who}); "
                "`keepline stop` ends it, --data chooses another directory"
            )
        else:
            time.sleep(POLL_S)


def release_lock(paths: NodePaths, descriptor: int) -> None:
    """Give up the lock and remove its file."""
    paths.supervisor_lock.unlink(missing_ok=True)
    os.close(descriptor)


def holder_of(paths: NodePaths) -> ProcessId | None:
    """Who said last that it is the supervisor here, if it is alive."""
    try:
        pid, started = map(int, paths.supervisor_lock.read_bytes().split())
    except (OSError, ValueError):
        return None
    process = identify(pid)
    return process if process is not None and process.started == started else None


def end_hung(holder: ProcessId) -> None:
    """End a supervisor that can neither serve nor end; what it held others hold too."""
    log.warning("hung_supervisor_ended", pid=holder.pid)
    send_signal(holder, signal.SIGKILL)
    wait_gone(holder, KILL_LIMIT_S)


def try_lock(paths: NodePaths) -> int | None:
    """The descriptor that holds the lock, or None where somebody else holds it."""
    descriptor = os.open(paths.supervisor_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_current = os.fstat(descriptor).st_nlink > 0
    except BlockingIOError:
        is_current = False
    if not is_current:
        os.close(descriptor)
        return None
    own = identify(os.getpid())
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{own.pid} {own.started}".encode() if own else b"", 0)
    return descriptor
