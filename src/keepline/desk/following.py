"""Follows the operation that the node of a data directory runs: whoever works by it in the background begins anew with
each version. It refuses to know what the work is.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog

from keepline.config import load_stored
from keepline.model.errors import KeeplineError
from keepline.model.operation import Operation
from keepline.node.paths import NodePaths

LOOK_EVERY_S: Final = 1.0
PAUSE_AFTER_TROUBLE_S: Final = 10.0
Begin = Callable[[Operation], Sequence[threading.Event]]
"""Begins what an operation asks for, once what came before has been told to end: by these events."""


class Following:
    """One kind of work of one node."""

    def __init__(self, data: Path, name: str, begin: Begin) -> None:
        """`name` is what logs call it."""
        self._data, self._name, self._begin = data, name, begin
        self._digest = ""
        self._ended: Sequence[threading.Event] = ()
        self._rests_until_s = 0.0

    def attend(self, now_s: float) -> None:
        """Look; what goes wrong is logged, and tried again after a pause. `now_s` only ever grows."""
        if now_s < self._rests_until_s:
            return
        try:
            self.look()
        except (KeeplineError, OSError, ValueError, sqlite3.Error) as error:
            structlog.get_logger(self._name).error("operation_not_followed", what=str(error))
            self._rests_until_s = now_s + PAUSE_AFTER_TROUBLE_S

    def look(self) -> None:
        """Follow the node to another version of its operation."""
        digest = running_digest(self._data)
        if not digest or digest == self._digest:
            return
        operation = load_stored(self._data, digest)
        for each in self._ended:
            each.set()
        self._ended = self._begin(operation)
        self._digest = digest


def follow(works: Sequence[Following]) -> threading.Event:
    """Attend to all of them in one thread, until the event is set."""

    def attend(_: float) -> None:
        for each in works:
            each.attend(time.monotonic())

    return keep_on("following", attend, lambda _: LOOK_EVERY_S)


def keep_on(name: str, attend: Callable[[float], None], pause_s: Callable[[float], float]) -> threading.Event:
    """Attend to something in a thread, again and again after its pause, until the event is set.

    Both are told the time, in s since 1970.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(pause_s(time.time())):
            attend(time.time())

    threading.Thread(target=run, name=name, daemon=True).start()
    return ended


def running_digest(data: Path) -> str:
    """The version of the operation that the node of a data directory runs; empty while none runs."""
    try:
        found = json.loads(NodePaths(data).node_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("operation", "")) if isinstance(found, dict) else ""
