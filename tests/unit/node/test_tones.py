"""The tones stand on disk without speech."""

from pathlib import Path

from keepline.model.operation import BEEP_TONE, RINGBACK, RINGBACK_AMERICAN, TEST_BACK, TEST_THERE, TONES
from keepline.node.tones import MADE, store_tones

SIZES = {TONES: 3 * 2640 + 8000, RINGBACK: 5 * 8000, RINGBACK_AMERICAN: 6 * 8000, BEEP_TONE: 2400}
SIZES |= dict.fromkeys((TEST_THERE, TEST_BACK), 19_200)


def test_the_tones_are_prompts_that_are_ready(tmp_path: Path) -> None:
    directory = tmp_path / "prompts"
    directory.mkdir()
    store_tones(directory)
    sizes = {path.name: path.stat().st_size for path in directory.iterdir()}
    assert sizes == {f"{tone.key}.{law}": size for tone, size in SIZES.items() for law in ("alaw", "ulaw")}


def test_what_stands_is_left_alone(tmp_path: Path) -> None:
    for suffix in ("ulaw", "alaw"):
        for tone in MADE:
            (tmp_path / f"{tone.key}.{suffix}").write_bytes(b"as it was")
    store_tones(tmp_path)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"as it was"}
