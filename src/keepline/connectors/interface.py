"""What every connector of a capability is to the rest of Keepline, whatever it speaks.

A connector never raises for what the other side does: it answers with an outcome. It says `Unknown` only of a change
that may have been done, and `Unavailable` only where nothing was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from keepline.flow.capabilities import Reply, Unavailable, UseOutcome, unanswered
from keepline.model.capability import CapabilityAction, FieldPath
from keepline.model.frozen import frozen


@frozen
class Asked:
    """One attempt at a use."""

    name: str
    """Of the action."""
    action: CapabilityAction
    arguments: Mapping[str, Any]
    idempotency_key: str
    timeout_s: float
    """Left until its deadline."""
    reveal: Callable[[Iterable[int]], Awaitable[Mapping[int, str] | Unavailable]] | None = None
    """What the handles among the arguments stand for, or why that is not to be had; asked for by `revealing.Revealing`,
    which leaves `SecretValue` in their places."""


class Connector(Protocol):
    """One path of a capability."""

    async def ask(self, asked: Asked) -> UseOutcome:
        """What came of it; cancelled at the deadline, if it does not keep to it itself."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class NotBegunError(asyncio.CancelledError):
    """A use was cancelled while it waited for its turn: nothing was asked, so a change was not made. Says for what."""


class MissingFieldError(Exception):
    """An answer breaks its contract; the message names the field."""


def pick(answer: Any, place: FieldPath) -> Any:
    """What an answer has at a place; None where that is optional. Raises `MissingFieldError`."""
    found = answer
    for key in place.keys:
        is_there = len(found) > key if isinstance(found, list) and isinstance(key, int) else False
        if isinstance(found, Mapping):
            is_there = key in found
        if not is_there:
            if place.optional:
                return None
            raise MissingFieldError(f"the answer has no {place}")
        found = found[key]
    return found


def reply_of(answer: Any, action: CapabilityAction) -> UseOutcome:
    """The declared fields of an answer; one that breaks its contract is as good as none."""
    if action.response is None:
        return Reply({} if answer is None else answer if isinstance(answer, Mapping) else {"value": answer})
    try:
        return Reply({name: pick(answer, place) for name, place in action.response.items()})
    except MissingFieldError as missing:
        return unanswered(str(missing), changes=action.changes)
