"""How soon the kernel lets a process run that has something to do: media before all others, where that is allowed, and
the active calls process, and speech behind it, before what is only being started.

An ordinary process shares a processor with whoever else wants it, one slice of some milliseconds after the other: with
thirty that compute all the time, a packet is 150 ms late (measured). A real-time process runs at once; media is one
that sleeps most of the time. It refuses to insist: without the permission a node serves all the same, and its status
says so. Source: sched(7), on real-time policies, the nice value and the autogroup feature.
"""

import os
from contextlib import suppress
from typing import Final

PRIORITY: Final = 1
"""Before all ordinary processes, behind every other real-time one."""
RAISED: Final = -10
"""The nice value where real-time is refused."""
SPOKEN: Final = -5
"""Of speech: a caller hears silence until it has spoken, but calls themselves come first."""
REAL_TIME, IS_RAISED, ORDINARY = "real-time", "raised", "ordinary"
AUTOGROUP: Final = "/proc/{}/autogroup"
"""Where the kernel groups by session a nice value counts within its session alone, and the session has its own."""


def run_first() -> None:
    """Have this process, and the threads that it starts from now on, run before ordinary ones, as far as it may.

    RLIMIT_RTPRIO or CAP_SYS_NICE is the permission. Its session should be its own.
    """
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
        return
    run_early()


def run_early(pid: int = 0, nice: int = RAISED) -> None:
    """Have this thread, and those that it starts from now on, go before ordinary ones on a busy processor, as it may.

    `pid`: the first thread of that process instead.
    RLIMIT_NICE or CAP_SYS_NICE is the permission. Where sessions are grouped all of its session does, if it is its own.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        if os.getsid(pid) == (pid or os.getpid()):
            with open(AUTOGROUP.format(pid or "self"), "w", encoding="ascii") as file:
                file.write(str(nice))


def scheduling_of(pid: int) -> str:
    """`real-time`, `raised` or `ordinary`; empty where the process is gone."""
    try:
        if os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK in (os.SCHED_RR, os.SCHED_FIFO):
            return REAL_TIME
        return IS_RAISED if os.getpriority(os.PRIO_PROCESS, pid) < 0 else ORDINARY
    except OSError:
        return ""
