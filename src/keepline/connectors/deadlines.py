"""Deadlines of many tasks with one timer: as `asyncio.timeout`, of which a use that takes no time would cost most.

A task is cancelled at its deadline and told so by `TimeoutError`. It refuses to be early; it may be late by as long as
the loop is.
"""

import asyncio
from types import TracebackType


class Deadlines:
    """Those of one loop."""

    __slots__ = ("_due", "_fresh", "_timer", "_timer_at_s", "loop")

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        """Known once the first has begun: to ask for it costs a call of the kernel."""
        self._fresh: list[Deadline] = []
        """Begun within this round of the loop: most are over with it, and never need a time."""
        self._due: dict[Deadline, float] = {}
        """When each is due, by the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_s = 0.0

    def within(self, seconds: float) -> "Deadline":
        """A context for the task at hand, which raises `TimeoutError` where its body takes longer."""
        return Deadline(self, seconds)

    def add(self, deadline: "Deadline") -> None:
        """It is due so many seconds from this round of the loop."""
        if not self._fresh:
            loop = self.loop = self.loop or asyncio.get_running_loop()
            loop.call_soon(self._time, loop)
        self._fresh.append(deadline)

    def remove(self, deadline: "Deadline") -> None:
        """It has lost its reason. The timer stays: there will be another one."""
        deadline.is_over = True
        if self._due:
            self._due.pop(deadline, None)

    def _time(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note when those are due that have begun and are not over."""
        fresh, self._fresh = self._fresh, []
        now_s = loop.time()
        begun = {deadline: now_s + deadline.seconds for deadline in fresh if not deadline.is_over}
        if begun:
            self._due |= begun
            first_s = min(begun.values())
            if self._timer is None or first_s < self._timer_at_s:
                self._arm(loop, first_s)

    def _arm(self, loop: asyncio.AbstractEventLoop, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at_s = at_s
        self._timer = loop.call_at(at_s, self._on_timer, loop)

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now_s = max(loop.time(), self._timer_at_s)  # a loop's timer may be early by its clock's resolution
        for deadline in [each for each, at_s in self._due.items() if at_s <= now_s]:
            self.remove(deadline)
            deadline.expire()
        if self._due:
            self._arm(loop, min(self._due.values()))


class Deadline:
    """One, around what a task does."""

    __slots__ = ("_all", "_cancelling", "_has_expired", "_task", "is_over", "seconds")

    def __init__(self, every: Deadlines, seconds: float) -> None:
        self._all, self.seconds = every, seconds
        self.is_over = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._has_expired = False

    def __enter__(self) -> None:
        task = self._task = asyncio.current_task(self._all.loop)
        assert task is not None
        self._cancelling = task.cancelling()
        self._all.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._all.remove(self)
        if self._has_expired and self._task is not None:
            is_ours = self._task.uncancel() <= self._cancelling
            if is_ours and kind is not None and issubclass(kind, asyncio.CancelledError):
                raise TimeoutError from error

    def expire(self) -> None:
        """The time has come."""
        self._has_expired = True
        if self._task is not None:
            self._task.cancel()
