"""What the review of an incident is made of, read from the journal: with or without a running node."""

import json
import sqlite3
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact
from keepline.call.facts.message import MESSAGES, MessageSent
from keepline.call.facts.path import PATHS, PathStood
from keepline.call.runs.starting import run_id
from keepline.call.unfinished.shown import shown
from keepline.flow.telling import DELIVERY, GREET, PUBLISH, message_key
from keepline.incident.book import IncidentBook
from keepline.incident.plays import PlaybookRuns
from keepline.incident.review import BEFORE_S, REVIEW_FACTS, Reviewed, ReviewedRun
from keepline.incident.sla import month_of
from keepline.model.limits_playbooks import REVIEW_FACTS_MAX
from keepline.model.messages import CALLERS, PAGE
from keepline.model.money import MoneySettings
from keepline.node.journal_file import connect, decode
from keepline.node.journal_incidents import incident_facts
from keepline.node.journal_plays import play_facts
from keepline.node.journal_work import work_items
from keepline.node.paths import NodePaths

_OUTLETS: Final = ((CALLERS, GREET, "callers"), (PAGE, PUBLISH, "page"))
"""What is told by no contact's channel: audience, flow, and the end of the run's key."""
_AT: Final = "SELECT body FROM facts WHERE seq >= ? AND body != x'' ORDER BY seq LIMIT 1"
_OWN: Final = "SELECT kind, body FROM facts WHERE call = ? AND body != x'' ORDER BY seq"
_PATHS: Final = "SELECT kind, body FROM facts WHERE call = ? AND kind = ? AND body != x'' ORDER BY seq"
_RUN: Final = "SELECT began_at, ending FROM runs WHERE run = ?"


def reviewed(data: Path, incident: str, money: MoneySettings | None, now_s: float) -> Reviewed:
    """Everything about an incident. Raises `KeyError` where there is none of this id."""
    connection = connect(NodePaths(data).journal)
    try:
        last = int(connection.execute("SELECT coalesce(max(seq), 0) FROM facts").fetchone()[0])
        book = IncidentBook(incident_facts(connection, last))
        found = book.incidents[incident]
        own = [decode(kind, body) for kind, body in connection.execute(_OWN, (incident,))]
        until_s = found.closed_at_s or now_s
        month_s = month_of(until_s)[1]
        return Reviewed(
            found,
            own,  # type: ignore[arg-type]
            _meanwhile(connection, last, found.opened.since_s - BEFORE_S, until_s),
            PlaybookRuns(play_facts(connection, [incident], last)).plays.get(incident),
            _messages(connection, incident),
            [shown(item) for item in work_items(connection, with_closed=False)],
            money,
            until_s,
            _stood(connection, until_s),
            [
                (each.opened.since_s, each.closed_at_s or until_s)
                for each in book.incidents.values()
                if each.exercise and (each.closed_at_s or until_s) > month_s[0] and set(each.paths) & set(found.paths)
            ],
        )
    finally:
        connection.close()


def _stood(connection: sqlite3.Connection, until_s: float) -> list[PathStood]:
    """How paths stood until then, as far back as the journal goes."""
    rows = connection.execute(_PATHS, (PATHS, PathStood.kind))
    facts = (decode(kind, body) for kind, body in rows)
    return [fact for fact in facts if isinstance(fact, PathStood) and fact.at_s <= until_s]


def _messages(connection: sqlite3.Connection, incident: str) -> list[ReviewedRun]:
    """Each delivery, greeting and publication of this incident's messages, in order."""
    facts = [decode(kind, body) for kind, body in connection.execute(_OWN, (MESSAGES,))]
    found = []
    for sent in [fact for fact in facts if isinstance(fact, MessageSent) and fact.incident == incident]:
        whom = [(DELIVERY, contact) for contact in sent.contacts]
        whom += [(flow, name) for audience, flow, name in _OUTLETS if sent.audience == audience]
        for flow, name in whom:
            run = run_id("key", flow, message_key(sent.message, name))
            row = connection.execute(_RUN, (run,)).fetchone()
            if row is not None:
                found.append(ReviewedRun(run, f"{sent.stage}, {sent.audience}: {name}", *row))
    return found


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
