"""Callback tickets as the journal tells of them: the runs of the flow that calls back, and how each of them is."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact
from keepline.call.facts.run import RunStarted
from keepline.call.runs.state import RunState, fold
from keepline.flow.calling_back import CALLBACK, plan_of
from keepline.node.journal_file import connect, decode

OPEN: Final = "open"
_OPEN: Final = "SELECT run FROM runs WHERE ended_at IS NULL AND flow = ?"


def open_tickets(path: Path, last_seq: int) -> list[Fact]:
    """What each ticket that was open at a position began with; those that began later are left to who follows."""
    connection = connect(path)
    try:
        query = f"SELECT kind, body FROM facts WHERE call IN ({_OPEN}) AND kind = ? AND seq <= ? ORDER BY seq"
        rows = connection.execute(query, (CALLBACK, RunStarted.kind, last_seq))
        return [decode(kind, body) for kind, body in rows if body]
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class TicketLine:
    """One ticket as people and programs read it. Times are seconds since the epoch."""

    ticket: str
    number: str
    flow: str
    why: str
    """lost or promised."""
    state: str
    """open, reached, called_off or missed; else how its run ended."""
    promised_at: float
    promised_by: str
    """Id of the call or the run."""
    until: float
    """Later than this nobody is called."""
    next_at: float | None
    """When they are called, or whether they may be is looked at, next."""
    attempts: int
    """Calls so far that ended."""
    call: str
    """The last of them, or the one that is under way."""
    came_to: str
    """What the last one came to, or why it was called off."""
    ended_at: float | None


def ticket_lines(connection: sqlite3.Connection, *, ended: int) -> list[TicketLine]:
    """Every ticket that is open, and the `ended` last of the others, in the order in which they were promised."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone() is None:
        return []  # a journal that is older than runs are
    rows = connection.execute(f"{_OPEN} LIMIT -1", (CALLBACK,)).fetchall()
    last = "SELECT run FROM runs WHERE ended_at IS NOT NULL AND flow = ? ORDER BY ended_at DESC LIMIT ?"
    rows += connection.execute(last, (CALLBACK, ended)).fetchall() if ended else []
    found = []
    for (run,) in rows:
        facts = connection.execute("SELECT kind, body FROM facts WHERE call = ? AND body != x'' ORDER BY seq", (run,))
        told = tuple(decode(kind, body) for kind, body in facts)
        if told:
            found.append(_line(fold(told)))
    return sorted(found, key=lambda line: (line.promised_at, line.ticket))


def _line(run: RunState) -> TicketLine:
    plan = plan_of(run.variables)
    calls = [json.loads(each.value) for each in run.steps if each.verb == "call_out"]
    noted = next((each.value for each in reversed(run.steps) if each.verb == "outcome"), "{}")
    fields = json.loads(noted).get("fields", {})
    live = run.subject.partition(" ")[2] if run.subject.startswith("call ") else ""
    last = calls[-1] if calls else {}
    over = run.ended
    state = OPEN if over is None else over.outcome or over.ending
    return TicketLine(
        run.id,
        plan.number,
        plan.flow,
        plan.why,
        state,
        run.started.at_s,
        run.started.parent,
        plan.windows[-1][1],
        run.waits.until_s if over is None and run.waits is not None else None,
        len([each for each in calls if each["call"]]),
        live or str(last.get("call", "")),
        str(fields.get("why", "") or last.get("outcome", "")),
        over.at_s if over is not None else None,
    )
