"""0: a person."""

from flows.promises import promise
from keepline.flow import Call


async def talk(call: Call) -> None:
    """Nobody can be put through yet; somebody calls back."""
    await promise(call, "service", "wants to talk to a person", "asked for a person")
