"""When the calls of the last days began and ended, as the journal's list of calls has it: the busiest time of them."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from keepline.node.journal_file import FILE_NAME, connect
from keepline.paths.capacity import Peak, busiest

LOOKS_BACK_S: Final = 7 * 86_400.0
LASTS_S: Final = 7_200.0
"""A call that has not ended is taken to last so long."""
_ID_MS: Final = 1 << 44


def busiest_of(data: Path, now_s: float | None = None) -> Peak:
    """The peak of the last week; nothing at all where there is no journal."""
    path = data / FILE_NAME
    if not path.exists():
        return Peak(0.0, 0)
    now_s = time.time() if now_s is None else now_s
    # The id of a call begins with the time at which it began, in milliseconds, as 11 hex digits.
    first = f"{int((now_s - LOOKS_BACK_S) * 1000) % _ID_MS:011x}"
    connection = connect(path, read_only=True)
    try:
        rows = connection.execute("SELECT call, ended_at FROM calls WHERE call >= ? ORDER BY call", (first,))
        high = int(now_s * 1000) // _ID_MS * _ID_MS
        begun = ((_begun_s(call, high), ended_at) for call, ended_at in rows)
        return busiest((at_s, ended_at if ended_at else at_s + LASTS_S) for at_s, ended_at in begun if at_s <= now_s)
    except sqlite3.Error:
        return Peak(0.0, 0)
    finally:
        connection.close()


def _begun_s(call: str, high_ms: int) -> float:
    try:
        return (high_ms + int(call[:11], 16)) / 1000
    except ValueError:
        return float("inf")
