"""espeak-ng as a speech engine, called in this process through ctypes.

espeak-ng is under the GPL and keeps its state in globals: only the speech process imports this module, and uses it from
one thread. Texts are plain: neither markup nor phonemes are read from them.

Source: espeak-ng 1.52, `speak_lib.h`.
"""

import ctypes
import os

import espeakng_loader
import numpy as np

from keepline.connectors.speech.engine import Pcm, SpeechError, unknown_language
from keepline.model.errors import LocalError

_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POSITION_CHARACTER = 1
_CONTINUE = 0
_HEARD_S_MIN = 0.05
"""Less sound than this is none: so a voice without its dictionary ends, or a text of punctuation alone."""

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    """`espeak_VOICE`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class EspeakEngine:
    """The one espeak-ng of a process."""

    _made = False

    def __init__(self) -> None:
        """Load the library and its voices; raises SpeechError where they cannot be used."""
        if EspeakEngine._made:
            raise LocalError("a second espeak-ng in a process would take the sound of the first")
        try:
            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError as error:
            raise SpeechError(f"espeak-ng does not load: {error}") from None
        # The library cuts paths at 160 bytes without a word; by descriptor every place on disk is short.
        directory = os.open(espeakng_loader.get_data_path(), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._rate_hz = self._library.espeak_Initialize(
            _OUTPUT_SYNCHRONOUS, 0, f"/proc/self/fd/{directory}".encode(), _INITIALIZE_DONT_EXIT
        )
        if self._rate_hz <= 0:
            os.close(directory)
            raise SpeechError(f"espeak-ng cannot use its voices in {espeakng_loader.get_data_path()}")
        self._chunks: list[bytes] = []
        # Kept as an attribute: the library calls it for as long as it lives.
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Synth.argtypes = (
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_void_p, ctypes.c_void_p,
        )  # fmt: skip
        self._voices = self._list_voices()
        EspeakEngine._made = True

    def languages(self) -> frozenset[str]:
        return frozenset(self._voices)

    def synthesise(self, text: str, language: str) -> Pcm:
        voice = self._voices.get(language.lower().replace("_", "-"))
        if voice is None:
            raise unknown_language(language, self.languages())
        plain = "".join(character if character.isprintable() else " " for character in text).strip()
        if not plain:
            raise SpeechError("there is nothing to say in the text")
        # The voice is set each time: a text may have left the last one changed.
        if self._library.espeak_SetVoiceByName(voice) != 0:
            raise SpeechError(f"espeak-ng cannot load its voice {voice.decode()!r} for {language!r}")
        self._chunks = []
        encoded = plain.encode("utf-8", "replace")
        status = self._library.espeak_Synth(
            encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        chunks, self._chunks = self._chunks, []
        if status != 0:
            raise SpeechError(f"espeak-ng failed with status {status}")
        samples = np.frombuffer(b"".join(chunks), dtype=np.int16)
        if len(samples) < _HEARD_S_MIN * self._rate_hz:
            raise SpeechError(f"espeak-ng makes no sound of the text in {language!r}")
        return Pcm(samples, self._rate_hz)

    def _take(self, wave: int | None, count: int, _events: int | None) -> int:
        """The library hands over some sound; it must never see an exception."""
        if wave and count > 0:
            self._chunks.append(ctypes.string_at(wave, 2 * count))
        return _CONTINUE

    def _list_voices(self) -> dict[str, bytes]:
        """Language tag -> the voice that names it with the best (lowest) priority."""
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
        voices = self._library.espeak_ListVoices(None)
        best: dict[str, tuple[int, bytes]] = {}
        index = 0
        while voices[index]:
            voice = voices[index].contents
            for priority, tag in _read_languages(voice.languages):
                if tag not in best or priority < best[tag][0]:
                    best[tag] = (priority, voice.identifier)
            index += 1
        return {tag: identifier for tag, (_, identifier) in best.items()}


def _read_languages(address: int) -> list[tuple[int, str]]:
    """The list in an `espeak_VOICE`: a priority byte and a C string each, ended by a zero byte."""
    found: list[tuple[int, str]] = []
    while (priority := ctypes.string_at(address, 1)[0]) != 0:
        tag = ctypes.string_at(address + 1)
        found.append((priority, tag.decode("ascii", "replace").lower()))
        address += len(tag) + 2
    return found
