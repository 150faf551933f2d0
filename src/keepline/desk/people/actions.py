"""What people do at the desk, sent the way that commands take: who, role and why go with it, and the node answers.

Decisions about accounts are made here and told afterwards, by a thread, until the journal has them: they must be
possible while nothing else runs.
"""

import secrets
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog

from keepline.desk.following import keep_on, running_digest
from keepline.desk.people.people import People
from keepline.desk.people.records import Principal
from keepline.desk.source import Unavailable
from keepline.node import control
from keepline.node.asking import ask_until_answered
from keepline.node.control import Message, NodeNotRunning
from keepline.node.people_commands import WAITING, decide_request, settle_request

ASK_AGAIN_FOR_S = 8.0
UPGRADE_LIMIT_S = 90.0
TELL_EVERY_S = 1.0
TOLD_AT_ONCE = 50
log = structlog.get_logger("people")


class Actions(Protocol):
    """What the desk has done; every method may block, and raises `Unavailable`."""

    def note(self, who: Principal, action: str, why: str) -> Message:
        """Put on record that somebody does what is not the core's to do: `ok`, or `error`."""
        ...

    def note_about(self, who: Principal, action: str, about: str, why: str) -> Message:
        """The same of something that has a name."""
        ...

    def decide(self, who: Principal, wanted: Message, why: str) -> Message:
        """Have a request done in somebody's name: `ok`, or `error`, and `held_until_s` where it waits for a second."""
        ...

    def settle(self, who: Principal, held: str, approves: bool, why: str) -> Message:
        """Somebody's word on what another one wants."""
        ...

    def waiting(self) -> list[dict[str, object]]:
        """What waits for a second person."""
        ...

    def upgrade(self) -> Message:
        """Replace the processes of the node while calls go on: `ok` and `took_ms`, or `error`."""
        ...


class NodeActions:
    """Those of the node of one data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def decide(self, who: Principal, wanted: Message, why: str) -> Message:
        id_ = secrets.token_hex(8)
        return self._ask(decide_request(id_, who.name, who.title, who.how.value, "", "", why, 0.0, wanted))

    def note(self, who: Principal, action: str, why: str) -> Message:
        return self.note_about(who, action, "", why)

    def note_about(self, who: Principal, action: str, about: str, why: str) -> Message:
        told = (secrets.token_hex(8), who.name, who.title, who.how.value, action, about, why)
        return self._ask(decide_request(*told))

    def settle(self, who: Principal, held: str, approves: bool, why: str) -> Message:
        id_ = secrets.token_hex(8)
        return self._ask(settle_request(id_, held, who.name, who.title, who.how.value, approves, why))

    def waiting(self) -> list[dict[str, object]]:
        found = self._ask({"op": WAITING, "call": secrets.token_hex(8)}).get("waiting")
        return found if isinstance(found, list) else []

    def upgrade(self) -> Message:
        try:
            return control.ask(self._data, {"op": "upgrade", "operation": running_digest(self._data)}, UPGRADE_LIMIT_S)
        except (NodeNotRunning, OSError) as error:
            raise Unavailable(str(error)) from error

    def _ask(self, request: Message) -> Message:
        try:
            return ask_until_answered(self._data, request, ASK_AGAIN_FOR_S)
        except (NodeNotRunning, OSError) as error:
            raise Unavailable(str(error)) from error


class Telling:
    """Tells the node what was decided about people, until it is in the journal."""

    def __init__(self, people: People, ask: Callable[[Message], Message]) -> None:
        """`ask` raises `NodeNotRunning` and `OSError`."""
        self._people, self._ask = people, ask
        self._trouble = ""

    def attend(self, _now_s: float = 0.0) -> None:
        """Tell what is untold; what goes wrong is logged once, and tried again."""
        if not self._people.is_kept:
            return
        try:
            for each in self._people.store.untold(TOLD_AT_ONCE):
                told = (each.id, each.by, each.role, each.how, each.action, each.about, each.why, each.at_s)
                reply = self._ask(decide_request(*told))
                if not reply.get("ok"):
                    raise NodeNotRunning(str(reply.get("error")))
                self._people.store.forget(each)
            self._trouble = ""
        except (NodeNotRunning, OSError, sqlite3.Error) as error:
            if not self._trouble:
                log.warning("decisions_wait", what=str(error), meaning="they are in the journal when the node answers")
            self._trouble = str(error)


def keep_telling(people: People, data: Path) -> threading.Event:
    """Tell in a thread of its own, until the event is set."""
    telling = Telling(people, lambda request: ask_until_answered(data, request, 2.0))
    return keep_on("telling", telling.attend, lambda _: TELL_EVERY_S)
