"""What the review of an incident is made of, read from the journal: with or without a running node."""

import json
import sqlite3
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact
from keepline.call.unfinished.shown import shown
from keepline.incident.book import IncidentBook
from keepline.incident.plays import PlaybookRuns
from keepline.incident.review import BEFORE_S, REVIEW_FACTS, Reviewed, ReviewedRun
from keepline.model.limits_playbooks import REVIEW_FACTS_MAX
from keepline.model.money import MoneySettings
from keepline.node.journal_file import connect, decode
from keepline.node.journal_incidents import incident_facts
from keepline.node.journal_plays import play_facts
from keepline.node.journal_work import work_items
from keepline.node.paths import NodePaths

_AT: Final = "SELECT body FROM facts WHERE seq >= ? AND body != x'' ORDER BY seq LIMIT 1"
_OWN: Final = "SELECT kind, body FROM facts WHERE call = ? AND body != x'' ORDER BY seq"
_MESSAGES: Final = "SELECT run, key, began_at, ending FROM runs WHERE key >= ? AND key < ? ORDER BY began_at"


def reviewed(data: Path, incident: str, money: MoneySettings | None, now_s: float) -> Reviewed:
    """Everything about an incident. Raises `KeyError` where there is none of this id."""
    connection = connect(NodePaths(data).journal)
    try:
        last = int(connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()[0])
        found = IncidentBook(incident_facts(connection, last)).incidents[incident]
        own = [decode(kind, body) for kind, body in connection.execute(_OWN, (incident,))]
        until_s = found.closed_at_s or now_s
        key = f"message:{incident}"
        rows = connection.execute(_MESSAGES, (key, key + "\x7f")).fetchall()
        return Reviewed(
            found,
            own,  # type: ignore[arg-type]
            _meanwhile(connection, last, found.opened.since_s - BEFORE_S, until_s),
            PlaybookRuns(play_facts(connection, [incident], last)).plays.get(incident),
            [ReviewedRun(*row) for row in rows],
            [shown(item) for item in work_items(connection, with_closed=False)],
            money,
            until_s,
        )
    finally:
        connection.close()


def _meanwhile(connection: sqlite3.Connection, last: int, since_s: float, until_s: float) -> list[Fact]:
    kinds = [each.kind for each in REVIEW_FACTS]
    marks = ", ".join("?" * len(kinds))
    query = f"SELECT kind, body FROM facts WHERE seq >= ? AND kind IN ({marks}) AND body != x'' ORDER BY seq LIMIT ?"
    found = []
    for kind, body in connection.execute(query, (position_at(connection, last, since_s), *kinds, REVIEW_FACTS_MAX)):
        fact = decode(kind, body)
        if fact.at_s > until_s:
            break
        found.append(fact)
    return found


def position_at(connection: sqlite3.Connection, last: int, at_s: float) -> int:
    """The place of the first fact of that time: halved again and again, since facts stand in the order of time."""
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(_AT, (middle,)).fetchone()
        if row is not None and float(json.loads(row[0]).get("at_s", 0.0)) < at_s:
            low = middle + 1
        else:
            high = middle
    return low
