"""Sends the journal's checkpoints to its witnesses: a thread for each, so that none waits for another, and no call for
any. What is due when is `keepline.proof.witnessing`'s to say; what was sent is kept in `witness_store`.

A checkpoint is on the disk before anybody sees it: a power cut must not make a witness a liar.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from keepline.config import load_stored
from keepline.connectors.witness import WitnessFailed, deliver
from keepline.connectors.witness.interface import Delivery
from keepline.model.errors import KeeplineError
from keepline.model.witness import JournalSettings, Witness, WitnessPlace
from keepline.node.checkpoints import newest_checkpoint, signed_after, sync_journal
from keepline.node.paths import NodePaths
from keepline.node.witness_store import WitnessStore
from keepline.proof.key import PUBLIC_FILE, read_public
from keepline.proof.witnessing import next_attempt_s, trouble_of

LOOK_EVERY_S: Final = 1.0
Deliver = Callable[[WitnessPlace, Delivery], str]
log = structlog.get_logger("witness")


class Witnessing:
    """All witnesses of one node; follows the operation that it runs."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._digest = ""
        self._store: WitnessStore | None = None
        self._sending: list[threading.Event] = []

    def start(self) -> None:
        """Work in the background until the process ends."""
        threading.Thread(target=self._run, name="witnesses", daemon=True).start()

    def _run(self) -> None:
        ended = threading.Event()
        while not ended.wait(LOOK_EVERY_S):
            try:
                self.look()
            except (KeeplineError, OSError, ValueError, sqlite3.Error) as error:
                log.error("witnesses_not_followed", what=str(error))
                ended.wait(10 * LOOK_EVERY_S)

    def look(self) -> None:
        """Follow the node to another version of its operation."""
        digest = running_digest(self._data)
        if not digest or digest == self._digest:
            return
        settings = load_stored(self._data, digest).journal
        for each in self._sending:
            each.set()
        self._sending = []
        if settings.witnesses or self._store is not None:
            self._store = self._store or WitnessStore(self._data)
            self._store.set_witnesses(settings)
            self._sending = [self._begin(each, settings, self._store) for each in settings.witnesses]
        self._digest = digest

    def _begin(self, witness: Witness, settings: JournalSettings, store: WitnessStore) -> threading.Event:
        ended = threading.Event()
        sender = WitnessSender(self._data, witness, store)

        def run() -> None:
            while not ended.wait(min(LOOK_EVERY_S, settings.every_s)):
                sender.attend(time.time())

        threading.Thread(target=run, name=f"witness {witness.name}", daemon=True).start()
        return ended


class WitnessSender:
    """One witness: sends it what is due, and says what went wrong, once."""

    def __init__(self, data: Path, witness: Witness, store: WitnessStore, deliver: Deliver = deliver) -> None:
        self._data, self._witness, self._store = data, witness, store
        self._deliver = deliver
        self._trouble = ""
        self._failed = ""

    def attend(self, now_s: float) -> None:
        """Send the newest checkpoint if it is due. Whatever goes wrong is logged, and tried again."""
        try:
            self._attend(now_s)
        except (KeeplineError, OSError, sqlite3.Error) as error:
            self._complain(f"{type(error).__name__}: {error}")

    def _attend(self, now_s: float) -> None:
        state = self._store.state(self._witness.name)
        checkpoint = newest_checkpoint(self._data)
        if state is None or checkpoint is None:
            return
        due_s = next_attempt_s(state, checkpoint.size)
        # A clock that was set back must not silence a witness: what seems to be ahead of us was never sent.
        if due_s is not None and (due_s <= now_s or state.tried_at_s > now_s):
            try:
                sync_journal(self._data)
                origin, _ = read_public((self._data / PUBLIC_FILE).read_text(encoding="ascii"))
                delivery = Delivery(origin, checkpoint, now_s, self._data)
                remark = self._deliver(self._witness.place, delivery)
            except (WitnessFailed, OSError) as error:
                self._complain(str(error))
                self._store.note_failure(state, now_s, str(error))
            else:
                self._store.note_delivery(state, checkpoint.size, now_s, remark)
                self._praise(checkpoint.size, remark if remark != state.remark else "")
        self._say_trouble(now_s)

    def _say_trouble(self, now_s: float) -> None:
        state = self._store.state(self._witness.name)
        if state is None:
            return
        newest, [since_s] = signed_after(self._data, [state.size])
        trouble = trouble_of(state, newest, since_s, now_s)
        if trouble and not self._trouble:
            log.error("witness_overdue", what=trouble)
        self._trouble = trouble

    def _complain(self, why: str) -> None:
        if why != self._failed:
            log.warning("witness_failed", witness=self._witness.name, what=why)
        self._failed = why

    def _praise(self, size: int, remark: str) -> None:
        if self._failed:
            log.warning("witness_reached", witness=self._witness.name, facts=size)
        self._failed = ""
        if remark:
            log.warning("witness_weak", witness=self._witness.name, what=remark)


def running_digest(data: Path) -> str:
    """The version of the operation that the node of a data directory runs; empty while none runs."""
    try:
        found = json.loads(NodePaths(data).node_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found.get("operation", "")) if isinstance(found, dict) else ""
