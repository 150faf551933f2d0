"""What became of drills: a journal of each run as a file, what counts as passed, and which paths were never drilled.

A journal is written again after every step, so one that has no `end` was cut off; `running.json` beside them says what
such a run may have left, for whoever looks next.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keepline.drill.holder import born
from keepline.model.limits_drills import DRILL_RUNS_KEPT_MAX, PASS_COUNTS_DAYS

if TYPE_CHECKING:
    from keepline.drill.experiment import Drill

RUNNING = "running.json"
"""What a run may leave that is under way; of several beside each other the others' have a number in their name."""
SUFFIX = ".json"
DAY_S = 86_400.0
COMPARED = {
    "detected_after_s": "s until it was detected", "failed_on_a_healthy_carrier": "calls failed",
    "customers_who_called_again": "customers delayed", "lost": "customers lost", "audio_faults": "audio gaps",
    "back_after_s": "s until it was back",
}  # fmt: skip
"""What of the score card is compared with the last run, and its name for a person."""


def running(lane: int = 0) -> str:
    """The name of that file."""
    return f"running{lane}.json" if lane else RUNNING


def is_running(noted: Mapping[str, Any]) -> bool:
    """Whether the process that wrote such a file is still there."""
    return noted.get("born") is not None and born(int(noted["pid"])) == noted["born"]


def run_name(run: Mapping[str, Any]) -> str:
    """By which the journal of a run is called."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(float(run['start'])))}-{run['drill']}"


def all_running(directory: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every such file that can be read, and what it says."""
    found = []
    for file in sorted(directory.glob("running*.json")):
        try:
            noted = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(noted, dict):
            found.append((file, noted))
    return found


def keep(directory: Path, name: str, said: Mapping[str, Any]) -> Path:
    """Write a file whole, or not at all; synced, since whoever reads it next may do so after a crash."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / name
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8") as out:
        json.dump(said, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
    return file


def read_runs(directory: Path) -> list[dict[str, Any]]:
    """Every run, the oldest first; what is no journal is passed over."""
    runs = []
    for file in sorted(directory.glob("*-*.json")):
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(said, dict) and "drill" in said:
            runs.append(said)
    return sorted(runs, key=lambda run: float(run["start"]))


def forget(directory: Path, keep_runs: int = DRILL_RUNS_KEPT_MAX) -> int:
    """Remove the oldest runs beyond the limit; how many."""
    files = sorted(directory.glob("*-*.json"))
    for file in files[: max(0, len(files) - keep_runs)]:
        file.unlink()
    return max(0, len(files) - keep_runs)


def has_passed(run: Mapping[str, Any]) -> bool:
    """Completed, the steady state as before, and nothing left of the faults."""
    return run.get("status") == "completed" and not run.get("deviated") and bool(run.get("rollback_verified"))


def before(runs: Sequence[Mapping[str, Any]], drill: str, production: str = "") -> Mapping[str, Any] | None:
    """The last run of a drill that has a score card; `production` is the operation that it was run against, if any."""
    of_it = (run for run in reversed(runs) if run["drill"] == drill and run.get("production", "") == production)
    return next((run for run in of_it if run.get("card")), None)


def against(card: Mapping[str, Any], last: Mapping[str, Any] | None) -> list[str]:
    """What is different from the last run, a line each."""
    if last is None:
        return ["the first run of this drill"]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(last["start"])))
    lines = []
    for key, name in COMPARED.items():
        was, now = last["card"].get(key), card.get(key)
        if was != now:
            lines.append(f"{name}: {_shown(now)}, was {_shown(was)} on {when}")
    return lines or [f"as on {when}"]


def _shown(value: object) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Covered:
    """One path, and its drills."""

    path: str
    standing: str
    """`drilled`, `expired`, `failed`, `never`, or `no drill`."""
    drills: tuple[str, ...] = ()
    passed_at: float | None = None

    def words(self) -> str:
        """On a line."""
        when = "" if self.passed_at is None else time.strftime(" %Y-%m-%d", time.localtime(self.passed_at))
        return f"{self.path:<28} {self.standing}{when}  {', '.join(self.drills)}".rstrip()


def coverage(
    paths: Iterable[str], drills: "Iterable[Drill]", runs: Sequence[Mapping[str, Any]], now_s: float
) -> list[Covered]:
    """Each path, and whether a drill of it was passed within `PASS_COUNTS_DAYS`."""
    by_path: dict[str, list[str]] = {}
    for drill in drills:
        by_path.setdefault(drill.path, []).append(drill.name)
    return [_covered(path, tuple(by_path.get(path, ())), runs, now_s) for path in paths]


def _covered(path: str, names: tuple[str, ...], runs: Sequence[Mapping[str, Any]], now_s: float) -> Covered:
    if not names:
        return Covered(path, "no drill")
    of_it = [run for run in runs if run["drill"] in names]
    passed = [float(run["start"]) for run in of_it if has_passed(run)]
    if passed:
        standing = "drilled" if now_s - passed[-1] <= PASS_COUNTS_DAYS * DAY_S else "expired"
        if not has_passed(of_it[-1]):
            standing = "failed"
        return Covered(path, standing, names, passed[-1])
    return Covered(path, "failed" if of_it else "never", names)
