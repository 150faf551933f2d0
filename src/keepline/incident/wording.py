"""From approved words and an incident to what is said of it: templates with their facts, in each language."""

from collections.abc import Mapping

from keepline.incident.state import Incident
from keepline.model.exercise import marked_greeting
from keepline.model.messages import MessageSettings, MessageWords
from keepline.model.operation import Operation
from keepline.model.templates import fill

Words = Mapping[str, tuple[str, str]]
"""Language -> subject and text."""


def facts_of(incident: Incident, operation: Operation, now_s: float, next_s: float) -> dict[str, str]:
    """What stands in the places of facts, `templates.FACTS`; what is missing is empty."""
    settings = operation.messages or MessageSettings()
    page = operation.status_page
    return {
        "operation": operation.name,
        "incident": incident.id,
        "cause": incident.cause,
        "severity": incident.severity.name.lower(),
        "opened": settings.clock(incident.opened.at_s),
        "now": settings.clock(now_s),
        "minutes": str(max(0, round((now_s - incident.opened.at_s) / 60))),
        "next_update": settings.clock(next_s),
        "capabilities": ", ".join(incident.capabilities),
        "paths": ", ".join(incident.paths),
        "customers": str(incident.customers) if incident.customers else "",
        "commander": incident.commander,
        "page": page.url if page is not None else "",
    }


def words_for(languages: Mapping[str, MessageWords], stage: str, facts: Mapping[str, str]) -> Words:
    """Subject and text in each language; empty where this stage has no words."""
    said = {}
    for language, words in languages.items():
        if words.of(stage):
            said[language] = (fill(words.subject, facts), fill(words.of(stage), facts))
    return said


def in_language(words: Words, language: str, otherwise: str) -> tuple[str, str]:
    """Subject and text for who reads this language: else the operation's, else any that there is."""
    for each in (language, language.partition("-")[0], otherwise):
        if each in words:
            return words[each]
    return next(iter(words.values()))


def greetings_for(texts: Mapping[str, str], *, exercise: str) -> dict[str, str]:
    """What callers hear, with the mark of an exercise before it."""
    return {lang: marked_greeting(text, lang) if exercise else text for lang, text in texts.items()}
