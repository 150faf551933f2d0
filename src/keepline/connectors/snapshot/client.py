"""Answers questions from the copy, and says how old it is. One that is too old, or lacks the row, is no answer.

A row that is missing says nothing: it may be newer than the copy.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from keepline.connectors.interface import Asked
from keepline.connectors.revealing import has_secret
from keepline.connectors.snapshot.file import CopyPlace, open_copy
from keepline.connectors.threads import Threads, ThreadsStuckError
from keepline.flow.capabilities import Reply, Unavailable, UseOutcome

THREADS: Final = 2
FIND: Final = "SELECT fields, taken_at_s FROM copy LEFT JOIN answers ON action = ? AND key = ?"


class SnapshotConnector:
    """One path's copy, which somebody else makes."""

    def __init__(self, place: CopyPlace, age_s_max: float, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since the epoch, as the maker of the copy has them."""
        self._place, self._age_s_max, self._clock = place, age_s_max, clock
        self._threads = Threads(THREADS, "snapshot")

    async def ask(self, asked: Asked) -> UseOutcome:
        """The row that the argument names, from the newest copy."""
        key = asked.arguments.get(asked.action.key)
        if key is None or has_secret(key):
            return Unavailable(f"it needs `{asked.action.key}`")
        try:
            found: UseOutcome = await self._threads.run(lambda: self._find(asked.name, key_text(key)))
        except ThreadsStuckError as stuck:
            return Unavailable(str(stuck))
        return found

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.close()

    def _find(self, action: str, key: str) -> UseOutcome:
        if not self._place.file.exists():
            return Unavailable("there is no copy yet")
        connection: sqlite3.Connection | None = None
        try:
            connection = open_copy(self._place)
            row = connection.execute(FIND, (action, key)).fetchone()
        except sqlite3.Error as error:
            return Unavailable(f"the copy cannot be read: {error}")
        finally:
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        if row is None:
            return Unavailable("the copy cannot be read: it is empty")
        fields, taken_at_s = row
        age_s = max(0.0, self._clock() - taken_at_s)
        if age_s > self._age_s_max:
            return Unavailable(f"the copy is {age_s:.0f} s old, more than {self._age_s_max:g} s")
        if fields is None:
            return Unavailable(f"the copy, {age_s:.0f} s old, does not have it")
        return Reply(json.loads(fields), max(round(age_s, 1), 0.1))


def key_text(value: object) -> str:
    """A key as it is compared: `100001` is found by text and by number."""
    return str(value).strip()
