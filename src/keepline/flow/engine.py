"""Drives one flow: a coroutine whose awaits are steps, replayed from their recorded results after a crash.

The engine knows nothing of calls, media or journals. It takes results in and says what the flow waits for next. A
coroutine that is dropped emits nothing from its `finally`: only a driven coroutine can reach the world, and only
through the requests it hands to the engine.
"""

import inspect
import traceback
from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from typing import Any, TypeVar

from keepline.flow.questions import Reason
from keepline.flow.runs import Run
from keepline.flow.steps import StepOutcome, StepRequest, StepResult, fingerprint
from keepline.flow.verbs import Call, HangUp
from keepline.model.errors import KeeplineError, LocalError
from keepline.model.frozen import frozen
from keepline.model.limits import (
    FLOW_CLOSINGS_MAX,
    FLOW_STEPS_AFTER_HANGUP_MAX,
    FLOW_STEPS_MAX,
    FLOW_TRACEBACK_CHARS_MAX,
)

FlowFunction = Callable[[Any], Coroutine[Any, Any, Any]]
"""It takes a `Call`, or a `Run` where it says so."""
F = TypeVar("F", bound=Callable[..., Any])


def flow(function: F) -> F:
    """Mark an async function that takes a `Call`, or a `Run`, as a flow, so that the operation file can name it."""
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"@flow: {getattr(function, '__name__', function)} must be an `async def`")
    function.__keepline_flow__ = True  # type: ignore[attr-defined]
    return function


def takes_run(function: object) -> bool:
    """Whether a flow is for runs: its first parameter is annotated `Run`."""
    annotations = getattr(function, "__annotations__", {})
    parameters = [name for name in annotations if name != "return"]
    names = getattr(getattr(function, "__code__", None), "co_varnames", ())[:1]
    kind = annotations[parameters[0]] if parameters and parameters[0] in names else None
    return kind is Run or (isinstance(kind, str) and kind.rpartition(".")[2] == Run.__name__)


class HungUp(BaseException):
    """The caller is gone. A `BaseException`, so that a flow's `except Exception` does not swallow it."""

    reason = Reason.HUNG_UP


class FlowMisuseError(KeeplineError):
    """A flow did what cannot be replayed; the text tells its author what to do instead."""


class FlowEnding(Enum):
    """Why a flow is over."""

    RETURNED = "returned"
    HUNG_UP = "hung_up"
    RAISED = "raised"
    CHANGED = "changed"
    """The code asks for other steps than those recorded, so its place cannot be found again."""


@frozen
class Waiting:
    """The flow waits for the result of this request."""

    request: StepRequest
    step: int
    """0-based number of the step."""


@frozen
class Finished:
    """The flow is over."""

    ending: FlowEnding
    error: str = ""
    """The traceback, where it raised."""
    value: object = None
    """What it returned."""


Advance = Waiting | Finished


class StepFailedError(KeeplineError):
    """Raised in a flow at a verb that could not be carried out. Its author may catch it and go on."""


class FlowRun:
    """One execution of a flow. Feed it results; it says what it waits for."""

    __slots__ = ("_call", "_coroutine", "_function", "_request", "_steps_alone", "finished", "step")

    def __init__(self, function: FlowFunction, call: Call | Run) -> None:
        self._function = function
        self._call = call
        self._coroutine: Coroutine[Any, Any, None] | None = None
        self._request: StepRequest | None = None
        self._steps_alone = 0
        """Steps from the one on that ended the call."""
        self.step = -1
        self.finished: Finished | None = None

    def start(self, recorded: Sequence[StepResult] = ()) -> Advance:
        """Run to the first step without a recorded result, checking each recorded one against the code."""
        if self._coroutine is not None or self.finished is not None:
            raise LocalError("a flow was started twice")
        advance = self._drive(self._begin, None)
        for result in recorded:
            if isinstance(advance, Finished):
                return self._changed(f"the flow is over after {self.step + 1} steps, but more were recorded")
            asked = fingerprint(advance.request)
            if (result.verb, result.fingerprint) != (advance.request.verb, asked):
                was = f"{result.verb} ({result.fingerprint})"
                return self._changed(f"step {advance.step} was {was}, the code now asks for {advance.request}")
            advance = self.resume(result)
        return advance

    def resume(self, result: StepResult) -> Advance:
        """Give the awaited step its result and run to the next one."""
        request, coroutine = self._request, self._coroutine
        if request is None or coroutine is None or self.finished is not None:
            raise LocalError("a flow was resumed that waits for nothing")
        if self._steps_alone or result.outcome is StepOutcome.HUNG_UP or isinstance(request, HangUp):
            self._steps_alone += 1
            if self._steps_alone > FLOW_STEPS_AFTER_HANGUP_MAX:
                what = f"the flow took more than {FLOW_STEPS_AFTER_HANGUP_MAX} steps after the call was over"
                return self._finish(Finished(FlowEnding.RAISED, what))
        if isinstance(self._call, Run):
            self._call.now_s = result.at_s
        else:
            self._call.is_silent = result.line_silent
        if result.outcome is StepOutcome.HUNG_UP:
            return self._drive(coroutine.throw, HungUp())
        if result.outcome is StepOutcome.FAILED:
            return self._drive(coroutine.throw, StepFailedError(result.value))
        return self._drive(coroutine.send, request.returned(result))

    @property
    def language(self) -> str:
        """The call's, as the flow has set it."""
        return self._call.language if isinstance(self._call, Call) else ""

    def drop(self) -> None:
        """Forget the coroutine without letting its `finally` blocks reach anything."""
        self._request = None
        if self._coroutine is not None:
            _close_quietly(self._coroutine)

    def _begin(self, _nothing: None) -> object:
        # Here, not in the constructor: a flow that does not take one argument is its author's mistake too.
        self._coroutine = self._function(self._call)
        return self._coroutine.send(None)

    def _drive(self, push: Callable[[Any], object], given: object) -> Advance:
        try:
            yielded = push(given)
        except StopIteration as returned:
            return self._finish(Finished(FlowEnding.RETURNED, value=returned.value))
        except HungUp:
            return self._finish(Finished(FlowEnding.HUNG_UP))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: no flow ends the process
            return self._finish(Finished(FlowEnding.RAISED, _traceback_text(error)))
        if not isinstance(yielded, StepRequest):
            return self._misused(yielded)
        self.step += 1
        if self.step >= FLOW_STEPS_MAX:
            return self._finish(Finished(FlowEnding.RAISED, f"the flow took more than {FLOW_STEPS_MAX} steps"))
        self._request = yielded
        return Waiting(yielded, self.step)

    def _misused(self, yielded: object) -> Advance:
        what = FlowMisuseError(
            f"a flow may await only the verbs of its call; it awaited something that gave "
            f"{type(yielded).__name__}. Sleeping, sockets, files and other coroutines cannot be replayed after a crash"
        )
        error: BaseException = what
        coroutine = self._coroutine
        assert coroutine is not None
        # Thrown into the flow, so that the traceback names its line. Whatever the flow makes of it, it is over.
        try:
            coroutine.throw(what)
        except StopIteration:
            pass
        except KeyboardInterrupt:
            raise
        except BaseException as raised:
            error = raised
        return self._finish(Finished(FlowEnding.RAISED, _traceback_text(error)))

    def _changed(self, what: str) -> Finished:
        return self._finish(Finished(FlowEnding.CHANGED, what))

    def _finish(self, finished: Finished) -> Finished:
        self.finished = finished
        self.drop()
        return finished


def _close_quietly(coroutine: Coroutine[Any, Any, None]) -> None:
    """Close it whatever its `finally` blocks do: an await in one of them only makes another attempt necessary."""
    for _ in range(FLOW_CLOSINGS_MAX):
        try:
            coroutine.close()
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever a flow raises while it is dropped concerns nobody
            continue
        return


def _traceback_text(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))[-FLOW_TRACEBACK_CHARS_MAX:]
    return text.encode(errors="replace").decode()  # the journal takes whole characters only
