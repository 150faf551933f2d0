"""A node whose data directory was removed under it: it goes on with its calls, and no command finds it by its files.

It looks for a process that still has the lock of that directory open, as the kernel tells (proc(5), `fd`). It refuses
to guess: a directory that was moved, and processes of others, are not looked for.
"""

import os
from pathlib import Path
from typing import Final

from keepline.node.paths import NodePaths
from keepline.node.processes import ProcessId, identify

GONE: Final = " (deleted)"
PROCESSES: Final = Path("/proc")


def supervisor_of_removed(paths: NodePaths) -> ProcessId | None:
    """The supervisor that runs though this directory was removed; None while there is one, or there is no such process.

    A directory of that name that was made anew has files of its own, and then this one's are deleted all the same.
    """
    wanted = os.fspath(paths.supervisor_lock.absolute().resolve()) + GONE
    for process in PROCESSES.iterdir():
        try:
            opened = list((process / "fd").iterdir()) if process.name.isdigit() else []
        except OSError:  # gone meanwhile, or somebody else's
            continue
        for descriptor in opened:
            holder = _holder(descriptor, wanted)
            if holder is not None:
                return holder
    return None


def _holder(descriptor: Path, wanted: str) -> ProcessId | None:
    """Who wrote into this lock that it is the supervisor, if it is the wanted one and he is alive."""
    try:
        if os.readlink(descriptor) != wanted:
            return None
        pid, started = map(int, descriptor.read_bytes().split())
    except (OSError, ValueError):
        return None
    process = identify(pid)
    return process if process is not None and process.started == started else None


def what_was_removed(paths: NodePaths, supervisor: ProcessId) -> str:
    """What a person should know of it, and do."""
    return (
        f"{paths.data} was removed under the node that runs there (supervisor pid {supervisor.pid}): it goes on with "
        f"its calls, and nothing of them is kept; `keepline stop --data {paths.data}` ends it, then `keepline up` anew"
    )


def no_journal(data: Path) -> str:
    """Why a data directory has no journal, and what to do."""
    paths = NodePaths(data)
    supervisor = supervisor_of_removed(paths)
    if supervisor is not None:
        return f"no journal in {data}: {what_was_removed(paths, supervisor)}"
    return f"no journal in {data}: no node has run there yet; --data names the directory of one"
