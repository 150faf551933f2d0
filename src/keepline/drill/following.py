"""How a drill is that runs, and what those came to that ran: read from the journals, for whoever follows from outside.

It refuses to change anything: who ends a drill is `keepline drill abort`, a process of its own.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keepline.drill.history import (
    SUFFIX,
    against,
    all_running,
    before,
    has_passed,
    is_running,
    read_runs,
    run_name,
)  # fmt: skip


def under_way(directory: Path) -> dict[str, Any] | None:
    """The journal of the drill that runs, or of one that was cut off and has left something; with `run`, `alive`."""
    for _, noted in all_running(directory):
        name = str(noted.get("file", ""))
        try:
            journal = json.loads((directory / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(journal, dict):
            return journal | {"run": name.removesuffix(SUFFIX), "alive": is_running(noted)}
    return None


def mark_of(directory: Path) -> tuple[tuple[str, int], ...]:
    """Another one whenever a journal is: cheap, for whoever asks often."""
    found = []
    for file in sorted(directory.glob("*.json")):
        try:
            found.append((file.name, file.stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(found)


def told_of(run: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], *, alive: bool) -> dict[str, Any]:
    """A run as JSON has it. `alive`: its process is there."""
    earlier = [each for each in runs if float(each["start"]) < float(run["start"])]
    card, production = run.get("card"), str(run.get("production", ""))
    ended = run.get("end") is not None
    status = str(run["status"]) if ended or alive else "cut off"
    return {
        "run": run_name(run),
        "drill": run["drill"], "title": run["title"], "path": run["path"], "by": run.get("by", ""),
        "production": production, "blast_radius": run["blast_radius"], "status": status,
        "passed": has_passed(run), "started_at": float(run["start"]),
        "ended_at": None if run.get("end") is None else float(run["end"]),
        "rollback_verified": run.get("rollback_verified"), "why": list(run.get("why", ())),
        "error": str(run.get("error", "")), "said": list(run.get("said", ())),
        "card": None if not card else card_told(card),
        "against": against(card, before(earlier, str(run["drill"]), production)) if card else [],
    }  # fmt: skip


def card_told(card: Mapping[str, Any]) -> dict[str, Any]:
    """The score card, in the words of the table of `docs/reference/drills.md`."""
    return {
        "calls": int(card["calls"]), "detected": card["detected"], "detected_after_s": card["detected_after_s"],
        "evidence": [str(each) for each in card.get("evidence", ())][:3], "rerouted": int(card["rerouted"]),
        "failed": int(card["failed_on_a_healthy_carrier"]), "delayed": int(card["customers_who_called_again"]),
        "lost": int(card["lost"]), "audio_gaps": int(card["audio_faults"]), "back_after_s": card.get("back_after_s"),
    }  # fmt: skip


def all_told(directory: Path, newest: int) -> list[dict[str, Any]]:
    """The newest runs that are over, the newest first."""
    runs = read_runs(directory)
    now = under_way(directory)
    current = now["run"] if now is not None and now["alive"] else ""
    over = [run for run in runs if run_name(run) != current]
    return [told_of(run, runs, alive=False) for run in reversed(over[-newest:])]
