"""How what is said in an exercise differs from the same in earnest: nobody can take one for the other.

The mark stands in the subject, above the text and below it, and callers hear it first. Outlets refuse what belongs to
an exercise and is not marked, and what is marked and belongs to none.
"""

from typing import Final

EXERCISE: Final = "EXERCISE"
ABOVE: Final = (
    "EXERCISE - EXERCISE - EXERCISE. This is a drill: nothing has failed, and nothing is to be done in earnest."
)
BELOW: Final = "End of this message. EXERCISE - EXERCISE - EXERCISE."
_SPOKEN: Final = {
    "de": "Dies ist eine Übung.",
    "en": "This is an exercise.",
    "es": "Esto es un simulacro.",
    "fr": "Ceci est un exercice.",
    "it": "Questa è un'esercitazione.",
    "nl": "Dit is een oefening.",
    "pt": "Isto é um exercício.",
}


def spoken_mark(language: str) -> str:
    """What callers hear first, in their language where we know it."""
    return _SPOKEN.get(language.partition("-")[0], _SPOKEN["en"])


def marked_subject(subject: str) -> str:
    """The subject with the mark, once."""
    return subject if subject.startswith(f"{EXERCISE}: ") else f"{EXERCISE}: {subject}"


def marked_text(text: str) -> str:
    """The text between two lines that say so, once."""
    return text if _is_framed(text) else f"{ABOVE}\n\n{text}\n\n{BELOW}"


def marked_greeting(text: str, language: str) -> str:
    """What callers hear, with the mark before it, once."""
    mark = spoken_mark(language)
    return text if text.startswith(mark) else f"{mark} {text}"


def mistake_in_mark(exercise: str, subject: str, text: str) -> str:
    """Why an outlet must not pass this on; empty where it may."""
    if exercise and not (subject.startswith(f"{EXERCISE}: ") and _is_framed(text)):
        return f"it belongs to the exercise {exercise} and does not say so"
    if not exercise and (subject.startswith(EXERCISE) or ABOVE in text):
        return "it is marked as an exercise and belongs to none"
    return ""


def mistake_in_greeting(exercise: str, text: str, language: str) -> str:
    """The same of what callers hear."""
    is_marked = text.startswith(spoken_mark(language))
    if bool(exercise) == is_marked:
        return ""
    return (
        f"it belongs to the exercise {exercise} and does not say so" if exercise else "it says that it is an exercise"
    )


def _is_framed(text: str) -> bool:
    return text.startswith(ABOVE) and text.rstrip().endswith(BELOW)
