"""Threads for what blocks: each connector that needs some has its own few, so that one that hangs costs no other."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any


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
