"""An engine without a voice: one tone a letter, for tests and dry runs. It depends on nothing but numpy."""

import numpy as np

from keepline.connectors.speech.engine import Pcm, SpeechError, unknown_language

_RATE_HZ = 16000
_TONE_S = 0.06
_LANGUAGES = frozenset({"en", "en-us", "de"})


class FakeEngine:
    """Beeps, the same for the same text and language; its length tells how long the text was."""

    def languages(self) -> frozenset[str]:
        return _LANGUAGES

    def synthesise(self, text: str, language: str) -> Pcm:
        if language.lower() not in _LANGUAGES:
            raise unknown_language(language, _LANGUAGES)
        letters = [character for character in text if character.isalnum()]
        if not letters:
            raise SpeechError("there is nothing to say in the text")
        time_s = np.arange(round(_TONE_S * _RATE_HZ)) / _RATE_HZ
        shift_hz = 20 * sorted(_LANGUAGES).index(language.lower())
        pitches_hz = [300 + shift_hz + 10 * (ord(letter) % 64) for letter in letters]
        tones = [6000 * np.sin(2 * np.pi * pitch_hz * time_s) for pitch_hz in pitches_hz]
        return Pcm(np.concatenate(tones).astype(np.int16), _RATE_HZ)
