"""What the desk asks, behind one small interface; `node_source` asks a real node."""

from typing import Protocol

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
