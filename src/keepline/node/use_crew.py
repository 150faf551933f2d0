"""Uses at work: one task carries them out one after the other for as long as none of them waits for anything.

A task costs as much as a use that is answered at once. A use that waits keeps its task, and those asked for behind it
have tasks of their own within the same round of the loop. It decides nothing, and knows nothing of what a use is.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from keepline.call.effects import CallCapability
from keepline.model.limits_capabilities import USES_PER_TURN_MAX


class UseCrew:
    """Tasks for what is asked, as many as are needed."""

    __slots__ = ("_carry_out", "_latest", "_looks_soon", "_loop", "_tasks", "_wanted")

    def __init__(self, loop: asyncio.AbstractEventLoop, carry_out: Callable[[CallCapability], Awaitable[None]]) -> None:
        self._loop = loop
        self._carry_out = carry_out
        self._wanted: deque[CallCapability] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        """All that are at work, since a loop keeps no task alive."""
        self._latest: list[asyncio.Task[None]] = []
        self._looks_soon = False

    def __len__(self) -> int:
        return len(self._tasks)

    def ask(self, wanted: CallCapability) -> None:
        """Have it carried out, in the next round of the loop."""
        self._wanted.append(wanted)
        if not self._looks_soon:
            self._looks_soon = True
            self._begin(1)
            self._loop.call_soon(self._look)

    def _look(self) -> None:
        """After the tasks begun last had their turn: begin others for what they have left."""
        if not self._wanted:
            self._looks_soon = False
            self._latest = []
            return
        is_held_up = not all(task.done() for task in self._latest)
        self._begin(min(len(self._wanted), USES_PER_TURN_MAX) if is_held_up else 1)
        self._loop.call_soon(self._look)

    def _begin(self, count: int) -> None:
        self._latest = [self._loop.create_task(self._work()) for _ in range(count)]
        for task in self._latest:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """Until nothing is left; whoever waits for the loop waits for so many uses and no more."""
        wanted = self._wanted
        for _ in range(USES_PER_TURN_MAX):
            if not wanted:
                return
            await self._carry_out(wanted.popleft())
