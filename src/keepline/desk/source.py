"""What the desk asks, behind one small interface; `node_source` asks a real node."""

from collections.abc import Sequence
from typing import Protocol

from keepline.call.facts import Fact
from keepline.call.record import CallRecord
from keepline.model.errors import KeeplineError


class Unavailable(KeeplineError):  # noqa: N818 - what is so, not what went wrong
    """The node or its journal cannot be asked just now."""


class Source(Protocol):
    """What the desk asks; every method may block and may be called from any thread."""

    def status(self) -> dict[str, object]:
        """How the node is; raises Unavailable."""
        ...

    def records(self, limit: int) -> list[str]:
        """The newest call records as JSON, the newest last; raises Unavailable."""
        ...

    def record(self, call_id: str) -> str | None:
        """One call record as JSON, None where there is none; raises Unavailable."""
        ...

    def call_record(self, call_id: str) -> CallRecord | None:
        """The same as a value."""
        ...

    def work(self) -> list[dict[str, object]]:
        """The work list, the oldest first; raises Unavailable."""
        ...

    def last_position(self) -> int:
        """Of the last fact on record; raises Unavailable."""
        ...

    def facts_after(self, position: int, kinds: Sequence[str], limit: int) -> list[tuple[int, Fact]]:
        """The next facts of these kinds with their positions, in order; raises Unavailable."""
        ...
