"""`keepline init`: a new operation that is right from its first moment, and nothing overwritten."""

from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.config.starter import operation_name
from tests.unit.cli.conftest import Run


def test_what_is_written_is_right_and_the_next_two_commands_are_told(run: Run, tmp_path: Path) -> None:
    ran = run("init", "my shop")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "wrote my shop/keepline.yaml, my shop/flows.py, my shop/README.md; next:\n"
        "  cd 'my shop'\n  keepline check\n  keepline up\n"
    )
    operation = load_operation(tmp_path / "my shop", lint=True)
    assert (operation.name, list(operation.numbers)) == ("my-shop", ["100"])


def test_here_there_is_nowhere_to_go(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert run("init", ".").out == "wrote keepline.yaml, flows.py, README.md; next:\n  keepline check\n  keepline up\n"
    assert run("check").code == 0


@pytest.mark.parametrize("name", ["keepline.yaml", "flows.py", "README.md"])
def test_nothing_is_overwritten(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / name).write_text("mine", encoding="utf-8")
    ran = run("init", "shop")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"nothing written: shop/{name} would be overwritten; name another directory\n"
    assert [(each.name, each.read_text(encoding="utf-8")) for each in (tmp_path / "shop").iterdir()] == [(name, "mine")]


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_file_is_no_place_for_an_operation(run: Run, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    ran = run("init", where)
    assert (ran.code, ran.err) == (2, f"nothing written: {where} is not a directory; name another one\n")


def test_a_disk_that_refuses_is_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    ran = run("init", "shop")
    assert (ran.code, ran.err) == (1, "cannot write to shop: Permission denied\n")


@pytest.mark.parametrize(
    ("directory", "name"),
    [("shop", "shop"), ("a b.c", "a-b-c"), ("2nd", "my-2nd"), ("ä", "my-operation"), ("x" * 90, "x" * 64)],
)
def test_the_name_is_the_directorys_as_far_as_it_may(tmp_path: Path, directory: str, name: str) -> None:
    assert operation_name(tmp_path / directory) == name
