"""The journal alone: facts a second, how long *written* and *synced* take, beside what the disk itself can do.

python -m bench.journal [--seconds N] [--data DIR]       DIR on the disk to be measured
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from keepline.call.facts import StepEnded
from keepline.node import journal
from keepline.node.journal import Journal, Written

FACTS_PER_GROUP = 2
RATES = (100, 1_000, 5_000)
"""Groups a second that calls might ask for."""
SYNCED_SHARE = 10
"""One group in so many is to be synced."""
FLUSH_BYTES = 4_096
WAITING_MAX = 1_000


def disk(data: Path, seconds: float) -> tuple[float, float]:
    """Plain appends of 4 KiB, each flushed: how many a second, and the median in ms."""
    took = []
    descriptor = os.open(data / "plain", os.O_WRONLY | os.O_CREAT, 0o600)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        os.write(descriptor, bytes(FLUSH_BYTES))
        began = time.perf_counter()
        os.fdatasync(descriptor)
        took.append(time.perf_counter() - began)
    os.close(descriptor)
    return len(took) / seconds, statistics.median(took) * 1000


class Load:
    """Groups at a steady rate, or as fast as they are taken (0)."""

    def __init__(self, data: Path, rate: int, synced_share: int) -> None:
        self.rate, self.synced_share = rate, synced_share
        self.began: dict[int, float] = {}
        self.took: dict[bool, list[float]] = {False: [], True: []}
        self.sizes: list[int] = []
        self._room = threading.Semaphore(WAITING_MAX)
        path = journal.create(data)
        self._journal = Journal(path, journal.next_epoch(path), self._tell)
        commit = self._journal._commit

        def counted(facts: list[StepEnded], *, sign: bool = False) -> None:
            if facts:
                self.sizes.append(len(facts))
            commit(facts, sign=sign)

        self._journal._commit = counted  # type: ignore[method-assign,assignment]

    def _tell(self, written: Written) -> None:
        if written.group and written.synced == self._is_synced(written.group):
            self.took[written.synced].append(time.perf_counter() - self.began.pop(written.group))
            self._room.release()

    def _is_synced(self, group: int) -> bool:
        return bool(self.synced_share) and group % self.synced_share == 0

    def run(self, seconds: float) -> float:
        """Facts a second."""
        began = time.perf_counter()
        group = 0
        while (now := time.perf_counter()) < began + seconds:
            if self.rate and group > (now - began) * self.rate:
                time.sleep(0.0005)
                continue
            self._room.acquire()
            group += 1
            self.began[group] = time.perf_counter()
            fact = StepEnded(f"{group % 500:016x}", now, 1, "ask_digits", "f" * 32, "done", "4711", 4, now)
            self._journal.submit([fact] * FACTS_PER_GROUP, synced=self._is_synced(group))
        self._journal.close()
        return group * FACTS_PER_GROUP / (time.perf_counter() - began)


def shown(took: list[float]) -> str:
    """Median and 99th percentile in ms."""
    if len(took) < 2:
        return "-"
    cuts = statistics.quantiles(took, n=100)
    return f"{cuts[49] * 1000:.2f} / {cuts[98] * 1000:.2f}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="bench.journal", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each line")
    parser.add_argument("--data", type=Path, default=Path("."), help="a directory on the disk to be measured")
    arguments = parser.parse_args()
    table = Table("groups/s asked", "synced", "facts/s", "written p50/p99 ms", "synced p50/p99 ms", "facts a commit")
    with tempfile.TemporaryDirectory(dir=arguments.data) as directory:
        flushes, flush_ms = disk(Path(directory), arguments.seconds)
        for rate in (*RATES, 0):
            for share in (0, SYNCED_SHARE):
                data = Path(directory) / f"{rate}-{share}"
                data.mkdir()
                load = Load(data, rate, share)
                facts = load.run(arguments.seconds)
                table.add_row(
                    f"{rate or 'all it takes'}", f"1 in {share}" if share else "none", f"{facts:,.0f}",
                    shown(load.took[False]), shown(load.took[True]), f"{statistics.mean(load.sizes):.1f}",
                )  # fmt: skip
    console = Console()
    console.print(table)
    console.print(f"the disk alone: {flushes:,.0f} flushes of {FLUSH_BYTES} bytes a second, median {flush_ms:.2f} ms")


if __name__ == "__main__":
    main()
