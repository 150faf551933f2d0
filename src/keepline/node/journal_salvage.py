"""What of a damaged journal goes on in the next one: open calls and runs, and what they or their askers count on.

A run that waits may join one that has ended; a start with a key, or an event under an id, must count once: so runs that
ended and events that were heard are copied too, as far as room is, the last ones first. What cannot be read whole is
left behind, since going on from half of it could repeat what was done, and is said on the work list.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from keepline.model.limits_incidents import INCIDENTS_KEPT_MAX
from keepline.model.limits_runs import RESCUED_ENDED_MAX
from keepline.node import journal_schema
from keepline.proof.entry import digest_of

if TYPE_CHECKING:
    from keepline.call.facts import Fact

OPEN_CALLS: Final = (
    "SELECT call FROM calls WHERE ended_at IS NULL UNION SELECT call FROM work WHERE closed_at IS NULL ORDER BY call"
)
OPEN_RUNS: Final = "SELECT run FROM runs WHERE ended_at IS NULL ORDER BY run"
DUE_RUNS: Final = "SELECT run FROM runs WHERE due_at <= ? ORDER BY due_at LIMIT ?"
OF_CALL: Final = "SELECT seq, kind, body, salt, digest FROM facts WHERE call = ? ORDER BY seq"
_AWAITED: Final = "SELECT DISTINCT substr(subject, 6) FROM runs WHERE subject LIKE 'call %' AND ended_at IS NULL"
_ENDED_RUNS: Final = """SELECT run FROM runs WHERE ended_at IS NOT NULL AND (key != '' OR parent IN
  (SELECT run FROM runs WHERE ended_at IS NULL)) ORDER BY ended_at DESC LIMIT ?"""
_KEPT_EVENTS: Final = "SELECT id FROM events WHERE kept"
_HEARD_EVENTS: Final = "SELECT id FROM events WHERE NOT kept ORDER BY at DESC LIMIT ?"
_WHO: Final = "SELECT flow, key, operation, parent FROM runs WHERE run = ?"
STANDING: Final = ("numbers", "paths", "mode", "messages", "people")
"""Under these names stands where numbers point, what people want of paths and decide, the mode, and what was told: a
number that is away must return, and nobody is told twice."""
_INCIDENTS: Final = "SELECT DISTINCT call FROM facts WHERE call >= 'INC-' AND call < 'INC.' ORDER BY call DESC LIMIT ?"
_LAST: Final = 1 << 62
"""The number of what is new, behind all that was."""
log = structlog.get_logger("supervisor")


@dataclass(slots=True)
class Salvage:
    """What was found: facts in the order in which they came true."""

    facts: "list[Fact]" = field(default_factory=list)
    calls: int = 0
    runs: int = 0
    """That were open."""
    lost: list[str] = field(default_factory=list)
    """Ids of calls and runs that were open and cannot go on."""
    epoch: int = 0


def wrong_in(facts: Iterable[tuple[int, str, bytes, bytes, bytes]]) -> str:
    """The first fact that is not what its digest says; one whose words were erased proves nothing."""
    for seq, _, body, salt, digest in facts:
        is_whole = isinstance(body, bytes) and isinstance(salt, bytes)
        if not is_whole or ((body or salt) and digest_of(salt, seq, body) != digest):
            return f"fact {seq} is not as it was written"
    return ""


def has_runs(connection: sqlite3.Connection) -> bool:
    """Whether the journal is of a version that had runs."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone() is not None


def salvage(path: Path, aside: str) -> Salvage:
    """Read what can be read of the journal at `path`, which was set aside under a name."""
    found = Salvage()
    try:
        with contextlib.closing(journal_schema.connect(path, read_only=True)) as connection:
            with contextlib.suppress(sqlite3.Error, TypeError):
                found.epoch = int(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
            found.facts = [fact for _, fact in sorted(_facts(connection, found, aside), key=lambda each: each[0])]
    except sqlite3.Error as error:
        log.error("journal_unreadable", what=str(error), meaning="nothing that was open can go on")
    return found


def _facts(connection: sqlite3.Connection, found: Salvage, aside: str) -> "Iterator[tuple[int, Fact]]":
    """Facts with their old numbers; those that are new come last."""
    with_runs, known = has_runs(connection), set[str]()
    for name in (*STANDING, *_ids(connection, _INCIDENTS, INCIDENTS_KEPT_MAX)):
        yield from _whole(connection, name)
    open_calls, open_runs = _ids(connection, OPEN_CALLS), set(_ids(connection, OPEN_RUNS) if with_runs else ())
    found.calls, found.runs = len(set(open_calls) - open_runs), len(open_runs)
    for id_ in [*open_calls, *sorted(open_runs)]:
        if id_ in known:
            continue
        known.add(id_)
        facts = _whole(connection, id_)
        yield from facts
        if not facts:
            found.lost.append(id_)
            found.runs -= id_ in open_runs
            found.calls -= id_ not in open_runs
            yield _LAST, _left_behind(connection, id_, aside)
    if not with_runs:
        return
    more = [*_ids(connection, _AWAITED), *_ids(connection, _ENDED_RUNS, RESCUED_ENDED_MAX)]
    for id_ in [*more, *_ids(connection, _KEPT_EVENTS)]:
        if id_ not in known:
            known.add(id_)
            yield from _whole(connection, id_)
    for event in _ids(connection, _HEARD_EVENTS, RESCUED_ENDED_MAX):
        yield from _heard(_whole(connection, event))


def _ids(connection: sqlite3.Connection, query: str, *values: Any) -> list[str]:
    """As many as can be read."""
    found: list[str] = []
    with contextlib.suppress(sqlite3.Error):
        for row in connection.execute(query, values):
            found.append(str(row[0]))
    return found


def _whole(connection: sqlite3.Connection, id_: str) -> "list[tuple[int, Fact]]":
    """The facts of one id; none where any of them cannot be read."""
    from keepline.model.errors import LocalError
    from keepline.node.journal_file import decode  # it knows every fact, which no other start needs

    try:
        rows = connection.execute(OF_CALL, (id_,)).fetchall()
        if wrong_in(rows):
            return []
        return [(seq, decode(kind, body)) for seq, kind, body, _, _ in rows if body]
    except (sqlite3.Error, LocalError):
        return []


def _heard(facts: "list[tuple[int, Fact]]") -> "list[tuple[int, Fact]]":
    """An event is not to be heard again, though the fact that it was is another's."""
    from keepline.call.facts.run import EventForgotten, EventTold

    if len(facts) != 1:
        return facts
    seq, told = facts[0]
    if not isinstance(told, EventTold):
        return facts
    return [(seq, told), (seq, EventForgotten(told.call, told.at_s, told.event, told.key))]


def _left_behind(connection: sqlite3.Connection, id_: str, aside: str) -> "Fact":
    """An item for whoever finishes it by hand, with what the tables say of it."""
    from keepline.call.facts.work import WorkOpened
    from keepline.call.unfinished.book import CALL_BROKEN, RUN_FAILED

    why = f"its facts cannot be read whole any more: what is left of them is in {aside}"
    at_s = time.time()
    if not id_.startswith("r"):
        return WorkOpened(id_, at_s, f"{id_}-broken", CALL_BROKEN, why, "", "", "")
    row = None
    with contextlib.suppress(sqlite3.Error):
        row = connection.execute(_WHO, (id_,)).fetchone()
    flow, key, of, parent = map(str, row or ("", "", "", ""))
    return WorkOpened(id_, at_s, f"{id_}-failed", RUN_FAILED, why, flow, "", "", operation=of, key=key, parent=parent)
