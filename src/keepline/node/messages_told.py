"""The messages and their deliveries, as the journal has them: with a running node or without."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from keepline.call.facts.run import RunEnded, RunStepEnded
from keepline.call.runs.starting import run_id
from keepline.flow.telling import DELIVERY, GREET, PUBLISH
from keepline.incident.message_book import MessageBook, MessagePhase, MessageState
from keepline.model.messages import CALLERS, PAGE
from keepline.node.journal_file import connect, decode
from keepline.node.journal_messages import message_facts
from keepline.node.paths import NodePaths

LAST_SEQ: Final = 1 << 62
_OF_RUN: Final = "SELECT kind, body FROM facts WHERE call = ? ORDER BY seq"
_WORDS: Final = {
    MessagePhase.WAITING: "waiting", MessagePhase.DECIDED: "decided", MessagePhase.SENT: "sent",
    MessagePhase.DROPPED: "dropped",
}  # fmt: skip


def messages_told(data: Path) -> list[dict[str, Any]]:
    """The latest messages, the oldest first; each with its deliveries."""
    path = NodePaths(data).journal
    if not path.exists():
        return []
    connection = connect(path)
    try:
        book = MessageBook()
        for fact in message_facts(connection, LAST_SEQ):
            book.note(fact)
        return [_told(connection, each) for each in book.messages.values()]
    finally:
        connection.close()


def _told(connection: Any, state: MessageState) -> dict[str, Any]:
    sent, edited, decided = state.sent, state.edited, state.decided
    told = sent or edited
    assert told is not None
    deliveries = [_delivery(connection, *each) for each in _runs_of(state)] if sent is not None else []
    verdict = decided.verdict if decided is not None else ""
    return {
        "id": state.id,
        "incident": state.incident,
        "audience": state.audience,
        "stage": told.stage,
        "state": _WORDS[state.phase] if verdict in ("", "approved") or sent is not None else verdict,
        "at": told.at_s,
        "exercise": sent.exercise if sent is not None else "",
        "words": json.loads(sent.words) if sent is not None else {"": [edited.subject, edited.text]} if edited else {},
        "edited": edited is not None,
        "by": edited.by if edited is not None else sent.by if sent is not None else "",
        "until": edited.until_s if edited is not None and decided is None else None,
        "otherwise": edited.otherwise if edited is not None else "",
        "decided_by": decided.by if decided is not None else "",
        "verdict": verdict,
        "next_update": (sent.next_update_s or None) if sent is not None else None,
        "deliveries": deliveries,
        "came_to": dict(Counter(each["state"] for each in deliveries)),
    }


def _runs_of(state: MessageState) -> list[tuple[str, str]]:
    """Who is told, and the id of the run that does."""
    assert state.sent is not None
    found = [(name, run_id("key", DELIVERY, f"message:{state.id}:{name}")) for name in state.sent.contacts]
    if state.audience == CALLERS:
        found.append(("callers", run_id("key", GREET, f"message:{state.id}:callers")))
    if state.audience == PAGE:
        found.append(("status_page", run_id("key", PUBLISH, f"message:{state.id}:page")))
    return found


def _delivery(connection: Any, to: str, run: str) -> dict[str, Any]:
    facts = [decode(kind, body) for kind, body in connection.execute(_OF_RUN, (run,)) if body]
    noted: dict[str, Any] = {}
    ended = next((each for each in facts if isinstance(each, RunEnded)), None)
    for fact in facts:
        if isinstance(fact, RunStepEnded) and fact.verb == "outcome":
            noted = json.loads(fact.value).get("fields", {})
    asked = sum(1 for each in facts if isinstance(each, RunStepEnded) and each.verb == "use")
    state = (ended.outcome or ended.ending) if ended is not None else "under way" if facts else "not begun"
    return {
        "to": to, "state": state, "channel": noted.get("channel", ""), "address": noted.get("to", ""),
        "why": noted.get("why", ""), "attempts": asked, "run": run,
        "at": ended.at_s if ended is not None else None,
    }  # fmt: skip
