"""Prompts as frames in media's memory."""

from pathlib import Path

import pytest

from keepline.model import limits
from keepline.node import media_prompts
from keepline.node.media_prompts import PromptCache

KEY = "01" * 16


def write(directory: Path, key: str, audio: bytes, suffix: str = ".ulaw") -> None:
    (directory / (key + suffix)).write_bytes(audio)


def test_frames_are_whole_and_the_last_is_filled_up(tmp_path: Path) -> None:
    write(tmp_path, KEY, b"a" * 170)
    write(tmp_path, KEY, b"b" * 160, ".alaw")
    cache = PromptCache(tmp_path)
    assert cache.get(KEY, 0) == [b"a" * 160, b"a" * 10 + b"\xff" * 150]
    assert cache.get(KEY, 8) == [b"b" * 160]
    assert cache.bytes == 480


def test_the_least_recently_played_is_dropped_first(tmp_path: Path) -> None:
    keys = [f"{at:032x}" for at in range(4)]
    for key in keys:
        write(tmp_path, key, b"a" * 1600)
    cache = PromptCache(tmp_path, 3 * 1600)
    held = [cache.get(key, 0) for key in keys[:3]]
    cache.get(keys[0], 0)
    cache.get(keys[3], 0)
    assert cache.bytes == 3 * 1600
    assert cache.get(keys[0], 0) is held[0]
    assert cache.get(keys[1], 0) is not held[1]


def test_one_larger_than_the_cache_is_still_played(tmp_path: Path) -> None:
    write(tmp_path, KEY, b"a" * 1600)
    cache = PromptCache(tmp_path, 100)
    assert len(cache.get(KEY, 0) or []) == 10


@pytest.mark.parametrize("payload_type", [0, 8, 18])
def test_missing_is_none_and_is_looked_for_again(tmp_path: Path, payload_type: int) -> None:
    cache = PromptCache(tmp_path)
    assert cache.get(KEY, payload_type) is None
    write(tmp_path, KEY, b"a")
    write(tmp_path, KEY, b"a", ".alaw")
    assert (cache.get(KEY, payload_type) is None) == (payload_type == 18)


def test_empty_and_too_long_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_prompts, "PROMPT_BYTES_MAX", 1_000)
    write(tmp_path, KEY, b"")
    assert PromptCache(tmp_path).get(KEY, 0) is None
    write(tmp_path, KEY, b"a" * 1_001)
    assert PromptCache(tmp_path).get(KEY, 0) is None
    assert limits.PROMPT_BYTES_MAX <= limits.PROMPT_CACHE_BYTES_MAX
