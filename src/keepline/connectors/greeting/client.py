"""The greeting as a path: its words are spoken and lie on the disk before a call can begin with them.

`spoken` has speech make the words with the facts of the incident; `standing` takes those without facts, which were made
when the node started. Who is set is the core's to put on record: it is told, in the same round, and may know better.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from keepline.call.effects_message import SetGreeting
from keepline.connectors.interface import Asked
from keepline.connectors.notes import UNMARKED
from keepline.connectors.speech.client import PromptFailed
from keepline.flow.capabilities import Refused, Reply, Unavailable, UseOutcome
from keepline.model.exercise import mistake_in_greeting
from keepline.model.operation import Prompt


class GreetingConnector:
    """One of the two paths."""

    def __init__(
        self,
        which: str,
        ensure: Callable[[Prompt], Awaitable[str]],
        put: Callable[[SetGreeting], None],
    ) -> None:
        """`which`: `texts` or `standing`; `ensure` gives back when a prompt is on disk; `put` tells the core."""
        self._which, self._ensure, self._put = which, ensure, put

    async def ask(self, asked: Asked) -> UseOutcome:
        """Have it spoken in each language, then set."""
        given: Mapping[str, Any] = asked.arguments
        try:
            texts = {str(language): str(text) for language, text in given[self._which].items()}
            exercise, names = str(given["exercise"]), (str(given["incident"]), str(given["message"]))
        except (KeyError, AttributeError) as error:
            return Unavailable(f"the greeting cannot be made: {type(error).__name__} {error}")
        for language, text in texts.items():
            wrong = mistake_in_greeting(exercise, text, language)
            if wrong:
                return Refused(0, UNMARKED, f"it is not set: {wrong}")
        try:
            for language, text in texts.items():
                await self._ensure(Prompt(text, language=language))
        except PromptFailed as failure:
            return Unavailable(f"it could not be spoken: {failure.what}")
        self._put(SetGreeting(*names, json.dumps(texts, ensure_ascii=False), exercise))
        return Reply({"reference": self._which})

    async def close(self) -> None:
        """Nothing is kept."""
