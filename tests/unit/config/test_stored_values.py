"""The values beside a stored copy: quick where they hold, never believed where they may not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keepline.config import load_operation, load_stored, store_operation, stored
from keepline.config.load import read_stored
from keepline.config.stored import VALUES_FILE, moved
from keepline.model.errors import OperationError


@pytest.fixture
def copy(shop: Path, tmp_path: Path) -> Path:
    """A stored copy of the shop, with an apology and a recording in a directory below."""
    (shop / "audio").mkdir()
    (shop / "tune.wav").rename(shop / "audio" / "tune.wav")
    text = (shop / "keepline.yaml").read_text(encoding="utf-8").replace("tune.wav", "audio/tune.wav")
    (shop / "keepline.yaml").write_text(text + "apology: {prompt: tune}\n", encoding="utf-8")
    return store_operation(load_operation(shop, ("sip.calls_max=9",)), tmp_path / "data")


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr("keepline.config.load.read_stored", refuse)


def data_of(copy: Path) -> Path:
    return copy.parents[1]


def test_they_are_what_the_file_comes_to(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_stored(data_of(copy), copy.name)
    assert read.apology is not None
    assert read.apology.file
    forbid_reading(monkeypatch)
    assert load_stored(data_of(copy), copy.name) == read


def test_they_are_loaded_without_what_reads_files(copy: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from keepline.config import load_stored\n"
        f"print(load_stored(Path({str(data_of(copy))!r}), {copy.name!r}).sip.calls_max)\n"
        "print([m for m in ('pydantic', 'ruamel.yaml', 'keepline.config.load') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.splitlines() == ["9", "[]"]


@pytest.mark.parametrize("fault", ["gone", "torn", "not ours", "other code", "other place", "other overrides"])
def test_what_may_not_hold_is_read_from_the_file_and_kept_anew(
    copy: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = copy / VALUES_FILE
    whole = values.read_bytes()
    if fault == "gone":
        values.unlink()
    elif fault == "torn":
        values.write_bytes(whole[:-1])
    elif fault == "not ours":
        values.write_bytes(b"garbage")
    elif fault == "other code":
        monkeypatch.setattr(stored, "_code", lambda: b"x" * 16)
    elif fault == "other place":
        other = copy.parents[2] / "elsewhere"
        data_of(copy).rename(other)
        copy = other / "operation" / copy.name
    else:
        stored.keep_values(copy, moved(load_operation(copy), copy))
    found = load_stored(data_of(copy), copy.name)
    assert found == read_stored(data_of(copy), copy.name)
    assert (found.directory, found.sip.calls_max) == (str(copy), 9)
    forbid_reading(monkeypatch)
    assert load_stored(data_of(copy), copy.name) == found


def test_a_copy_that_was_changed_is_refused_all_the_same(copy: Path) -> None:
    (copy / "flows.py").write_text("", encoding="utf-8")
    with pytest.raises(OperationError, match="the stored copy has been changed"):
        load_stored(data_of(copy), copy.name)


def test_a_disk_that_takes_nothing_is_no_hindrance(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("full")

    (copy / VALUES_FILE).unlink()
    monkeypatch.setattr(Path, "write_bytes", refuse)
    assert load_stored(data_of(copy), copy.name).name == "shop"
    assert not (copy / VALUES_FILE).exists()
