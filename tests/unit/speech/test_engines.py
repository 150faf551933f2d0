"""One suite for every speech engine, the fake one and espeak-ng alike."""

import numpy as np
import pytest

from keepline.connectors.speech.engine import SpeechEngine, SpeechError
from keepline.connectors.speech.espeak import EspeakEngine
from keepline.connectors.speech.fake import FakeEngine
from keepline.model.errors import LocalError

LOADED: dict[str, SpeechEngine] = {}


def load(kind: type[SpeechEngine]) -> SpeechEngine:
    if kind.__name__ not in LOADED:
        LOADED[kind.__name__] = kind()
    return LOADED[kind.__name__]


@pytest.fixture(params=[FakeEngine, EspeakEngine], ids=["fake", "espeak"])
def engine(request: pytest.FixtureRequest) -> SpeechEngine:
    # espeak-ng keeps its state in globals: a process loads it once.
    return load(request.param)


def test_a_text_becomes_sound(engine: SpeechEngine) -> None:
    pcm = engine.synthesise("Hello. Please enter your number.", "en")
    assert pcm.samples.dtype == np.int16
    assert pcm.samples.ndim == 1
    assert 8000 <= pcm.rate_hz <= 48000
    assert 0.5 < pcm.length_s < 10
    assert np.abs(pcm.samples.astype(np.int32)).max() > 1000


def test_a_longer_text_takes_longer(engine: SpeechEngine) -> None:
    short, long = engine.synthesise("One two", "en"), engine.synthesise("One two three four five six seven", "en")
    assert long.length_s > short.length_s


def test_the_same_text_sounds_the_same_after_another(engine: SpeechEngine) -> None:
    first = engine.synthesise("Thank you.", "en")
    engine.synthesise("Danke.", "de")
    # Not to the sample: espeak-ng keeps a little of what it said before.
    assert engine.synthesise("Thank you.", "en").length_s == pytest.approx(first.length_s, rel=0.02)


def test_languages_differ_and_their_case_does_not_matter(engine: SpeechEngine) -> None:
    assert {"en", "en-us", "de"} <= engine.languages()
    german, english = engine.synthesise("Danke", "de"), engine.synthesise("Danke", "en-US")
    assert len(german.samples) != len(english.samples) or (german.samples != english.samples).any()


@pytest.mark.parametrize("language", ["xx", "", "../../etc/passwd", "en-zz", "e" * 5000, "\0"])
def test_an_unknown_language_says_what_is_known(engine: SpeechEngine, language: str) -> None:
    with pytest.raises(SpeechError, match="unknown language"):
        engine.synthesise("Hello", language)


def test_a_near_language_is_offered(engine: SpeechEngine) -> None:
    with pytest.raises(SpeechError, match=r"near it are .*en-us"):
        engine.synthesise("Hello", "en-zz")


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\0"])
def test_a_text_without_sound_is_refused(engine: SpeechEngine, text: str) -> None:
    with pytest.raises(SpeechError):
        engine.synthesise(text, "en")


@pytest.mark.parametrize(
    "text", ["a\0b", "\x01v9 louder", "[[h@l'oU]] & <b>bold</b>", "Grüße 🎉 你好", "\ud800 lone", "x" * 500]
)
def test_any_text_is_spoken_as_plain_text(engine: SpeechEngine, text: str) -> None:
    assert engine.synthesise(text, "en").length_s > 0


def test_a_voice_without_its_dictionary_is_an_error_not_silence() -> None:
    engine = load(EspeakEngine)
    with pytest.raises(SpeechError, match="no sound"):
        engine.synthesise("Hello", "fo")


def test_a_process_has_one_espeak() -> None:
    load(EspeakEngine)
    with pytest.raises(LocalError, match="second espeak-ng"):
        EspeakEngine()
