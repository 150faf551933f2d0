"""What a figure was measured on, and what the processes of a node cost: /proc, and a disk that is asked to sync."""

import contextlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keepline
from keepline.config import embedded_operation_path
from keepline.demo_node import LocalNode, NodeSettings

SLOTS = 2600
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
FSYNC_SECONDS = 1.0


@contextlib.contextmanager
def a_node(slots: int = SLOTS, cores: tuple[int, ...] = ()) -> Iterator[LocalNode]:
    """A node on the bench operation with a data directory that is thrown away; stopped in the end, or killed."""
    with tempfile.TemporaryDirectory(prefix="keepline-bench-") as directory:
        settings = NodeSettings(embedded_operation_path(), Path(directory) / "data", slots, cores)
        with LocalNode(settings) as node:
            yield node
            node.stop()
            node.wait_gone()


def describe(directory: Path) -> dict[str, Any]:
    """The machine, the versions, and how often a second the disk below `directory` syncs."""
    return {
        "cpu": _cpu(), "cores": os.cpu_count(), "memory_gb": round(_memory_bytes() / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}", "python": platform.python_version(),
        "keepline": keepline.__version__, "commit": _commit(), "fdatasync_per_s": round(syncs_per_s(directory)),
    }  # fmt: skip


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _commit() -> str:
    git = shutil.which("git")
    here = Path(__file__).parent
    if git is None:
        return "unknown"
    done = subprocess.run(
        [git, "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def syncs_per_s(directory: Path) -> float:
    """Appends of 4 KiB with fdatasync, one after the other."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        count, begun = 0, time.monotonic()
        while time.monotonic() - begun < FSYNC_SECONDS:
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.monotonic() - begun)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used up to now."""

    cpu_s: float
    memory_bytes: int
    """Proportional set size: shared pages count by share."""


def cost(pid: int) -> Cost:
    """Of one process; nothing where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return Cost(0.0, 0)
    kib = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return Cost((int(fields[11]) + int(fields[12])) / TICKS_PER_S, kib * 1024)


def udp_overflows() -> int:
    """Packets that this machine threw away since its start because a socket's buffer was full."""
    names, values = [
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:")
    ]
    return int(values[names.index("RcvbufErrors")])


class Meter:
    """The cost of named processes between its start and now."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.pids = pids
        self._begun = time.monotonic()
        self._first = {name: cost(pid) for name, pid in pids.items()}

    def cpu_s(self) -> dict[str, float]:
        """Processor time used, user and system, by name. Of a process that is gone: nothing."""
        return {name: max(0.0, cost(pid).cpu_s - self._first[name].cpu_s) for name, pid in self.pids.items()}

    def cpu(self) -> dict[str, float]:
        """Share of one core, by name, and their sum as "all"."""
        took_s = time.monotonic() - self._begun
        shares = {name: used_s / took_s for name, used_s in self.cpu_s().items()}
        return {name: round(share, 3) for name, share in shares.items()} | {"all": round(sum(shares.values()), 3)}

    def memory_bytes(self) -> int:
        """All of them together, now."""
        return sum(cost(pid).memory_bytes for pid in self.pids.values())


def flat_pids(processes: dict[str, Any]) -> dict[str, int]:
    """The nested processes of a status as name -> process id."""
    flat = {name: found for name, found in processes.items() if name != "calls"}
    flat |= {f"calls {role}": found for role, found in (processes.get("calls") or {}).items()}
    return {name: int(found["pid"]) for name, found in flat.items() if found and found.get("pid")}
