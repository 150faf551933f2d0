"""Threads for what blocks: each connector that needs some has its own few, so that one that hangs costs no other.

Whoever comes while all are at work waits for its turn, for as long as its use may take. It refuses to wait for threads
that are all stuck: what they do has taken longer than anybody waited for it.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

from keepline.connectors.interface import NotBegunError


class ThreadsStuckError(Exception):
    """Every thread is at work on something that nobody waits for any more."""


class Threads:
    """A few threads that never keep the process from ending, each started when it is first needed."""

    def __init__(self, count_max: int, name: str) -> None:
        self._name = name
        self._count_max = count_max
        self._turn = asyncio.Semaphore(count_max)
        self._at_work = self._stuck = self._started = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def run(self, do: Callable[[], Any]) -> Any:
        """What it returns or raises. A thread is taken until it is done, also when nobody waits for it any more.

        Raises `ThreadsStuckError`, and `NotBegunError` where it is cancelled before it has had its turn.
        """
        if self._stuck >= self._count_max:
            raise ThreadsStuckError(f"all {self._count_max} threads are stuck")
        try:
            await self._turn.acquire()
        except asyncio.CancelledError:
            raise NotBegunError(f"all {self._count_max} threads were at work all the time") from None
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        self._at_work += 1
        if self._started < self._at_work:
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
        try:
            return await done
        except asyncio.CancelledError:
            self._stuck += done.cancelled()
            raise

    def _finish(self, done: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
        self._at_work -= 1
        self._turn.release()
        if done.cancelled():
            self._stuck -= 1
        elif isinstance(error, Exception):
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
