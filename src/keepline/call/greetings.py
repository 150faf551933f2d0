"""What callers hear before anything else, while an incident is open: the latest that still counts, in their language.

Which one a call began with is in its first fact, so whoever takes over says the same. It is a fold over facts.
"""

import json
from collections.abc import Mapping

from keepline.call.facts.message import GreetingLifted, GreetingSet
from keepline.model.operation import Number, Operation


class Greetings:
    """One for each incident; the one that was set last is heard."""

    __slots__ = ("by_incident",)

    def __init__(self) -> None:
        self.by_incident: dict[str, tuple[GreetingSet, Mapping[str, str]]] = {}

    def note(self, fact: object) -> None:
        """Take notice of a fact, of whatever kind."""
        if isinstance(fact, GreetingSet):
            self.by_incident.pop(fact.incident, None)  # the latest stands last
            self.by_incident[fact.incident] = (fact, json.loads(fact.texts))
        elif isinstance(fact, GreetingLifted):
            self.by_incident.pop(fact.incident, None)

    def of(self, language: str, otherwise: str, now_s: float) -> tuple[str, str]:
        """The text and its language; empty where there is none, `otherwise` being the operation's language."""
        for fact, texts in reversed(self.by_incident.values()):
            if now_s < fact.until_s:
                for each in (language, language.partition("-")[0], otherwise):
                    if each in texts:
                        return texts[each], each
        return "", ""


def greeting_for(greetings: Greetings, operation: Operation, number: Number | None, now_s: float) -> dict[str, str]:
    """What a call to this number begins with, as fields of its first fact; nothing for one that tests a carrier."""
    if not greetings.by_incident or number is None or number.flow not in operation.flows:
        return {}
    text, language = greetings.of(number.language or operation.language, operation.language, now_s)
    return {"greeting": text, "greeting_language": language} if text else {}
