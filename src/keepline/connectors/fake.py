"""A capability in memory, for tests of flows: it passes the same suite as the real connectors."""

from collections.abc import Callable, Mapping
from typing import Any

from keepline.connectors.interface import Asked, reply_of
from keepline.connectors.revealing import opened
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome

Answer = UseOutcome | Mapping[str, Any]


class FakeConnector:
    """Each action is a function of its arguments, or what it always answers."""

    def __init__(self, actions: Mapping[str, Answer | Callable[..., Answer]]) -> None:
        self._actions = dict(actions)
        self.asked: list[Asked] = []
        self._done: dict[str, UseOutcome] = {}

    async def ask(self, asked: Asked) -> UseOutcome:
        """What the action answers; a change is done once for one key."""
        self.asked.append(asked)
        if asked.name not in self._actions:
            return Unavailable(f"there is no {asked.name}")
        if asked.action.changes and asked.idempotency_key in self._done:
            return self._done[asked.idempotency_key]
        action = self._actions[asked.name]
        answer = action(**opened(asked.arguments)) if callable(action) else action
        if isinstance(answer, Unavailable | Refused | Unknown):
            outcome: UseOutcome = answer
        else:
            outcome = reply_of(answer.fields if isinstance(answer, Reply) else answer, asked.action)
        if asked.action.changes:
            self._done[asked.idempotency_key] = outcome
        return outcome

    async def close(self) -> None:
        """There is nothing to let go of."""
