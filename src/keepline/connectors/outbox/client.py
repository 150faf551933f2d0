"""The path that keeps what the one before it does not take. It asks nobody: what it promises, the call core keeps.

The change is on record by the time that it is asked here, and what is kept is made by `keepline.call.unfinished`.
"""

from keepline.connectors.interface import Asked
from keepline.connectors.revealing import has_secret
from keepline.flow.capabilities import Promised, Unavailable, UseOutcome


class OutboxConnector:
    """One path's outbox."""

    async def ask(self, asked: Asked) -> UseOutcome:
        """A promise, of whatever may be kept on a disk."""
        if has_secret(asked.arguments):
            return Unavailable("a secret is not kept")
        return Promised("")

    async def close(self) -> None:
        """There is nothing to let go of."""
