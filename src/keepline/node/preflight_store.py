"""What the last preflight found, kept beside the journal: a status tells of it, and who looks by itself knows when."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from keepline.paths.capacity import PreflightFinding

FILE: Final = "preflight.json"
TOLD_MAX: Final = 10
"""Of what failed, in a status."""


def keep(data: Path, findings: Sequence[PreflightFinding], at_s: float) -> None:
    """Put it in the place of the one before; raises OSError as the disk does."""
    told = {"at": at_s, "findings": [asdict(each) for each in findings]}
    aside = data / f".{FILE}.{os.getpid()}.tmp"
    aside.write_text(json.dumps(told), encoding="utf-8")
    aside.replace(data / FILE)


def kept(data: Path) -> tuple[float, list[PreflightFinding]] | None:
    """When the last one was, and what it found; None where there is none that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        told = json.loads((data / FILE).read_text(encoding="utf-8"))
        return float(told["at"]), [PreflightFinding(**each) for each in told["findings"]]
    return None


def with_preflight(status: Mapping[str, object], data: Path) -> dict[str, object]:
    """A node's status, with what the last preflight found."""
    last = kept(data)
    if last is None:
        return dict(status)
    at_s, findings = last
    bad = [each for each in findings if not each.ok]
    told = {"at": at_s, "passed": len(findings) - len(bad), "failed": len(bad)}
    before = status.get("trouble")
    troubles = [f"preflight: {each.what}; {each.fix}" for each in bad[:TOLD_MAX]]
    return {**status, "preflight": told, "trouble": [*(before if isinstance(before, list) else ()), *troubles]}
