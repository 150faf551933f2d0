"""What the API asks and has done about runs, behind one small interface; `NodeRuns` asks a real node.

Starting a run and telling of an event go the way that the commands take: by the supervisor to the active calls process,
asked again until it is answered, under an id that follows from the caller's key.
"""

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, TypeVar

from keepline.call.effects_run import StartRun, TellEvent
from keepline.desk.source import Unavailable
from keepline.node.asking import ask_until_answered
from keepline.node.control import NodeNotRunning
from keepline.node.reader import JournalReader, NoJournal
from keepline.node.run_commands import request_of

Read = TypeVar("Read")
ASK_AGAIN_FOR_S = 8.0
"""Longer than a switch-over, shorter than the patience of most who ask over HTTP."""


class RunSource(Protocol):
    """What the API asks about runs; every method may block and may be called from any thread."""

    def runs(self, ended: int) -> list[dict[str, object]]:
        """Every run that has not ended and the last that have; raises Unavailable."""
        ...

    def run(self, id_: str) -> dict[str, object] | None:
        """One run, None where there is none; raises Unavailable."""
        ...

    def start(self, flow: str, key: str, variables: Mapping[str, Any]) -> dict[str, object]:
        """Start a run, once for its flow and key: `ok`, `id` and `known`, or `error`; raises Unavailable."""
        ...

    def tell(self, event: str, key: str, idempotency_key: str, fields: Mapping[str, Any]) -> dict[str, object]:
        """Tell of an event, once for its idempotency key: the same; raises Unavailable."""
        ...


class NodeRuns:
    """The runs of the node of one data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._reading = threading.Lock()
        self._reader: JournalReader | None = None

    def runs(self, ended: int) -> list[dict[str, object]]:
        return self._read(lambda journal: [line.told() for line in journal.runs(ended=ended)])

    def run(self, id_: str) -> dict[str, object] | None:
        return self._read(lambda journal: journal.run(id_))

    def start(self, flow: str, key: str, variables: Mapping[str, Any]) -> dict[str, object]:
        return self._ask(StartRun(flow, f"r{secrets.token_hex(8)[:15]}", key, tuple(variables.items())))

    def tell(self, event: str, key: str, idempotency_key: str, fields: Mapping[str, Any]) -> dict[str, object]:
        return self._ask(TellEvent(event, key, event_id(event, key, idempotency_key), tuple(fields.items())))

    def _ask(self, wanted: StartRun | TellEvent) -> dict[str, object]:
        try:
            return ask_until_answered(self._data, request_of(wanted), ASK_AGAIN_FOR_S)
        except (NodeNotRunning, OSError) as error:
            raise Unavailable(str(error)) from error

    def _read(self, what: Callable[[JournalReader], Read]) -> Read:
        with self._reading:
            try:
                if self._reader is None:
                    self._reader = JournalReader(self._data)
                return what(self._reader)
            except (NoJournal, sqlite3.Error) as error:
                if self._reader is not None:
                    self._reader.close()
                    self._reader = None  # the next question opens the journal anew
                raise Unavailable(f"the journal cannot be read: {error}") from error


def event_id(event: str, key: str, idempotency_key: str) -> str:
    """The id of an event that is told under a key of the teller's own: the same for every attempt."""
    told = json.dumps([event, key, idempotency_key]).encode()
    return f"e{blake2b(told, digest_size=8).hexdigest()[:15]}"
