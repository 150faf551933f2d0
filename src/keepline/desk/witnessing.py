"""Sends the journal's checkpoints to its witnesses: a thread for each, so that none waits for another, and no call for
any. What is due when is `keepline.proof.witnessing`'s to say; what was sent is kept in `witness_store`.

A checkpoint is on the disk before anybody sees it: a power cut must not make a witness a liar.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from keepline.connectors.witness import WitnessFailed, deliver
from keepline.connectors.witness.interface import Delivery
from keepline.desk.following import LOOK_EVERY_S, keep_on
from keepline.model.errors import KeeplineError
from keepline.model.operation import Operation
from keepline.model.witness import Witness, WitnessPlace
from keepline.node.checkpoints import newest_checkpoint, signed_after, sync_journal
from keepline.node.witness_store import WitnessStore
from keepline.proof.key import PUBLIC_FILE, read_public
from keepline.proof.witnessing import next_attempt_s, trouble_of

Deliver = Callable[[WitnessPlace, Delivery], str]
log = structlog.get_logger("witness")


class Witnessing:
    """All witnesses of one node."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._store: WitnessStore | None = None

    def begin(self, operation: Operation) -> list[threading.Event]:
        """Send to the witnesses of an operation, and to no others."""
        settings = operation.journal
        if not settings.witnesses and self._store is None:
            return []
        store = self._store = self._store or WitnessStore(self._data)
        store.set_witnesses(settings)
        senders = [WitnessSender(self._data, each, store) for each in settings.witnesses]
        pause_s = min(LOOK_EVERY_S, settings.every_s)
        return [keep_on(f"witness {each.name}", each.attend, lambda _: pause_s) for each in senders]


class WitnessSender:
    """One witness: sends it what is due, and says what went wrong, once."""

    def __init__(self, data: Path, witness: Witness, store: WitnessStore, deliver: Deliver = deliver) -> None:
        self.name = witness.name
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
