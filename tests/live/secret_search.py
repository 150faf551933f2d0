"""Looks for digits in whatever was written: as text in any spacing and encoding, packed, event by event, as tones."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from keepline.rtp import g711

RUN = 4
"""Digits in a row of a number that are a leak."""
PACKED_RUN = 10
"""In bytes that may be anything, fewer are found by chance."""
LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
SOUNDS, SOUND_RUN = (".ulaw", ".alaw", ".wav"), 7
"""In samples, four digits are found by chance."""
_WINDOW, _HOP = 205, 80
_TONE_SHARE = 0.6
"""Of a window's energy in two tones."""
_TONE_LEVEL = 40.0
_WINDOWS_MIN = 3
_FLOAT = re.compile(rb"\d+\.\d+(?:e[-+]?\d+)?")
_SECOND = re.compile(rb"(?<![0-9])1[789][0-9]{8}(?![0-9])")
"""A time, in whole seconds since 1970."""
_HEX = re.compile(rb"[0-9a-f]*[a-f][0-9a-f]*")
_SEPARATORS = (b" ", b"-", b",", b", ", b".", b"\n", b"|", b'","', b'", "', b"\r\n")


def runs(number: str, length: int = RUN) -> list[str]:
    """Every so many digits in a row of a number."""
    return [number[at : at + length] for at in range(max(1, len(number) - length + 1))]


def _forms(run: str) -> Iterator[tuple[str, bytes]]:
    text = run.encode()
    yield "UTF-16", run.encode("utf-16-le")
    yield "UTF-16", run.encode("utf-16-be")
    for separator in _SEPARATORS:
        yield f"with {separator!r} between", separator.join(bytes([each]) for each in text)


def _packed(number: str) -> Iterator[tuple[str, bytes]]:
    for run in runs(number, PACKED_RUN) if len(number) >= PACKED_RUN else []:
        codes = [int(each) for each in run]
        yield "packed", bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))
        yield "packed, swapped", bytes(low << 4 | high for high, low in zip(codes[::2], codes[1::2], strict=True))
        yield "as codes", bytes(codes)


def in_bytes(data: bytes, number: str, known: Iterable[str] = (), length: int = RUN) -> list[str]:
    """How a number, or four digits of it, stand in data. `known`: random figures of the call, which prove nothing."""
    found = ["the whole of it"] if len(number) > length and number.encode() in data else []
    found += [form for form, pattern in _packed(number) if pattern in data]
    text = data
    for each in sorted(known, key=len, reverse=True):
        text = text.replace(each.encode(), b"~")
    text = _HEX.sub(lambda match: b"~" if len(match[0]) >= 8 else match[0], _SECOND.sub(b"~", _FLOAT.sub(b"~", text)))
    for run in runs(number, length):
        if run.encode() in text:
            found.append(run)
        found += [f"{run} {form}" for form, pattern in _forms(run) if pattern in text]
    return found


def in_events(events: Iterable[Mapping[str, object]], number: str) -> list[str]:
    """Whether fields of facts, one digit each or a few, spell it out in their order."""
    spelled: dict[str, str] = defaultdict(str)
    for event in events:
        for name, value in event.items():
            if isinstance(value, str | int) and not isinstance(value, bool) and len(str(value)) <= RUN:
                spelled[name] += str(value)
    return [f"{run} by {name}" for run in runs(number) for name, text in spelled.items() if run in text]


def in_files(directory: Path, number: str, known: Iterable[str] = ()) -> list[str]:
    """The files below a directory that have it, and how."""
    known = list(known)
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    assert files
    lengths = {path: SOUND_RUN if path.suffix in SOUNDS else RUN for path in files}
    return [f"{path}: {how}" for path in files for how in in_bytes(path.read_bytes(), number, known, lengths[path])]


# Tones ----------------------------------------------------------------------------------------------------------------


def channels(path: Path) -> list["np.typing.NDArray[np.float64]"]:
    """The samples of a recording of ours, by channel; what it says of itself is its header of 58 bytes."""
    data = path.read_bytes()
    tag, count = int.from_bytes(data[20:22], "little"), int.from_bytes(data[22:24], "little")
    decode = g711.decode_ulaw if tag == 7 else g711.decode_alaw
    samples = np.asarray(decode(data[58:])).astype(np.float64)
    return [samples[at::count] for at in range(count)]


def _power(window: "np.typing.NDArray[np.float64]", hertz: float) -> float:
    """Goertzel's, as a share of what the window would have if it were that tone alone."""
    coefficient = 2 * np.cos(2 * np.pi * hertz / 8000)
    before, last = 0.0, 0.0
    for sample in window:
        before, last = last, float(sample) + coefficient * last - before
    return float(last**2 + before**2 - coefficient * last * before) / (len(window) / 2)


def tones(samples: "np.typing.NDArray[np.float64]") -> str:
    """The keys whose tones are to be heard, in order: more is found than a telephone exchange would take for a key."""
    keys, count, before = "", 0, ""
    for at in range(0, len(samples) - _WINDOW, _HOP):
        key = _key(samples[at : at + _WINDOW])
        count = count + 1 if key and key == before else 1
        before = key
        if key and count == _WINDOWS_MIN:
            keys += key
    return keys


def _key(window: "np.typing.NDArray[np.float64]") -> str:
    energy = float((window**2).sum())
    if energy < _TONE_LEVEL**2 * len(window):
        return ""
    low, high = ([_power(window, hertz) for hertz in row] for row in (LOW_HZ, HIGH_HZ))
    if max(low) + max(high) < _TONE_SHARE * energy or min(max(low), max(high)) < 0.1 * energy:
        return ""
    return KEYS[low.index(max(low))][high.index(max(high))]


def facts_of(lines: Iterable[str]) -> list[dict[str, object]]:
    """Facts that stand as JSON, a line each."""
    return [json.loads(line) for line in lines]
