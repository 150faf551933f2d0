"""The path that promises what no other could do: a run of a flow sees to it, once, without the caller.

It asks nobody: the call core starts the run in the same turn in which it puts the promise on record.
"""

from keepline.connectors.interface import Asked
from keepline.flow.capabilities import Promised, UseOutcome


class DeferredConnector:
    """One path's promise."""

    async def ask(self, asked: Asked) -> UseOutcome:
        """A promise."""
        return Promised("")

    async def close(self) -> None:
        """There is nothing to let go of."""
