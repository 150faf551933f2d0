"""The playbooks of incidents, as the journal tells of them: the facts of their runs, and of what waits to be heard.

The ids of the runs follow from the incident and from one another, so nothing is searched for.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact
from keepline.call.facts.run import RunStepEnded
from keepline.flow.playbook import STEP_SAID, step_key
from keepline.incident.book import IncidentBook
from keepline.incident.plays import PlaybookRuns, added_run, playbook_run
from keepline.model.limits_playbooks import PLAYBOOK_ADDED_MAX
from keepline.node.journal_file import connect, decode
from keepline.node.journal_incidents import incident_facts

_OF_CALL: Final = "SELECT seq, kind, body FROM facts WHERE call = ? AND seq <= ? AND body != x'' ORDER BY seq"
_KEPT: Final = "SELECT id FROM events WHERE kept = 1 AND event = ? AND key = ?"


def play_facts(connection: sqlite3.Connection, incidents: Sequence[str], last_seq: int) -> list[Fact]:
    """Facts of the playbooks of these incidents, in order, up to a position."""
    found: list[tuple[int, Fact]] = []
    for incident in incidents:
        own = _facts_of(connection, playbook_run(incident), last_seq)
        found += own
        children = [fact.value for _, fact in own if isinstance(fact, RunStepEnded) and fact.verb == "start"]
        for number in range(1, PLAYBOOK_ADDED_MAX + 1):
            added = _facts_of(connection, added_run(incident, number), last_seq)
            if not added:
                break
            found += added
        for child in children:
            found += _facts_of(connection, child, last_seq)
        for step in PlaybookRuns(fact for _, fact in sorted(found, key=lambda each: each[0])).steps_left(incident):
            for (event,) in connection.execute(_KEPT, (STEP_SAID, step_key(incident, step))).fetchall():
                found += _facts_of(connection, event, last_seq)
    return [fact for _, fact in sorted(found, key=lambda each: each[0])]


def _facts_of(connection: sqlite3.Connection, call: str, last_seq: int) -> list[tuple[int, Fact]]:
    rows = connection.execute(_OF_CALL, (call, last_seq)).fetchall()
    return [(seq, decode(kind, body)) for seq, kind, body in rows]


def open_plays_of(path: Path, last_seq: int) -> list[Fact]:
    """The same of every incident that is open in the journal at `path`."""
    connection = connect(path)
    try:
        book = IncidentBook(incident_facts(connection, last_seq))
        return play_facts(connection, [each.id for each in book.open], last_seq)
    finally:
        connection.close()
