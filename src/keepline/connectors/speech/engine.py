"""What a speech engine is: a text and a language in, samples out.

An engine knows nothing of telephones, files on disk or caching. It may be slow and need not be thread-safe: the speech
process uses one engine from one thread.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from keepline.model.errors import KeeplineError

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Pcm:
    """Mono sound."""

    samples: Samples
    rate_hz: int

    @property
    def length_s(self) -> float:
        return len(self.samples) / self.rate_hz


class SpeechError(KeeplineError):
    """This prompt cannot be made, now or later: the request is wrong, or the engine cannot do it."""


class SpeechEngine(Protocol):
    """Text to speech."""

    def languages(self) -> frozenset[str]:
        """The language tags it speaks, in lower case: `en`, `en-us`, `de`."""
        ...

    def synthesise(self, text: str, language: str) -> Pcm:
        """Speak `text`; raises SpeechError for a language it does not know or a text without sound."""
        ...


def unknown_language(language: str, known: frozenset[str]) -> SpeechError:
    """The error for a language that an engine does not speak, with what would be right."""
    base = language.lower().split("-")[0][:2]
    near = sorted((tag for tag in known if base and tag.startswith(base)), key=lambda tag: (len(tag), tag))[:5]
    offer = (
        f"near it are {', '.join(near)}"
        if near
        else f"{len(known)} are known, among them "
        + ", ".join(tag for tag in ("de", "en", "en-us", "es", "fr") if tag in known)
    )
    return SpeechError(f"unknown language {language!r}; {offer}")
