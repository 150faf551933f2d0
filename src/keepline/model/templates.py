"""Texts with facts in them: `{opened}`, or `{commander|nobody yet}` where it may be missing.

Strict: a fact that there is none of is a mistake in the file, and so is one that may be missing without words for that.
Nothing else in braces is understood, and nothing is ever evaluated.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

ALWAYS: Final = {
    "operation": "the operation's name",
    "incident": "id of the incident",
    "cause": "what has failed, in a few words",
    "severity": "critical, major or minor",
    "opened": "when it was noticed, `10:05`",
    "now": "when this is sent, `10:12`",
    "minutes": "minutes since it was noticed",
    "next_update": "by when the next message is promised, `10:40`",
}
"""Facts that every incident has."""
PERHAPS: Final = {
    "capabilities": "the capabilities that are affected",
    "paths": "the paths that failed",
    "customers": "callers who have felt it so far",
    "commander": "who commands it",
    "page": "address of the status page",
}
"""Facts that an incident may be without: they need words for that."""
FACTS: Final = {**ALWAYS, **PERHAPS}
_PIECE = re.compile(r"\{([a-z_]+)(?:\|([^{}]*))?\}|[{}]")


def facts_in(text: str) -> tuple[str, ...]:
    """The facts that a text wants, each once."""
    return tuple(dict.fromkeys(found[1] for found in _PIECE.finditer(text) if found[1]))


def mistakes_in(text: str, meant: Callable[[str, list[str]], str]) -> list[tuple[int, str, str]]:
    """What is wrong with a text: where in it, what, and what would be right; `meant` says which name was."""
    found = []
    for piece in _PIECE.finditer(text):
        name, instead = piece[1], piece[2]
        if not name:
            right = "write a fact as `{opened}`; braces mean nothing else"
            found.append((piece.start(), f"`{piece[0]}` stands alone", right))
        elif name not in FACTS:
            found.append((piece.start(), f"there is no fact `{name}`", meant(name, list(FACTS))))
        elif name in PERHAPS and not (instead or "").strip():
            right = f"say what stands there then: `{{{name}|WORDS}}`"
            found.append((piece.start(), f"`{{{name}}}` may be missing", right))
    return found


def fill(text: str, facts: Mapping[str, str]) -> str:
    """The text with its facts; raises `KeyError` for one that is missing and has no words for that."""

    def put(piece: re.Match[str]) -> str:
        if not piece[1]:
            return piece[0]
        told = facts.get(piece[1], "")
        if told:
            return told
        if piece[2] is None:
            raise KeyError(piece[1])
        return piece[2]

    return _PIECE.sub(put, text)
