"""Facts and listeners for tests of the journal."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from keepline.call.facts import CallAcknowledged, CallEnded, CallReceived, DigitsPressed, Fact, JournalGap, ending
from keepline.node import journal
from keepline.node.journal import Journal, Written
from keepline.node.journal_file import connect, decode

PATIENCE_S = 30.0
LATE_S = 50.0
"""What the clock of a journal says that writes late."""


class Told:
    """What a journal told, in order; waits for what a test expects."""

    def __init__(self) -> None:
        self.all: list[Written] = []
        self._changed = threading.Condition()

    def __call__(self, written: Written) -> None:
        with self._changed:
            self.all.append(written)
            self._changed.notify_all()

    @property
    def groups(self) -> list[int]:
        """As they were written."""
        return [written.group for written in self.all if written.group and not written.synced]

    @property
    def synced(self) -> list[int]:
        return [written.group for written in self.all if written.synced]

    def wait(self, what: Callable[["Told"], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: what(self), PATIENCE_S), f"told {self.all[-20:]}"

    def of(self, group: int) -> Written:
        """What was told of a group, once it was."""
        self.wait(lambda told: group in told.groups)
        return next(written for written in self.all if written.group == group)

    def synced_of(self, group: int) -> Written:
        """What was told of a group's sync, once it was."""
        self.wait(lambda told: group in told.synced)
        return next(written for written in self.all if written.group == group and written.synced)


def received(call: str, at_s: float = 1.0, **changed: object) -> CallReceived:
    """The INVITE of a call."""
    fields = {
        "call": call,
        "at_s": at_s,
        "carrier": "loopback",
        "peer_host": "192.0.2.1",
        "peer_port": 5060,
        "invite": "INVITE sip:1000@192.0.2.2 SIP/2.0\r\n\r\n",
        "sip_call_id": f"{call}@peer",
        "remote_tag": "theirs",
        "cseq": 1,
        "local_tag": "ours",
        "to_number": "1000",
        "from_number": "100",
        "flow": "greeting",
        "operation": "digest",
        "answer_at_s": at_s,
        "slot": 0,
        "rtp_port": 40000,
        "ssrc": 1,
        "rtp_seq": 2,
        "rtp_ts": 3,
    }
    return CallReceived(**(fields | changed))  # type: ignore[arg-type]


def acknowledged(call: str, text: str = "", at_s: float = 2.0) -> CallAcknowledged:
    return CallAcknowledged(call, at_s, text)


def pressed(call: str, head: int = 1) -> DigitsPressed:
    return DigitsPressed(call, 3.0, head, "5")


def ended(call: str, at_s: float = 4.0) -> CallEnded:
    return ending(received(call), at_s, "caller", 200, "")


def gap(call: str, facts: int, since_s: float = 1.0, lost: int = 0) -> JournalGap:
    """What a journal says that wrote facts late."""
    return JournalGap(call, LATE_S, since_s, facts, lost)


def life(call: str) -> Sequence[Fact]:
    """A whole short call."""
    return (received(call), acknowledged(call), pressed(call), ended(call))


@contextmanager
def opened(path: Path, tell: Callable[[journal.Written], None], epoch: int | None = None) -> Iterator[Journal]:
    made = Journal(path, journal.next_epoch(path) if epoch is None else epoch, tell, lambda: LATE_S)
    try:
        yield made
    finally:
        made.close()


def stored(path: Path) -> list[Fact]:
    """Every fact of a journal, those of runs too, which a process that follows passes over."""
    with closing(connect(path, read_only=True)) as connection:
        return [decode(kind, body) for kind, body in connection.execute("SELECT kind, body FROM facts ORDER BY seq")]
