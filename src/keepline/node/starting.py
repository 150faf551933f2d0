"""In which order a node's processes are started: what answers calls first, then what guards them, then what shows them.

Started all at once they would share the processors, and the first caller would wait for the last of them. It decides
by the clock it is given.
"""

from collections.abc import Callable, Iterable
from typing import Final

from keepline.node.children import Child

STAGES: Final = (("media", "calls"), ("speech", "calls"), ("desk",))
"""The second calls process is the warm one."""
STAGE_LIMIT_S: Final = 3.0
"""A stage that is not done by then holds up the next one no longer."""


class Starting:
    """The starts of a node that have not been made yet."""

    def __init__(
        self, now_s: float, there: Iterable[Child], start: Callable[[str], None], *, with_page: bool = False
    ) -> None:
        """Makes the first starts. `there` are processes that were adopted: nobody is started in their place."""
        roles = [child.role for child in there]
        self._start = start
        self._stages: list[list[str]] = []
        for stage in (*STAGES[:-1], (*STAGES[-1], "status_page") if with_page else STAGES[-1]):
            missing = []
            for role in stage:
                if role in roles:
                    roles.remove(role)
                else:
                    missing.append(role)
            self._stages.append(missing)
        self._next(now_s)

    def tick(self, now_s: float, *, is_ready: bool, is_guarded: bool) -> None:
        """Make the starts that are due: when calls are answered, when a successor is warm, or when their time is up."""
        if not self._stages:
            return
        is_done = is_ready if len(self._stages) == len(STAGES) - 1 else is_guarded
        if is_done or now_s > self._limit_s:
            self._next(now_s)

    def _next(self, now_s: float) -> None:
        self._limit_s = now_s + STAGE_LIMIT_S
        for role in self._stages.pop(0):
            self._start(role)
