"""The copies that a node's `snapshot` paths answer from: which there are, and how old each is.

Who makes them (the desk) may be dead, so how they are is read from the disk by whoever asks.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepline.connectors.snapshot.file import FOLDER, CopyPlace, copy_place, failure_of, taken_at_s
from keepline.model.capability import CapabilityAction, Snapshot
from keepline.model.operation import Operation

LATE_AFTER: Final = 3
"""Times `every_s`: an older copy is a trouble, since somebody should look why."""


@dataclass(frozen=True, slots=True)
class CopyTask:
    """One path's copy."""

    name: str
    """CAPABILITY/PATH."""
    place: CopyPlace
    snapshot: Snapshot
    actions: Mapping[str, CapabilityAction]


def copy_tasks(operation: Operation, data: Path) -> list[CopyTask]:
    """Every snapshot that an operation has."""
    return [
        CopyTask(f"{capability.name}/{path.name}", place, path.connector, path.actions)
        for capability in operation.capabilities.values()
        for path in capability.paths
        if isinstance(path.connector, Snapshot)
        for place in (copy_place(data, capability.name, path.name, path.connector, path.actions),)
    ]


def with_copies(status: Mapping[str, object], data: Path) -> dict[str, object]:
    """A node's status, and how its copies are."""
    found: dict[str, object] = {**status, "copies": {}}
    digest = status.get("operation")
    if not (data / FOLDER).is_dir() or not isinstance(digest, str):
        return found
    from keepline.config import load_stored  # most nodes' status does without what this imports

    now_s = time.time()
    told: dict[str, object] = {}
    troubles: list[str] = []
    for task in copy_tasks(load_stored(data, digest), data):
        at_s, why = taken_at_s(task.place), failure_of(task.place)
        age_s = max(0.0, now_s - at_s) if at_s is not None else None
        if age_s is None or age_s > LATE_AFTER * task.snapshot.every_s:
            state = "there is no copy" if age_s is None else f"the copy is {age_s:.0f} s old"
            troubles.append(": ".join(each for each in (task.name, state, why) if each))
        told[task.name] = {"age_s": round(age_s, 1) if age_s is not None else None, "why": why}
    before = found.get("trouble")
    return found | {"copies": told, "trouble": [*(before if isinstance(before, list) else ()), *troubles]}
