"""What runs when a flow has failed: an apology, then the flow's fallback, as a flow of its own with its own steps."""

import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from keepline.flow.engine import FlowFunction, StepFailedError
from keepline.flow.steps import StepRequest, Verb
from keepline.flow.verbs import Call


@dataclass(frozen=True, slots=True)
class Apologise(StepRequest):
    """Say that something went wrong: in the operation's words, or by tones where there is no speech."""

    by_tones: bool = False

    verb = "apology"


def recovery(fallback: FlowFunction | None) -> Callable[[Call], Coroutine[Any, Any, None]]:
    """The flow that follows one that failed; without a fallback it ends after the apology."""

    async def recover(call: Call) -> None:
        try:
            await _apologise(by_tones=False)
        except StepFailedError:
            with contextlib.suppress(StepFailedError):
                await _apologise(by_tones=True)
        if fallback is not None:
            await fallback(call)

    return recover


def _apologise(*, by_tones: bool) -> Verb[None]:
    return Verb(Apologise(by_tones))
