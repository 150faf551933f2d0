"""Checkpoints that somebody outside the node kept: how they stand in a text, and how they are found there again.

A witness's text may hold anything beside the notes: a line with the time before each, a mail's greeting, half a note
that a full disk cut off. Whether a note is genuine is its signature's to say, and `verify`'s.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from keepline.proof.checkpoint import DASH, SignedCheckpoint

_NOTE: Final = re.compile(
    r"^(?:# (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)[^\n]*\n)?"
    r"(?P<note>[^\n#][^\n]*\n[^\n]*\n[^\n]*\n\n" + rf"(?:{DASH}[^\n]+(?:\n|\Z))+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class KeptNote:
    """A note that somebody kept."""

    note: str
    source: str
    """Who kept it, in words."""
    at_s: float | None = None
    """When it came there, seconds since the epoch; None where nobody says."""


def utc(at_s: float) -> str:
    """`2026-11-22 20:47:21 UTC`."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def block_of(checkpoint: SignedCheckpoint, at_s: float) -> str:
    """What is appended to a text of notes: a line with the time, and the note."""
    return f"# {datetime.fromtimestamp(at_s, UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}\n{checkpoint.note}"


def notes_in(text: str, source: str = "", at_s: float | None = None) -> Iterator[KeptNote]:
    """The notes of a text, one after the other; `at_s` is when those came that have no time of their own."""
    for found in _NOTE.finditer(text.replace("\r\n", "\n")):
        own = found["at"]
        when = datetime.strptime(own, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp() if own else at_s
        yield KeptNote(found["note"].rstrip("\n") + "\n", source, when)
