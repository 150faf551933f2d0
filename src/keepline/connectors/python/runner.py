"""One class of the operation's: async methods run on the loop, others in threads of the path's own.

A method that never returns costs one of its path's threads, and no other path anything. It cannot be ended from
outside; when all threads of a path are stuck, its uses are unavailable. What a method prints goes to stderr.
"""

import asyncio
import contextlib
import inspect
import queue
import threading
from collections.abc import Callable
from typing import Any

import structlog

from keepline.connectors.interface import Asked, reply_of
from keepline.connectors.revealing import has_secret, opened
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
        self._methods: dict[str, tuple[Any, inspect.Signature, bool]] = {}
        """As they were found, since looking takes longer than many a method."""

    async def ask(self, asked: Asked) -> UseOutcome:
        """Call the method of the action's name with the arguments by name."""
        action = asked.action
        try:
            name = action.told_by or asked.name
            method, signature, is_async = self._methods.get(name) or await self._find(name)
            is_secret = has_secret(asked.arguments)
            arguments = opened(dict(asked.arguments))
            if IDEMPOTENCY_KEY in signature.parameters:
                arguments[IDEMPOTENCY_KEY] = asked.idempotency_key
            signature.bind(**arguments)
        except Exception as error:  # nothing was done yet
            log.warning("method_not_called", action=asked.name, what=f"{type(error).__name__}: {error}")
            return Unavailable(f"{asked.name} cannot be called: {type(error).__name__}: {error}")
        try:
            if is_async:
                answer = await method(**arguments)
            else:
                answer = await self._threads.run(lambda: method(**arguments))
        except ThreadsBusyError as busy:
            return Unavailable(str(busy))
        except Exception as error:
            if is_secret:  # its words may hold what it was given
                log.warning("method_raised", action=asked.name, what=type(error).__name__)
            else:
                log.warning("method_raised", action=asked.name, exc_info=error)
            return unanswered(f"{asked.name} raised {type(error).__name__}", changes=action.changes)
        if isinstance(answer, Reply | Unavailable | Refused | Unknown):
            return reply_of(answer.fields, action) if isinstance(answer, Reply) else answer
        return reply_of(answer, action)

    async def close(self) -> None:
        """Let go of the threads that are idle; those that are stuck end with the process."""
        self._threads.close()

    async def _find(self, name: str) -> tuple[Any, inspect.Signature, bool]:
        method = getattr(await self._ready(), name)
        found = self._methods[name] = method, inspect.signature(method), inspect.iscoroutinefunction(method)
        return found

    async def _ready(self) -> Any:
        async with self._making:
            if self._instance is None:
                self._instance = await self._threads.run(self._make)
        return self._instance


class ThreadsBusyError(Exception):
    """Every thread is at work."""


class Threads:
    """A few threads that never keep the process from ending, each started when it is first needed."""

    def __init__(self, count_max: int, name: str) -> None:
        self._name = name
        self._count_max = count_max
        self._free = count_max
        self._started = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run(self, do: Callable[[], Any]) -> Any:
        """What it returns or raises. A thread is taken until it is done, also when nobody waits for it any more."""
        if self._free == 0:
            raise ThreadsBusyError(f"all {self._count_max} threads are at work")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        self._free -= 1
        if self._started < self._count_max and self._started < self._count_max - self._free:
            self._started += 1
            threading.Thread(target=self._serve, name=f"{self._name}-{self._started}", daemon=True).start()

        def work() -> None:
            try:
                value, error = do(), None
            except BaseException as raised:  # a method may even raise SystemExit
                value, error = None, raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                loop.call_soon_threadsafe(self._finish, done, value, error)

        self._work.put(work)
        return await done

    def _finish(self, done: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
        self._free += 1
        if done.cancelled():
            return
        if isinstance(error, Exception):
            done.set_exception(error)
        elif error is not None:
            done.set_exception(RuntimeError(f"{type(error).__name__} in a connector"))
        else:
            done.set_result(value)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def close(self) -> None:
        """End the threads once they are done."""
        for _ in range(self._started):
            self._work.put(None)
