"""What the desk asks, behind one small interface; `node_source` asks a real node."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from keepline.call.facts import Fact
from keepline.call.record import CallRecord
from keepline.model.errors import KeeplineError


class Unavailable(KeeplineError):  # noqa: N818 - what is so, not what went wrong
    """The node or its journal cannot be asked just now."""


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One fact of a call, as people read it."""

    position: int
    at_s: float
    kind: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class CallHistory:
    """What happened in one call, in order."""

    events: list[CallEvent]
    ladder: list[tuple[float, str, str]]
    """Its SIP messages: when, `->` to us or `<-` from us, the text."""


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

    def facts_within(self, first: str, end: str) -> list[tuple[int, Fact]]:
        """The facts of all ids from `first` to before `end` with their positions, in order; raises Unavailable."""
        ...

    def paths(self) -> list[dict[str, object]]:
        """How every path is, as the process that takes calls says; raises Unavailable."""
        ...

    def call_ids(self, before: str, limit: int) -> list[tuple[str, float | None]]:
        """The newest calls before one (empty: of all), the newest first, with when they ended; raises Unavailable."""
        ...

    def open_calls(self, kinds: Sequence[str], limit: int) -> list[Fact]:
        """The facts of these kinds of calls that have not ended; raises Unavailable."""
        ...

    def history(self, call_id: str) -> CallHistory | None:
        """What happened in one call, None where there is none; raises Unavailable."""
        ...
