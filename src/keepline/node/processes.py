"""Processes as the kernel knows them: alive, stopped or gone, without mistaking a reused number for an old friend."""

import os
import select
import signal
from dataclasses import dataclass

STAT_BYTES_MAX = 1024
"""52 numbers and a name of at most 64 bytes."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process by its number and its start, which together are never reused."""

    pid: int
    started: int
    """Clock ticks since boot (`/proc/PID/stat`, field 22)."""


def _stat(pid: int) -> list[str] | None:
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return None
    try:
        line = os.read(descriptor, STAT_BYTES_MAX)
    except ProcessLookupError:
        return None
    finally:
        os.close(descriptor)
    return line.rpartition(b")")[2].decode("ascii").split()


def identify(pid: int) -> ProcessId | None:
    """The process that has this number now; None where there is none."""
    fields = _stat(pid)
    return ProcessId(pid, int(fields[19])) if fields and fields[0] not in "ZX" else None


def is_alive(process: ProcessId) -> bool:
    """This very process is there, not another with its number."""
    return identify(process.pid) == process


def is_stopped(pid: int) -> bool:
    """Stopped by a signal or a tracer: alive, but it does nothing."""
    fields = _stat(pid)
    return bool(fields) and fields[0] in "Tt" if fields else False


def is_suspended(pid: int) -> bool:
    """Stopped by a signal, and by no tracer: who is traced stops for a moment at each system call, and goes on."""
    fields = _stat(pid)
    return bool(fields) and fields[0] == "T" if fields else False


def was_just_stopped(pid: int) -> bool:
    """Whether this child of ours was stopped by a signal since it was last asked about; False for no child of ours."""
    try:
        news = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG)
    except ChildProcessError:
        return False
    return news is not None and news.si_code == os.CLD_STOPPED


def send_signal(process: ProcessId, number: int) -> bool:
    """Signal exactly this process; False where it is gone."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if not is_alive(process):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_gone(process: ProcessId, limit_s: float) -> bool:
    """Wait until the process is gone; False where it is still there after `limit_s`."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return True
    try:
        if not is_alive(process):
            return True
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return bool(poller.poll(limit_s * 1000))
    finally:
        os.close(descriptor)
