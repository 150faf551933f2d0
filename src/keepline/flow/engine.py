"""Drives one flow: a coroutine whose awaits are steps, replayed from their recorded results after a crash.

The engine knows nothing of calls, media or journals. It takes results in and says what the flow waits for next. A
coroutine that is dropped emits nothing from its `finally`: only a driven coroutine can reach the world, and only
through the requests it hands to the engine.
"""

import inspect
import traceback
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Any, TypeVar

from keepline.flow.verbs import AskDigits, Call, HangUp, Say, StepRequest
from keepline.model.errors import KeeplineError, LocalError
from keepline.model.limits import FLOW_STEPS_MAX, FLOW_TRACEBACK_CHARS_MAX

FlowFunction = Callable[[Call], Coroutine[Any, Any, None]]
F = TypeVar("F", bound=Callable[..., Any])


def flow(function: F) -> F:
    """Mark an async function that takes a `Call` as a flow, so that the operation file can name it."""
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"@flow: {getattr(function, '__name__', function)} must be an `async def`")
    function.__keepline_flow__ = True  # type: ignore[attr-defined]
    return function


class HungUp(BaseException):
    """The caller is gone. A `BaseException`, so that a flow's `except Exception` does not swallow it."""


class FlowMisuse(KeeplineError):
    """A flow did what cannot be replayed; the text tells its author what to do instead."""


class StepOutcome(Enum):
    """How a step ended."""

    DONE = "done"
    HUNG_UP = "hung_up"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One recorded step."""

    verb: str
    fingerprint: str
    """Of the request; a replay that asks for something else is found out by it."""
    outcome: StepOutcome
    value: str = ""
    """What the await returns: the digits of `ask_digits`; what went wrong where the step failed."""


class FlowEnding(Enum):
    """Why a flow is over."""

    RETURNED = "returned"
    HUNG_UP = "hung_up"
    RAISED = "raised"
    CHANGED = "changed"
    """The code asks for other steps than those recorded, so its place cannot be found again."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The flow waits for the result of this request."""

    request: StepRequest
    step: int
    """0-based number of the step."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The flow is over."""

    ending: FlowEnding
    error: str = ""
    """The traceback, where it raised."""


Advance = Waiting | Finished


class StepFailed(KeeplineError):
    """Raised in a flow at a verb that could not be carried out."""


def fingerprint(request: StepRequest) -> str:
    """12 hex digits that change whenever the request does."""
    return blake2b(repr(request).encode(), digest_size=6).hexdigest()


class FlowRun:
    """One execution of a flow. Feed it results; it says what it waits for."""

    __slots__ = ("_coroutine", "_request", "finished", "step")

    def __init__(self, function: FlowFunction, call: Call) -> None:
        self._coroutine = function(call)
        self._request: StepRequest | None = None
        self.step = -1
        self.finished: Finished | None = None

    def start(self, recorded: Sequence[StepResult] = ()) -> Advance:
        """Run to the first step without a recorded result, checking each recorded one against the code."""
        advance = self._drive(lambda: self._coroutine.send(None))
        for result in recorded:
            if isinstance(advance, Finished):
                return self._changed(f"the flow is over after {self.step + 1} steps, but more were recorded")
            asked = fingerprint(advance.request)
            if (result.verb, result.fingerprint) != (advance.request.verb, asked):
                return self._changed(
                    f"step {advance.step} was {result.verb} ({result.fingerprint}), the code now asks for {advance.request}"
                )
            advance = self.resume(result)
        return advance

    def resume(self, result: StepResult) -> Advance:
        """Give the awaited step its result and run to the next one."""
        if self._request is None or self.finished is not None:
            raise LocalError("a flow was resumed that waits for nothing")
        if result.outcome is StepOutcome.HUNG_UP:
            return self._drive(lambda: self._coroutine.throw(HungUp()))
        if result.outcome is StepOutcome.FAILED:
            return self._drive(lambda: self._coroutine.throw(StepFailed(result.value)))
        value = result.value if isinstance(self._request, AskDigits) else None
        return self._drive(lambda: self._coroutine.send(value))

    def drop(self) -> None:
        """Forget the coroutine without letting its `finally` blocks reach anything."""
        _close_quietly(self._coroutine)

    def _drive(self, push: Callable[[], object]) -> Advance:
        try:
            yielded = push()
        except StopIteration:
            return self._finish(Finished(FlowEnding.RETURNED))
        except HungUp:
            return self._finish(Finished(FlowEnding.HUNG_UP))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return self._finish(Finished(FlowEnding.RAISED, _traceback_text(error)))
        if not isinstance(yielded, Say | AskDigits | HangUp):
            return self._misused(yielded)
        self.step += 1
        if self.step >= FLOW_STEPS_MAX:
            return self._finish(Finished(FlowEnding.RAISED, f"the flow took more than {FLOW_STEPS_MAX} steps"))
        self._request = yielded
        return Waiting(yielded, self.step)

    def _misused(self, yielded: object) -> Advance:
        what = FlowMisuse(
            f"a flow may await only the verbs of its call (say, ask_digits, hangup); it awaited something that gave "
            f"{type(yielded).__name__}. Sleeping, sockets, files and other coroutines cannot be replayed after a crash"
        )
        error: BaseException = what
        try:
            self._coroutine.throw(what)
        except BaseException as raised:
            error = raised
        return self._finish(Finished(FlowEnding.RAISED, _traceback_text(error)))

    def _changed(self, what: str) -> Finished:
        return self._finish(Finished(FlowEnding.CHANGED, what))

    def _finish(self, finished: Finished) -> Finished:
        self.finished = finished
        self._request = None
        _close_quietly(self._coroutine)
        return finished


def _close_quietly(coroutine: Coroutine[Any, Any, None]) -> None:
    try:
        coroutine.close()
    except BaseException:  # noqa: S110 - whatever a finally block raises while being dropped concerns nobody
        pass


def _traceback_text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-FLOW_TRACEBACK_CHARS_MAX:]
