"""Every drill, one after another or a few beside each other, each in a process of its own, within a stated time.

Each run has a session of its own, and so its own share of the processors where the kernel shares them out by session.
A run that takes longer than any should is told to end, rolls back, and counts as not passed; one that does not do that
either is killed, and its faults end by themselves. It plants nothing and judges nothing by itself.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from keepline.model.limits_drills import DRILL_ENDS_WITHIN_S, DRILL_RUN_S_MAX

Run = Mapping[str, Any]


@dataclass(slots=True)
class AllDrills:
    """What is to be run, how many beside each other, and where their journals go."""

    names: Sequence[str]
    history: Path
    at_once: int
    lane_variable: str
    """Of the environment: which of them a process is."""
    command: Sequence[str] = (sys.executable, "-m", "keepline.cli", "drill", "run")
    run_s_max: float = DRILL_RUN_S_MAX
    ends_within_s: float = DRILL_ENDS_WITHIN_S
    _lanes: SimpleQueue[int] = field(default_factory=SimpleQueue)
    _running: list[subprocess.Popen[str]] = field(default_factory=list)
    _aborted: bool = False

    @property
    def seconds_max(self) -> float:
        """It does not take longer."""
        return -(-len(self.names) // self.at_once) * (self.run_s_max + self.ends_within_s)

    def run(self, told: Callable[[Run], None]) -> list[Run]:
        """All of them; `told` is given the journal of each as it ends."""
        for lane in range(1, self.at_once + 1):
            self._lanes.put(lane)
        found: list[Run] = []

        def one(name: str) -> None:
            journal = self._one(name)
            found.append(journal)
            told(journal)

        with ThreadPoolExecutor(self.at_once) as pool:
            list(pool.map(one, self.names))
        return sorted(found, key=lambda journal: self.names.index(journal["drill"]))

    def abort(self) -> None:
        """End those that run, each with its rollback, and begin no other."""
        self._aborted = True
        for process in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    def _one(self, name: str) -> Run:
        nothing = {"drill": name, "status": "aborted", "passed": False, "card": None, "rollback_verified": None}
        if self._aborted:
            return nothing
        lane = self._lanes.get()
        try:
            command = [*self.command, name, "--json", "--history", str(self.history)]
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                env=os.environ | {self.lane_variable: str(lane)}, start_new_session=True,
            ) as process:  # fmt: skip
                self._running.append(process)
                said, in_time = self._wait(process)
                self._running.remove(process)
        finally:
            self._lanes.put(lane)
        for line in reversed(said.splitlines()):
            with contextlib.suppress(ValueError):
                journal = json.loads(line)
                if isinstance(journal, dict) and "drill" in journal:
                    # Whoever ends one of them, by its button or by `keepline drill abort`, wants an end of it.
                    self._aborted = self._aborted or (in_time and journal.get("status") == "aborted")
                    return journal
        return nothing | {"status": "failed", "error": "it said nothing"}

    def _wait(self, process: "subprocess.Popen[str]") -> tuple[str, bool]:
        """What it said, and whether it ended before it was told to."""
        for end, within_s in ((process.terminate, self.run_s_max), (process.kill, self.ends_within_s)):
            try:
                return process.communicate(timeout=within_s)[0], end == process.terminate
            except subprocess.TimeoutExpired:
                end()
        return process.communicate()[0], False


COLUMNS = ("drill", "", "detected", "rerouted", "failed", "delayed", "lost", "gaps", "back", "rolled back")


def table_lines(runs: Sequence[Run]) -> Iterator[str]:
    """A line for each run, one above them, and why each is not passed that is not."""
    rows = [COLUMNS, *(_row(run) for run in runs)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for run in runs:
        yield from (f"{run['drill']}: {why}" for why in run.get("why") or ([run["error"]] if "error" in run else []))
    passed = sum(bool(run["passed"]) for run in runs)
    yield f"{passed} of {len(runs)} passed"


def detected_words(card: Mapping[str, Any]) -> str:
    """Whether and when the node noticed."""
    return {True: f"after {card['detected_after_s']} s", False: "no", None: "-"}[card["detected"]]


def back_words(card: Mapping[str, Any]) -> str:
    """How long after the fault's end all of it was back through its gate; `-` where nothing had to come back."""
    after_s = card.get("back_after_s")
    return f"after {after_s:g} s" if after_s is not None else "no" if card.get("incidents") else "-"


def _row(run: Run) -> tuple[str, ...]:
    verdict, card = ("passed" if run["passed"] else f"NOT ({run['status']})"), run["card"]
    rolled = {True: "yes", False: "NO", None: "-"}[run["rollback_verified"]]
    if not card:
        return (run["drill"], verdict, "-", "-", "-", "-", "-", "-", "-", rolled)
    counts = ("failed_on_a_healthy_carrier", "customers_who_called_again", "lost", "audio_faults")
    return (
        run["drill"], verdict, detected_words(card), str(card["rerouted"]), *(str(card[name]) for name in counts),
        back_words(card), rolled,
    )  # fmt: skip
