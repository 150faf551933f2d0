"""Keys as tones: what ITU-T Q.24 (annex A) wants heard, and what it wants taken for no key."""

import numpy as np
import numpy.typing as npt
import pytest

from keepline.connectors.speech.engine import SpeechEngine
from keepline.rtp import g711
from keepline.rtp.inband import HIGH_HZ, KEYS, LOW_HZ, ToneEar
from keepline.rtp.loudness import PCMA, PCMU
from tests.unit.speech.test_engines import EspeakEngine, load

Sound = npt.NDArray[np.float64]
ALL = "1234567890*#ABCD"
PEAK_0_DBM0 = 22_300
STARTS_MS = np.arange(0, 13, 1.0)
"""Places of a beginning within a block."""
CALM = np.random.default_rng(24)


def silence(length_ms: float) -> Sound:
    return np.zeros(round(length_ms * 8))


def tone(
    key: str, length_ms: float, *, dbm0: float = -10.0, twist_db: float = 0.0, low: float = 0.0, high: float = 0.0
) -> Sound:
    """A key; `twist_db` is how much louder its high tone is, `low` and `high` by how much each is off."""
    row = next(at for at, keys in enumerate(KEYS) if key in keys)
    time_s = np.arange(round(length_ms * 8)) / 8000
    peaks = [PEAK_0_DBM0 * 10 ** (each / 20) for each in (dbm0 - max(twist_db, 0), dbm0 + min(twist_db, 0))]
    turns = [LOW_HZ[row] * (1 + low) * time_s, HIGH_HZ[KEYS[row].index(key)] * (1 + high) * time_s + 0.1]
    return np.add(*(peak * np.sin(2 * np.pi * turn) for peak, turn in zip(peaks, turns, strict=True)))


def coded(sound: Sound, payload_type: int = PCMU) -> bytes:
    samples = np.clip(sound, -32_768, 32_767).astype(np.int16)
    return (g711.encode_alaw if payload_type == PCMA else g711.encode_ulaw)(samples)


def heard(*parts: Sound, payload_type: int = PCMU, frame_ms: int = 20) -> str:
    audio, ear = coded(np.concatenate(parts), payload_type), ToneEar(payload_type)
    size = 8 * frame_ms
    return "".join(ear.hear(audio[at : at + size]) for at in range(0, len(audio), size))


def twice(key: str, start_ms: float, length_ms: float = 40, pause_ms: float = 40, **how: float) -> str:
    """What is heard of a key that is pressed twice."""
    pressed = tone(key, length_ms, **how)
    return heard(silence(50 + start_ms), pressed, silence(pause_ms), pressed, silence(50))


@pytest.mark.parametrize("payload_type", [PCMU, PCMA])
@pytest.mark.parametrize("frame_ms", [10, 20, 30, 40, 60])
def test_every_key_in_frames_of_any_length(payload_type: int, frame_ms: int) -> None:
    parts = [part for key in ALL for part in (tone(key, 50), silence(50))]
    assert heard(*parts, payload_type=payload_type, frame_ms=frame_ms) == ALL


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("dbm0", [-3.0, -10.0, -25.0])
def test_q24_40_ms_of_tone_and_of_pause_are_enough_wherever_they_begin(key: str, dbm0: float) -> None:
    assert [twice(key, start_ms, dbm0=dbm0) for start_ms in STARTS_MS] == [key * 2] * len(STARTS_MS)


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("twist_db", [4.0, -8.0])
def test_q24_one_tone_may_be_louder(key: str, twist_db: float) -> None:
    assert [twice(key, start_ms, 50, 50, twist_db=twist_db) for start_ms in STARTS_MS] == [key * 2] * len(STARTS_MS)


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("off", [(0.015, 0.015), (-0.015, -0.015), (0.015, -0.015), (-0.015, 0.015)])
def test_q24_a_tone_may_be_off_by_1_5_percent(key: str, off: tuple[float, float]) -> None:
    assert [twice(key, start_ms, low=off[0], high=off[1]) for start_ms in STARTS_MS] == [key * 2] * len(STARTS_MS)


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("off", [(0.035, 0), (-0.035, 0), (0, 0.035), (0, -0.035)])
def test_q24_a_tone_that_is_off_by_3_5_percent_is_no_key(key: str, off: tuple[float, float]) -> None:
    how = dict(zip(("low", "high"), off, strict=True))
    assert [twice(key, start_ms, 100, **how) for start_ms in STARTS_MS] == [""] * len(STARTS_MS)


@pytest.mark.parametrize("key", ALL)
@pytest.mark.parametrize("how", [{"length_ms": 23}, {"dbm0": -55.0}, {"twist_db": 16.0}, {"twist_db": -18.0}])
def test_q24_too_short_too_low_and_too_unlike_are_no_key(key: str, how: dict[str, float]) -> None:
    assert [twice(key, start_ms, **how) for start_ms in STARTS_MS] == [""] * len(STARTS_MS)


@pytest.mark.parametrize("gap_ms", [3, 6, 10])
def test_q24_an_interruption_of_10_ms_does_not_make_two_of_one(gap_ms: int) -> None:
    for key in ALL:
        for start_ms in STARTS_MS:
            assert heard(silence(start_ms), tone(key, 50), silence(gap_ms), tone(key, 50), silence(50)) == key


def test_a_key_counts_once_however_long_it_is_held() -> None:
    assert heard(tone("5", 5_000), silence(50), tone("5", 3_000)) == "55"


def test_keys_without_a_pause_are_told_apart() -> None:
    assert heard(tone("1", 80), tone("2", 80), tone("5", 80), silence(60)) == "125"


@pytest.mark.parametrize("snr_db", [24, 15, 12])
def test_q24_noise_hides_no_key(snr_db: int) -> None:
    for key in ALL:
        pressed = np.concatenate([silence(50), tone(key, 50), silence(50), tone(key, 50), silence(50)])
        level = np.sqrt(np.mean(tone(key, 50) ** 2) / 10 ** (snr_db / 10))
        assert heard(pressed + CALM.normal(0, level, len(pressed))) == key * 2


@pytest.mark.parametrize("level", [30, 300, 3_000, 12_000])
def test_noise_is_no_key(level: int) -> None:
    assert heard(CALM.normal(0, level, 8_000 * 30)) == ""


@pytest.mark.parametrize("frequency_hz", [350, 425, 440, 480, 620, 697, 852, 1_000, 1_209, 1_400, 1_477, 1_800, 2_100])
def test_one_tone_is_no_key(frequency_hz: int) -> None:
    time_s = np.arange(8_000) / 8_000
    assert heard(8_000 * np.sin(2 * np.pi * frequency_hz * time_s)) == ""


def test_tones_of_the_network_are_no_keys() -> None:
    time_s = np.arange(16_000) / 8_000
    for pair in ((350, 440), (440, 480), (480, 620), (697, 852), (1_209, 1_477)):
        assert heard(np.add(*(5_000 * np.sin(2 * np.pi * each * time_s) for each in pair))) == ""


SENTENCES = (
    "Please enter your eight digit invoice number, and then press hash. One, two, three, four, five, six, nine.",
    "Veuillez saisir votre numéro de commande. Un, deux, trois, quatre, cinq, six, sept, huit, neuf, dix, zéro, onze.",
    "Bitte geben Sie Ihre Kundennummer ein: eins, zwei, drei, vier, fünf, sechs, sieben, acht, neun, zehn, null, elf.",
    "Oh, eh, ih, oh, uh, aaaa, eeee, iiii, oooo, uuuu, mmmm, nnnn, ssss, wow, yeah, hello? Is there anybody there?",
)


def test_speech_is_no_key() -> None:
    engine: SpeechEngine = load(EspeakEngine)
    for sentence, language in zip(SENTENCES * 3, ("en", "fr", "de", "es", "en", "en") * 2, strict=True):
        pcm = engine.synthesise(sentence, language)
        places = np.arange(0, len(pcm.samples), pcm.rate_hz / 8_000)
        assert heard(np.interp(places, np.arange(len(pcm.samples)), pcm.samples.astype(float))) == ""


def test_a_key_is_heard_in_front_of_speech_that_is_not_too_loud() -> None:
    engine: SpeechEngine = load(EspeakEngine)
    pcm = engine.synthesise(SENTENCES[0], "en")
    places = np.arange(0, len(pcm.samples), pcm.rate_hz / 8_000)
    speech = np.interp(places, np.arange(len(pcm.samples)), pcm.samples.astype(float))
    speech *= 300 / np.sqrt(np.mean(speech**2))
    sound = speech[: 8_000 * 3].copy()
    sound[8_000:8_800] += tone("7", 100)
    assert heard(sound) == "7"


# Gaps, and another process ------------------------------------------------------------------------------------------


def test_packets_that_are_lost_end_no_key() -> None:
    ear = ToneEar()
    assert ear.hear(coded(tone("4", 60))) == "4"
    ear.skip(160, lost=True)
    assert ear.hear(coded(tone("4", 60))) == ""


def test_a_pause_that_was_not_sent_is_a_pause() -> None:
    ear = ToneEar()
    assert ear.hear(coded(tone("4", 60))) == "4"
    ear.skip(400, lost=False)
    assert ear.hear(coded(tone("4", 60))) == "4"


def test_a_successor_does_not_count_the_key_that_is_held() -> None:
    ear = ToneEar(PCMU, "4")
    assert ear.hear(coded(np.concatenate([tone("4", 200), silence(60), tone("4", 60), silence(20)]))) == "4"
    assert ToneEar(PCMU, "4").hear(coded(np.concatenate([silence(60), tone("4", 60), silence(20)]))) == "4"
    assert ToneEar(PCMU, "4").hear(coded(tone("9", 60))) == "9"
