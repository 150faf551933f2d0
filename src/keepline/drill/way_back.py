"""The way back of what a drill broke: the incidents of its node, each marked as an exercise, and their recovery gates.

What failed is back when the gate of its incident has passed, and not when it has answered once. The gate of a drill's
node is the usual one with shorter times; its tests, its shares and what leads it back to its beginning are the same.
It refuses to wait for ever: what is not back in time has not come back, and the reason is the gate's own.
"""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

Told = Mapping[str, Any]
GATE_HOLD_S, GATE_STEP_S = 3.0, 2.0
"""Of the gate of a drill's node: what takes minutes in earnest is seconds here."""
ASKED_WITHIN_S: Final = 5.0
BACK: Final = ("restored", "closed")
STAT: Final = Path("/proc/stat")
IDLE: Final = (3, 4)
"""Places of `idle` and `iowait` of proc_stat(5)."""


def overrides(drill: str) -> list[str]:
    """What marks a node's incidents as of this drill, and has them come back within seconds; for `keepline up`."""
    settings = {"exercise": drill, "gate.hold_s": f"{GATE_HOLD_S:g}", "gate.step_s": f"{GATE_STEP_S:g}"}
    return [word for name, value in settings.items() for word in ("--set", f"incidents.{name}={value}")]


def incidents_of(http: str) -> list[dict[str, Any]]:
    """Those of the node whose desk is at HOST:PORT, the oldest first; OSError or ValueError where it does not say."""
    with urllib.request.urlopen(f"http://{http}/api/incidents", timeout=ASKED_WITHIN_S) as answer:
        return sorted(json.load(answer)["incidents"], key=lambda each: float(each["opened_at"]))


def all_back(incidents: Sequence[Told]) -> bool:
    """Every gate has passed."""
    return all(each["phase"] in BACK for each in incidents)


def back_after_s(incidents: Sequence[Told], back_at: float) -> float | None:
    """Seconds from the fault's end until the last gate had passed; None where one has not, or there is none."""
    if not incidents or not all_back(incidents):
        return None
    return round(max(0.0, max(float(each["restored_at"] or back_at) for each in incidents) - back_at), 1)


def shown(incidents: Sequence[Told]) -> list[dict[str, Any]]:
    """What a run's journal keeps of them."""
    names = ("id", "kind", "cause", "worst", "phase", "exercise", "evidence", "opened_at", "restored_at", "gate_why")
    return [{name: each[name] for name in names} for each in incidents]


def machine_ticks() -> tuple[int, int]:
    """How long this machine's processors have worked, and how long they have been there, since it started."""
    ticks = [int(word) for word in STAT.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return sum(ticks) - sum(ticks[place] for place in IDLE), sum(ticks)


def busy_share(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Of all the processor time in between."""
    passed = after[1] - before[1]
    return round((after[0] - before[0]) / passed, 2) if passed > 0 else 0.0
