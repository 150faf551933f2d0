"""A use that changes nothing, over its capability's paths: one after the other, or two at once where one is silent.

Nothing that was sent is taken back: an attempt that nobody waits for any more is heard to its end, within its own time
and its path's limits. Else a path that hangs would never be known to, and one that answers late would seem quick by the
answers that were in time. `keepline.paths` decides who is asked, and when; this keeps the account of one use.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from keepline.call.inputs import UseRoute
from keepline.flow.capabilities import (
    REASON_CHARS_MAX,
    SecretsGone,
    Unavailable,
    UseOutcome,
    outcome_words,
    write_outcome,
)
from keepline.model.capability import Capability, CapabilityPath
from keepline.node.use_paths import UsePaths

LATE: Final = Unavailable("its time was over before it could be asked")
AskPath = Callable[[CapabilityPath, float], Awaitable[UseOutcome]]
"""Asks a path, within so many seconds; what comes of it is told to the path's health."""
Asking = tuple[CapabilityPath, float]
"""Whom to ask, and for how many seconds."""
_left: Final[set["asyncio.Task[UseOutcome]"]] = set()
"""Attempts that nobody waits for any more: a loop alone keeps no task."""


class Reading:
    """The account of one use: who was asked, why, and what came of it."""

    __slots__ = (
        "_action", "_after_s", "_capability", "_choosing", "_deadline_s", "_hedged", "_may_hedge", "_paths", "_reasons",
        "_said", "_tried", "_version",
    )  # fmt: skip

    def __init__(
        self,
        choosing: UsePaths,
        version: str,
        capability: Capability,
        paths: tuple[CapabilityPath, ...],
        action: str,
        deadline_s: float,
        *,
        may_hedge: bool,
    ) -> None:
        """`paths` are those that may be asked, in their order."""
        self._may_hedge = may_hedge
        self._choosing, self._version, self._capability = choosing, version, capability
        self._paths, self._action, self._deadline_s = paths, action, deadline_s
        self._tried: list[str] = []
        self._reasons: tuple[str, ...] = ()
        self._said: list[str] = []
        self._hedged, self._after_s = "", 0.0

    def next(self) -> Asking | None:
        """Whom to ask now; None where there is nobody left, or no time."""
        if self._left_s <= 0:
            return None
        path, reasons = self._choosing.choose(self._version, self._capability.name, self._paths, self._tried)
        if path is None:
            return None
        self._reasons = self._reasons or reasons
        return self._to(path)

    def silent_s(self) -> float | None:
        """How long the path that was just asked may be silent; None where no other is asked beside it."""
        if not self._may_hedge or len(self._tried) != 1:
            return None
        return self._choosing.silent_s(self._version, self._capability, self._tried[0], self._action)

    def beside(self, silent_s: float) -> Asking | None:
        """Whom to ask beside the path that has been silent for so long; None where nobody may be."""
        if self._left_s <= 0:
            return None
        path = self._choosing.beside(self._version, self._capability, self._paths, self._tried)
        if path is None:
            return None
        self._said.append(f"{self._tried[0]} was silent for {silent_s:.2f} s, so {path.name} was asked too")
        self._hedged, self._after_s = path.name, silent_s
        return self._to(path)

    def heard(self, path: str, outcome: UseOutcome, took_s: float) -> bool:
        """A path has answered, or will not; whether that is the answer."""
        if not is_answer(outcome):
            self._said.append(f"{path}: {_words(outcome)}")
            return False
        self._choosing.heard(self._version, self._capability, path, self._action, took_s)
        return True

    def route(self, path: str, outcome: UseOutcome) -> UseRoute | None:
        """The way that it went, `path` having answered; None where the first one simply did."""
        if self._tried == [self._paths[0].name] and path:
            return None
        said = [*self._said, f"{path}: {_words(outcome)}"] if path else self._said
        why = "; ".join((*said, *self._reasons))[:REASON_CHARS_MAX]
        return UseRoute(path, why, self._hedged, self._after_s)

    @property
    def _left_s(self) -> float:
        return self._deadline_s - self._choosing.now_s()

    def _to(self, path: CapabilityPath) -> Asking:
        self._tried.append(path.name)
        return path, self._choosing.seconds_for(self._left_s, len(self._paths) - len(self._tried))


async def read(reading: Reading, now_s: Callable[[], float], ask: AskPath) -> tuple[UseOutcome, UseRoute | None]:
    """Ask one path after the other; what came of it, and by which way where that was not the simplest."""
    outcome: UseOutcome = LATE
    while (asking := reading.next()) is not None:
        path, seconds = asking
        began_s, silent_s = now_s(), reading.silent_s()
        if silent_s is not None and silent_s < seconds:
            outcome, answered = await _hedged(reading, asking, silent_s, now_s, ask)
        else:
            outcome = await ask(path, seconds)
            answered = path.name if reading.heard(path.name, outcome, now_s() - began_s) else ""
        if answered or isinstance(outcome, SecretsGone):
            return outcome, reading.route(answered, outcome)
    return outcome, reading.route("", outcome)


async def _hedged(
    reading: Reading, first: Asking, silent_s: float, now_s: Callable[[], float], ask: AskPath
) -> tuple[UseOutcome, str]:
    """Ask a path, and another one beside it where it is silent; the first answer, and whose it is."""
    asked: dict[asyncio.Task[UseOutcome], str] = {}

    def begin(asking: Asking) -> None:
        path, seconds = asking
        asked[asyncio.create_task(_attempt(reading, path, seconds, now_s, ask))] = path.name

    begin(first)
    timeout_s: float | None = silent_s
    outcome: UseOutcome = LATE
    while asked:
        done, _ = await asyncio.wait(asked, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        timeout_s = None
        if not done and (other := reading.beside(silent_s)) is not None:
            begin(other)
        for task in done:
            path, outcome = asked.pop(task), task.result()
            if is_answer(outcome):
                _left.update(asked)
                for each in asked:
                    each.add_done_callback(_left.discard)
                return outcome, path
    return outcome, ""


async def _attempt(
    reading: Reading, path: CapabilityPath, seconds: float, now_s: Callable[[], float], ask: AskPath
) -> UseOutcome:
    began_s = now_s()
    outcome = await ask(path, seconds)
    reading.heard(path.name, outcome, now_s() - began_s)
    return outcome


def is_answer(outcome: UseOutcome) -> bool:
    """Whether nobody else need be asked: also a refusal is one."""
    return not isinstance(outcome, Unavailable)


def _words(outcome: UseOutcome) -> str:
    return outcome_words(write_outcome(outcome))
