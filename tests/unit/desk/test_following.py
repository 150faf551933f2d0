"""What the desk does in the background follows the version of the operation that the node runs."""

import threading
from pathlib import Path

import pytest

from keepline.config import embedded_operation_path, load_operation
from keepline.desk import following
from keepline.desk.following import Following, keep_on, running_digest
from keepline.model.errors import KeeplineError
from keepline.model.operation import Operation
from keepline.node.paths import NodePaths


def run_version(data: Path, digest: str) -> None:
    paths = NodePaths(data)
    paths.create()
    paths.node_file.write_text(f'{{"operation": "{digest}"}}', encoding="utf-8")


def test_the_version_that_runs_is_the_nodes_word(tmp_path: Path) -> None:
    assert running_digest(tmp_path) == ""
    run_version(tmp_path, "ab")
    assert running_digest(tmp_path) == "ab"
    NodePaths(tmp_path).node_file.write_text("[]", encoding="utf-8")
    assert running_digest(tmp_path) == ""


def test_work_begins_anew_with_each_version_and_what_was_begun_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = load_operation(embedded_operation_path())
    broken = {"cd"}

    def load(_: Path, digest: str) -> Operation:
        if digest in broken:
            raise KeeplineError("it cannot be read")
        return operation

    begun: list[threading.Event] = []

    def begin(found: Operation) -> list[threading.Event]:
        assert found is operation
        begun.append(threading.Event())
        return begun[-1:]

    monkeypatch.setattr(following, "load_stored", load)
    follower = Following(tmp_path, "work", begin)
    follower.look()
    assert begun == []
    for digest in ("ab", "ab"):
        run_version(tmp_path, digest)
        follower.look()
    assert [each.is_set() for each in begun] == [False]
    run_version(tmp_path, "cd")
    with pytest.raises(KeeplineError):
        follower.look()
    assert [each.is_set() for each in begun] == [False], "what runs goes on while the next cannot be read"
    broken.clear()
    follower.look()
    assert [each.is_set() for each in begun] == [True, False]


def test_one_in_trouble_rests_and_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = load_operation(embedded_operation_path())
    monkeypatch.setattr(following, "load_stored", lambda *_: operation)
    run_version(tmp_path, "ab")
    tried: list[str] = []

    def fail(_: Operation) -> list[threading.Event]:
        tried.append("fails")
        raise OSError("no room")

    def begin(_: Operation) -> list[threading.Event]:
        tried.append("begins")
        return []

    works = [Following(tmp_path, "one", fail), Following(tmp_path, "other", begin)]
    for now_s in (100.0, 101.0, 100.0 + following.PAUSE_AFTER_TROUBLE_S):
        for each in works:
            each.attend(now_s)
    assert tried == ["fails", "begins", "fails"]


def test_what_is_kept_on_is_attended_to_until_it_is_ended() -> None:
    attended: list[float] = []
    twice = threading.Event()

    def attend(now_s: float) -> None:
        attended.append(now_s)
        if len(attended) == 2:
            twice.set()

    ended = keep_on("work", attend, lambda _: 0.0 if len(attended) < 2 else 3_600.0)
    assert twice.wait(60)
    ended.set()
    assert attended == sorted(attended)
