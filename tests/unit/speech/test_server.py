"""What the speech process answers to a line; sockets are in tests/live."""

import json
import threading
from pathlib import Path

import pytest

from keepline.connectors.speech.client import PromptStore
from keepline.connectors.speech.engine import Pcm, SpeechEngine
from keepline.connectors.speech.fake import FakeEngine
from keepline.connectors.speech.memory import forget_memory, memory_directory
from keepline.connectors.speech.server import PromptMaker
from keepline.model import limits
from keepline.node.media_prompts import PromptCache

KEY = "0123456789abcdef" * 2


def ask(maker: PromptMaker, **fields: object) -> dict[str, object]:
    answer = maker.answer(json.dumps({"key": KEY, "text": "hi", **fields}).encode())
    assert answer.endswith(b"\n")
    assert answer.count(b"\n") == 1
    decoded: dict[str, object] = json.loads(answer)
    return decoded


def test_a_good_request_makes_both_files(tmp_path: Path) -> None:
    maker = PromptMaker(tmp_path / "deep" / "prompts", FakeEngine)
    assert ask(maker, file="", language="de", length_s=0.5) == {"ok": True, "key": KEY}
    assert (tmp_path / "deep/prompts" / f"{KEY}.ulaw").stat().st_size == 4000


def test_a_prompt_that_stands_is_not_made_again(tmp_path: Path) -> None:
    for suffix in ("ulaw", "alaw"):
        (tmp_path / f"{KEY}.{suffix}").write_bytes(b"kept")

    def no_engine() -> SpeechEngine:
        raise AssertionError("nothing to make")

    assert ask(PromptMaker(tmp_path, no_engine)) == {"ok": True, "key": KEY}
    assert (tmp_path / f"{KEY}.ulaw").read_bytes() == b"kept"


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"text": "no key"}', b'{"key": 5}', b'{"key": "a", "more": 1}',
             b'{"key": "a", "length_s": "long"}', b"[" * 100_000, b'{"key": "\\ud800"}']
)  # fmt: skip
def test_a_line_that_is_no_request_gets_a_reason(tmp_path: Path, line: bytes) -> None:
    answer = json.loads(PromptMaker(tmp_path, FakeEngine).answer(line))
    assert answer["ok"] is False
    assert answer["error"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"key": "../x"}, "hex digits"),
        ({"language": "xx"}, "unknown language 'xx'"),
        ({"text": ""}, "neither a text"),
        ({"file": "/nowhere/music.wav"}, "No such file"),
        ({"file": "a\0b"}, "null"),
        ({"length_s": -1}, "not above 0"),
    ],
)
def test_a_request_that_cannot_be_met_names_its_key_and_reason(
    tmp_path: Path, fields: dict[str, object], says: str
) -> None:
    answer = ask(PromptMaker(tmp_path, FakeEngine), **fields)
    assert answer["ok"] is False
    assert answer["key"] == fields.get("key", KEY)
    assert says in str(answer["error"])


def test_a_bug_in_an_engine_is_an_answer_too_and_is_reported(tmp_path: Path) -> None:
    class Broken(FakeEngine):
        def synthesise(self, text: str, language: str) -> Pcm:
            raise ZeroDivisionError("no such thing")

    reported: list[tuple[str, str]] = []
    answer = ask(PromptMaker(tmp_path, Broken, lambda key, error: reported.append((key, repr(error)))))
    assert answer["ok"] is False
    assert "ZeroDivisionError" in str(answer["error"])
    assert reported == [(KEY, "ZeroDivisionError('no such thing')")]


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the tmpfs of this machine."""
    place = tmp_path / "memory"
    place.mkdir()
    monkeypatch.setattr("keepline.connectors.speech.memory.MEMORY", place)
    return place


def full_disk(tmp_path: Path) -> Path:
    directory = tmp_path / "prompts"
    (directory / f"{KEY}.alaw").mkdir(parents=True)
    return directory


def test_what_a_full_disk_does_not_take_stands_in_memory_until_the_node_ends(tmp_path: Path, memory: Path) -> None:
    directory = full_disk(tmp_path)
    assert ask(PromptMaker(directory, FakeEngine)) == {"ok": True, "key": KEY}
    kept = memory_directory(directory)
    assert kept.parent == memory
    assert sorted(path.name for path in kept.iterdir()) == [f"{KEY}.alaw", f"{KEY}.ulaw"]
    frames = PromptCache(directory).get(KEY, 0)
    assert frames is not None
    assert b"".join(frames).startswith((kept / f"{KEY}.ulaw").read_bytes())
    assert PromptStore(tmp_path, tmp_path / "socket").ready(KEY)

    def no_engine() -> SpeechEngine:
        raise AssertionError("nothing to make")

    assert ask(PromptMaker(directory, no_engine))["ok"] is True
    forget_memory(directory)
    assert list(memory.iterdir()) == []
    forget_memory(directory)


def test_memory_has_a_limit(tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROMPT_MEMORY_BYTES_MAX", 1000)
    directory = full_disk(tmp_path)
    (directory / f"{'f' * 32}.alaw").mkdir()
    maker = PromptMaker(directory, FakeEngine)
    assert ask(maker)["ok"] is True
    assert "cannot be stored" in str(ask(maker, key="f" * 32)["error"])
    # What a process before put there counts as well.
    assert "cannot be stored" in str(ask(PromptMaker(directory, FakeEngine), key="f" * 32)["error"])


def test_a_place_in_memory_that_is_somebody_elses_is_not_used(tmp_path: Path, memory: Path) -> None:
    directory = full_disk(tmp_path)
    memory_directory(directory).mkdir(mode=0o777)
    memory_directory(directory).chmod(0o777)
    reported: list[str] = []
    answer = ask(PromptMaker(directory, FakeEngine, lambda key, error: reported.append(str(error))))
    assert answer["ok"] is False
    assert "cannot be stored" in str(answer["error"])
    assert "somebody else's" in reported[0]


def test_without_a_tmpfs_a_full_disk_is_an_answer_too(tmp_path: Path, memory: Path) -> None:
    memory.rmdir()
    answer = ask(PromptMaker(full_disk(tmp_path), FakeEngine))
    assert answer["ok"] is False
    assert "cannot be stored" in str(answer["error"])


def test_nobody_waits_for_a_disk_that_does_not_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = threading.Event()
    monkeypatch.setattr("keepline.connectors.speech.flushing.os.fsync", lambda _: flushes.wait())
    maker = PromptMaker(tmp_path, FakeEngine)
    assert [ask(maker, key=letter * 32)["ok"] for letter in "abc"] == [True] * 3
    flushes.set()


def test_the_store_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROMPT_STORE_BYTES_MAX", 1000)
    maker = PromptMaker(tmp_path, FakeEngine)
    assert ask(maker)["ok"] is True
    refused = ask(maker, key="f" * 32)
    assert "have reached 1000 bytes" in str(refused["error"])
    assert ask(maker)["ok"] is True
    # What stands from before counts as well.
    assert "have reached" in str(ask(PromptMaker(tmp_path, FakeEngine), key="f" * 32)["error"])


def test_an_engine_that_does_not_load_is_tried_again(tmp_path: Path) -> None:
    loads: list[int] = []

    def load() -> SpeechEngine:
        loads.append(1)
        if len(loads) == 1:
            raise RuntimeError("not yet")
        return FakeEngine()

    maker = PromptMaker(tmp_path, load)
    assert ask(maker)["ok"] is False
    assert ask(maker)["ok"] is True
