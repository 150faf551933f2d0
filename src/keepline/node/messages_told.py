"""The messages and their deliveries, as the journal has them: with a running node or without."""

from pathlib import Path
from typing import Any, Final

from keepline.incident.message_book import MessageBook
from keepline.incident.messages_shown import delivery_told, message_told
from keepline.incident.taking_back import runs_of
from keepline.node.journal_file import connect, decode
from keepline.node.journal_messages import message_facts
from keepline.node.paths import NodePaths

LAST_SEQ: Final = 1 << 62
_OF_RUN: Final = "SELECT kind, body FROM facts WHERE call = ? ORDER BY seq"


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
        return [
            message_told(each, [_delivery(connection, *run) for run in runs_of(each)])
            for each in book.messages.values()
        ]
    finally:
        connection.close()


def _delivery(connection: Any, to: str, run: str) -> dict[str, Any]:
    facts = (decode(kind, body) for kind, body in connection.execute(_OF_RUN, (run,)) if body)
    return delivery_told(to, run, facts)
