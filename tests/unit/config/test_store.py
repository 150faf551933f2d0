"""Stored copies: whole or absent, unchanged, and side by side in one process."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keepline.config import import_flow, load_operation, load_stored, store_operation
from keepline.model.errors import LocalError, OperationError
from keepline.model.limits import OPERATION_VERSIONS_KEPT_MAX
from tests.unit.config.conftest import GOOD_FLOWS


def test_a_stored_copy_is_the_operation(shop: Path, tmp_path: Path) -> None:
    operation = load_operation(shop, ("sip.calls_max=9",))
    directory = store_operation(operation, tmp_path / "data")
    stored = load_stored(tmp_path / "data", operation.digest)
    assert directory == tmp_path / "data" / "operation" / operation.digest
    assert stored.directory == str(directory)
    assert (stored.digest, stored.sip, stored.numbers) == (operation.digest, operation.sip, operation.numbers)
    assert stored.prompts["tune"].key == operation.prompts["tune"].key
    assert Path(stored.prompts["tune"].file).read_bytes() == (shop / "tune.wav").read_bytes()


def test_a_file_of_any_name_is_stored_under_its_digest(shop: Path, tmp_path: Path) -> None:
    (shop / "keepline.yaml").rename(shop / "night.yaml")
    operation = load_operation(shop / "night.yaml")
    store_operation(operation, tmp_path)
    assert load_stored(tmp_path, operation.digest).name == "shop"


def test_a_recording_in_a_directory_of_its_own_is_copied(shop: Path, tmp_path: Path) -> None:
    (shop / "audio").mkdir()
    (shop / "tune.wav").rename(shop / "audio" / "tune.wav")
    (shop / "keepline.yaml").write_text(
        (shop / "keepline.yaml").read_text(encoding="utf-8").replace("tune.wav", "./audio/../audio/tune.wav"),
        encoding="utf-8",
    )
    operation = load_operation(shop)
    store_operation(operation, tmp_path)
    assert Path(load_stored(tmp_path, operation.digest).prompts["tune"].file).is_file()


def test_storing_twice_changes_nothing_and_leaves_nothing_partial(shop: Path, tmp_path: Path) -> None:
    operation = load_operation(shop)
    first = store_operation(operation, tmp_path / "data")
    inode = first.stat().st_ino
    assert store_operation(operation, tmp_path / "data") == first
    assert first.stat().st_ino == inode
    assert [each.name for each in first.parent.iterdir()] == [operation.digest]


def test_files_that_changed_since_they_were_checked_are_not_stored(shop: Path, tmp_path: Path) -> None:
    operation = load_operation(shop)
    (shop / "flows.py").write_text("", encoding="utf-8")
    with pytest.raises(LocalError, match="changed while they were being copied"):
        store_operation(operation, tmp_path / "data")
    assert list((tmp_path / "data" / "operation").iterdir()) == []


def test_a_copy_that_was_changed_is_refused(shop: Path, tmp_path: Path) -> None:
    operation = load_operation(shop)
    directory = store_operation(operation, tmp_path)
    (directory / "flows.py").write_text("", encoding="utf-8")
    with pytest.raises(OperationError, match="the stored copy has been changed"):
        load_stored(tmp_path, operation.digest)


def test_a_copy_that_is_missing_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="the stored copy is damaged"):
        load_stored(tmp_path, "00")


def stored_flow(shop: Path, data: Path) -> object:
    operation = load_operation(shop)
    store_operation(operation, data)
    stored = load_stored(data, operation.digest)
    return import_flow(stored, stored.flows["greeting"])


def test_two_versions_live_side_by_side(shop: Path, tmp_path: Path) -> None:
    (shop / "helpers.py").write_text("WORD = 'old'\n", encoding="utf-8")
    code = GOOD_FLOWS.replace("from keepline", "import helpers\nfrom keepline").replace(
        'call.say(prompt="welcome")', "call.say(helpers.WORD)"
    )
    (shop / "flows.py").write_text(code, encoding="utf-8")
    old = stored_flow(shop, tmp_path)
    (shop / "helpers.py").write_text("WORD = 'new'\n", encoding="utf-8")
    new = stored_flow(shop, tmp_path)
    assert inspect.isfunction(old)
    assert inspect.isfunction(new)
    assert [each.__globals__["helpers"].WORD for each in (old, new)] == ["old", "new"]
    assert "helpers" not in sys.modules


def test_own_modules_are_found_however_they_are_imported(shop: Path, tmp_path: Path) -> None:
    (shop / "pack").mkdir()
    (shop / "pack" / "__init__.py").write_text("from . import inner\n", encoding="utf-8")
    (shop / "pack" / "inner.py").write_text("import helpers\nfrom pack import deep\n", encoding="utf-8")
    (shop / "pack" / "deep.py").write_text("VALUE = 4\n", encoding="utf-8")
    (shop / "helpers.py").write_text("import json\n", encoding="utf-8")
    imports = "import pack.inner\nimport pack.deep as deep\nfrom pack.inner import helpers\nfrom pack.deep import *\n"
    (shop / "flows.py").write_text(GOOD_FLOWS.replace("from keepline", f"{imports}from keepline"), encoding="utf-8")
    flow = stored_flow(shop, tmp_path)
    assert inspect.isfunction(flow)
    assert flow.__globals__["VALUE"] == flow.__globals__["deep"].VALUE == 4
    assert flow.__globals__["pack"].inner.helpers is flow.__globals__["helpers"]


def test_checking_leaves_no_module_and_no_bytecode_behind(shop: Path) -> None:
    before = set(sys.modules)
    load_operation(shop)
    assert [name for name in set(sys.modules) - before if "keepline_" in name] == []
    assert not (shop / "__pycache__").exists()


def test_what_a_module_prints_does_not_reach_stdout(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "flows.py").write_text("print('hello')\n" + GOOD_FLOWS, encoding="utf-8")
    load_operation(shop)
    assert capsys.readouterr() == ("", "hello\n")


def test_a_flow_is_refused_when_it_is_none(shop: Path, tmp_path: Path) -> None:
    operation = load_operation(shop)
    reference = type(operation.flows["greeting"])("flows", "Call")
    with pytest.raises(TypeError, match="flows:Call is not marked @flow"):
        import_flow(operation, reference)


def store_versions(shop: Path, data: Path, count: int, needed: frozenset[str] = frozenset()) -> list[str]:
    """Begin with that many versions one after the other; returns their digests, the oldest first."""
    digests = []
    for number in range(count):
        operation = load_operation(shop, (f"sip.calls_max={number + 1}",))
        directory = store_operation(operation, data, lambda _, asked: asked & needed)
        os.utime(directory, (number, number))
        digests.append(operation.digest)
    return digests


def kept(data: Path) -> set[str]:
    return {each.name for each in (data / "operation").iterdir()}


def test_old_versions_that_nobody_needs_go(shop: Path, tmp_path: Path) -> None:
    digests = store_versions(shop, tmp_path, OPERATION_VERSIONS_KEPT_MAX + 3)
    assert kept(tmp_path) == set(digests[-OPERATION_VERSIONS_KEPT_MAX:])


def test_an_old_version_that_is_needed_stays(shop: Path, tmp_path: Path) -> None:
    first, *_ = store_versions(shop, tmp_path / "other", 1)
    digests = store_versions(shop, tmp_path, OPERATION_VERSIONS_KEPT_MAX + 3, frozenset({first}))
    assert kept(tmp_path) == {first, *digests[-OPERATION_VERSIONS_KEPT_MAX:]}


def test_nothing_goes_unless_it_is_asked_who_needs_it(shop: Path, tmp_path: Path) -> None:
    for number in range(OPERATION_VERSIONS_KEPT_MAX + 2):
        store_operation(load_operation(shop, (f"sip.calls_max={number + 1}",)), tmp_path)
    assert len(kept(tmp_path)) == OPERATION_VERSIONS_KEPT_MAX + 2


def test_a_version_that_is_begun_with_again_is_no_old_one(shop: Path, tmp_path: Path) -> None:
    first, second = store_versions(shop, tmp_path, 2)
    store_operation(load_operation(shop, ("sip.calls_max=1",)), tmp_path)
    third = load_operation(shop, ("sip.calls_max=3",))
    store_operation(third, tmp_path, lambda _, asked: frozenset())
    assert kept(tmp_path) == {first, third.digest}
    assert second not in kept(tmp_path)


def test_a_version_that_is_begun_with_while_others_go_stays(shop: Path, tmp_path: Path) -> None:
    first, second = store_versions(shop, tmp_path, 2)

    def begin_again(data: Path, asked: frozenset[str]) -> frozenset[str]:
        assert asked == {first}
        store_operation(load_operation(shop, ("sip.calls_max=1",)), data)
        return frozenset()

    third = load_operation(shop, ("sip.calls_max=3",))
    store_operation(third, tmp_path, begin_again)
    assert kept(tmp_path) == {first, second, third.digest}


def test_what_a_dead_process_left_half_done_goes_and_a_living_ones_stays(shop: Path, tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid in (dead.pid, os.getppid()):
        (tmp_path / "operation" / f"00ff.{pid}.partial").mkdir(parents=True)
    [digest] = store_versions(shop, tmp_path, 1)
    assert kept(tmp_path) == {digest, f"00ff.{os.getppid()}.partial"}
