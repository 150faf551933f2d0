"""One class of the operation's: async methods run on the loop, others in threads of the path's own.

A use waits for a thread as long as it may take. A method that never returns costs one of its path's threads, and no
other path anything. It cannot be ended from outside; when all threads of a path are stuck, its uses are unavailable.
What a method prints goes to stderr.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from keepline.connectors.interface import Asked, NotBegunError, reply_of
from keepline.connectors.revealing import has_secret, opened
from keepline.connectors.threads import Threads, ThreadsStuckError
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome, unanswered
from keepline.model.capability import IDEMPOTENCY_KEY

log = structlog.get_logger("calls")


class PythonConnector:
    """One path: an instance of a class, made when it is first needed."""

    def __init__(self, make: Callable[[], Any], threads: int, name: str = "python") -> None:
        """`make` gives the instance; it may block."""
        self._make = make
        self._threads = Threads(threads, name)
        self._instance: Any = None
        self._making = asyncio.Lock()
        self._methods: dict[str, _Method] = {}
        """As they were found, since looking takes longer than many a method."""

    async def ask(self, asked: Asked) -> UseOutcome:
        """Call the method of the action's name with the arguments by name."""
        action = asked.action
        try:
            name = action.told_by or asked.name
            method = self._methods.get(name) or await self._find(name)
            is_secret = bool(asked.arguments) and has_secret(asked.arguments)
            arguments = opened(dict(asked.arguments)) if asked.arguments else {}
            if method.wants_key:
                arguments[IDEMPOTENCY_KEY] = asked.idempotency_key
            method.check(arguments)
        except asyncio.CancelledError:
            raise NotBegunError("its instance was not made in time") from None
        except Exception as error:  # nothing was done yet
            log.warning("method_not_called", action=asked.name, what=f"{type(error).__name__}: {error}")
            return Unavailable(f"{asked.name} cannot be called: {type(error).__name__}: {error}")
        try:
            if method.is_async:
                answer = await method.call(**arguments)
            else:
                answer = await self._threads.run(lambda: method.call(**arguments))
        except ThreadsStuckError as stuck:
            return Unavailable(str(stuck))
        except Exception as error:
            if is_secret:  # its words may hold what it was given
                log.warning("method_raised", action=asked.name, what=type(error).__name__)
            else:
                log.warning("method_raised", action=asked.name, exc_info=error)
            return unanswered(f"{asked.name} raised {type(error).__name__}", changes=action.changes)
        if answer is not None and isinstance(answer, (Reply, Unavailable, Refused, Unknown)):
            return reply_of(answer.fields, action) if isinstance(answer, Reply) else answer
        return reply_of(answer, action)

    async def close(self) -> None:
        """Let go of the threads that are idle; those that are stuck end with the process."""
        self._threads.close()

    async def _find(self, name: str) -> "_Method":
        found = self._methods[name] = _Method(getattr(await self._ready(), name))
        return found

    async def _ready(self) -> Any:
        async with self._making:
            if self._instance is None:
                self._instance = await self._threads.run(self._make)
        return self._instance


class _Method:
    """One method, and what may be given to it."""

    __slots__ = ("_names", "_required", "_signature", "call", "is_async", "wants_key")

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.is_async = inspect.iscoroutinefunction(call)
        self._signature = inspect.signature(call)
        parameters = self._signature.parameters.values()
        self.wants_key = IDEMPOTENCY_KEY in self._signature.parameters
        by_name = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        self._names = frozenset(each.name for each in by_name)
        self._required = frozenset(each.name for each in by_name if each.default is each.empty)
        if any(each.kind is each.POSITIONAL_ONLY for each in parameters):
            self._required |= {""}  # of which nothing is sure but by binding

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise `TypeError` where they do not fit."""
        if not self._required <= arguments.keys() <= self._names:
            self._signature.bind(**arguments)
