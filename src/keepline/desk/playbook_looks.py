"""Looks whether all would hold where the playbook of an incident asks for it, and says what was found.

A look takes minutes and may make test calls, so it is a thread of the desk's; the step waits, and times out by itself
where the desk is gone. Said twice, it counts once.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

import structlog

from keepline.call.effects_playbook import SayOfStep
from keepline.desk.following import keep_on
from keepline.incident.plays import StepStanding
from keepline.model.errors import KeeplineError
from keepline.model.operation import Operation
from keepline.model.playbook import StepKind, StepState
from keepline.node.asking import ask_until_answered
from keepline.node.control import Message
from keepline.node.incident_commands import say_request
from keepline.node.preflight import Checker, failed
from keepline.node.reader import JournalReader, NoJournal
from keepline.paths.capacity import PreflightFinding

LOOK_EVERY_S: Final = 3.0
DESK: Final = "the node"
Check = Callable[[Operation, bool], list[PreflightFinding]]
log = structlog.get_logger("playbooks")


class PlaybookLooks:
    """The preflights that playbooks of one node ask for."""

    def __init__(self, data: Path, check: Check | None = None, ask: Callable[[Message], Message] | None = None) -> None:
        """`check` and `ask` stand in for a look at the node, and for the node, in tests."""
        self._data = data
        self._check = check or self._look_at_node
        self._ask = ask or (lambda request: ask_until_answered(data, request))

    def begin(self, operation: Operation) -> Sequence[threading.Event]:
        """Attend to what is asked for."""
        return [keep_on("playbooks", lambda _now_s: self.attend(operation), lambda _now_s: LOOK_EVERY_S)]

    def attend(self, operation: Operation) -> None:
        """Look where a step waits for it. Whatever goes wrong is logged, and tried again."""
        try:
            for incident, standing in self._waiting():
                found = self._check(operation, standing.step.subject == "calls")
                self._ask(say_request(said_of(incident, standing.step.id, found)))
        except (KeeplineError, OSError, ValueError, sqlite3.Error) as error:
            log.error("playbook_look_broken", what=str(error))

    def _waiting(self) -> list[tuple[str, StepStanding]]:
        """Steps that wait for a look."""
        try:
            reader = JournalReader(self._data)
        except NoJournal:
            return []
        try:
            plays = [reader.play(each.id) for each in reader.incidents().open]
        finally:
            reader.close()
        return [
            (play.incident, each)
            for play in plays
            if play is not None
            for each in play.standings.values()
            if each.step.kind is StepKind.PREFLIGHT and each.state is StepState.UNDER_WAY and not each.told
        ]

    def _look_at_node(self, operation: Operation, loops: bool) -> list[PreflightFinding]:
        return Checker(self._data, operation, self._ask).findings(loops=loops)


def said_of(incident: str, step: str, found: Sequence[PreflightFinding]) -> SayOfStep:
    """What is said of such a step: under an id that follows from it."""
    bad = failed(found)
    words = "; ".join(each.what for each in bad) if bad else f"all {len(found)} checks passed"
    asked = blake2b(f"look {incident}/{step}".encode(), digest_size=8).hexdigest()
    return SayOfStep(asked, incident, step, "looked", words[:300], DESK, not bad)
