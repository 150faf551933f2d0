"""A flow whose caller hears something first. What that is was decided when the call came, and is on record with it."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any

from keepline.flow.engine import FlowFunction, StepFailedError
from keepline.flow.verbs import Call


def greeted(function: FlowFunction, text: str, language: str) -> Callable[[Call], Coroutine[Any, Any, Any]]:
    """The flow after the words; where they cannot be said it goes on without."""

    @wraps(function)
    async def greet(call: Call) -> Any:
        with suppress(StepFailedError):
            await call.say(text, language=language)
        return await function(call)

    return greet
