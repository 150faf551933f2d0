"""An operation on disk that is right, for tests to spoil."""

import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.errors import OperationError

GOOD_YAML = """\
operation: shop
trunks:
  carrier: {peers: [203.0.113.0/24]}
flows:
  greeting: flows:greeting
numbers:
  0800: {flow: greeting}
prompts:
  welcome: {text: Good morning., length_s: 2}
  tune: {file: tune.wav}
"""
GOOD_FLOWS = '''\
"""Flows of a shop."""

from keepline.flow import Call, flow


@flow
async def greeting(call: Call) -> None:
    await call.say(prompt="welcome")
'''


def write_wav(path: Path, frames: int = 80) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"\0\0" * frames)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The directory of an operation without a mistake."""
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "keepline.yaml").write_text(GOOD_YAML, encoding="utf-8")
    (directory / "flows.py").write_text(GOOD_FLOWS, encoding="utf-8")
    write_wav(directory / "tune.wav")
    return directory


@pytest.fixture
def mistakes(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The mistakes, as text, of the shop with `yaml` for its file; the file is shown as `keepline.yaml`."""
    monkeypatch.chdir(shop)

    def check(yaml: str | bytes | None = None, overrides: tuple[str, ...] = ()) -> list[str]:
        if yaml is not None:
            Path("keepline.yaml").write_bytes(yaml.encode() if isinstance(yaml, str) else yaml)
        with pytest.raises(OperationError) as caught:
            load_operation(Path("keepline.yaml"), overrides)
        return [str(each) for each in caught.value.mistakes]

    return check
