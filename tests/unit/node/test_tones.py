"""The tones stand on disk without speech."""

from pathlib import Path

from keepline.model.operation import TONES
from keepline.node.tones import store_tones


def test_the_tones_are_a_prompt_that_is_ready(tmp_path: Path) -> None:
    directory = tmp_path / "prompts"
    directory.mkdir()
    store_tones(directory)
    assert sorted(path.name for path in directory.iterdir()) == [f"{TONES.key}.alaw", f"{TONES.key}.ulaw"]
    assert {path.stat().st_size for path in directory.iterdir()} == {3 * 2640 + 8000}


def test_what_stands_is_left_alone(tmp_path: Path) -> None:
    for suffix in ("ulaw", "alaw"):
        (tmp_path / f"{TONES.key}.{suffix}").write_bytes(b"as it was")
    store_tones(tmp_path)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"as it was"}
