"""Has a node look by itself, as often as its operation says, whether it could do without each carrier.

A thread of the desk's, so that no call waits for it; what is found is kept, told by the status, and logged where it
fails. Who has just begun looks once what was found last is old enough.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from keepline.desk.following import keep_on
from keepline.model.errors import KeeplineError
from keepline.model.operation import Operation
from keepline.node.asking import ask_until_answered
from keepline.node.preflight import Checker, failed
from keepline.node.preflight_store import keep, kept
from keepline.paths.capacity import PreflightFinding

PAUSE_S_MIN: Final = 5.0
Look = Callable[[Operation], list[PreflightFinding]]
log = structlog.get_logger("preflight")


class Preflighting:
    """The looks of one node."""

    def __init__(self, data: Path, look: Look | None = None) -> None:
        """`look` stands in for a look at the node in tests."""
        self._data = data
        self._look = look or self._look_at_node
        self._failed_at_s = 0.0

    def begin(self, operation: Operation) -> list[threading.Event]:
        """Look as often as an operation says."""
        every_s = operation.preflight.every_s
        if not every_s:
            return []
        return [
            keep_on(
                "preflight", lambda now_s: self.attend(operation, now_s), lambda now_s: self.pause_s(every_s, now_s)
            )
        ]

    def pause_s(self, every_s: float, now_s: float) -> float:
        """Until the next look is due."""
        last = kept(self._data)
        return max(PAUSE_S_MIN, max(last[0] if last else 0.0, self._failed_at_s) + every_s - now_s)

    def attend(self, operation: Operation, now_s: float) -> None:
        """Look, and keep what is found. Whatever goes wrong is logged, and tried again when the next look is due."""
        try:
            findings = self._look(operation)
            keep(self._data, findings, now_s)
        except (KeeplineError, OSError, ValueError, sqlite3.Error) as error:
            self._failed_at_s = now_s
            log.error("preflight_broken", what=str(error))
            return
        for each in failed(findings):
            log.warning("preflight_failed", check=each.check, what=each.what, fix=each.fix)
        log.info("preflight", passed=len(findings) - len(failed(findings)), failed=len(failed(findings)))

    def _look_at_node(self, operation: Operation) -> list[PreflightFinding]:
        return Checker(self._data, operation, lambda request: ask_until_answered(self._data, request)).findings()
