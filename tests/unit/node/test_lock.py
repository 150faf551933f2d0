"""One supervisor a data directory: who has the lock, who may take it, and what is left of it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepline.model.errors import KeeplineError
from keepline.node import control, lock
from keepline.node.lock import holder_of, release_lock, take_lock, try_lock
from keepline.node.paths import NodePaths
from keepline.node.processes import ProcessId, identify, is_alive, is_stopped, send_signal, wait_gone, was_just_stopped

HOLDER = """
import sys, time
from pathlib import Path
from keepline.node.lock import take_lock
from keepline.node.paths import NodePaths
take_lock(NodePaths(Path(sys.argv[1])))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def paths(tmp_path: Path) -> NodePaths:
    made = NodePaths(tmp_path)
    made.create()
    return made


@contextmanager
def holder(paths: NodePaths) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(paths.data)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def sleeper() -> Iterator[ProcessId]:
    with subprocess.Popen(["sleep", "600"]) as process:
        found = identify(process.pid)
        assert found is not None
        try:
            yield found
        finally:
            process.kill()


# The lock -------------------------------------------------------------------------------------------------------------


def test_the_lock_is_taken_once_and_leaves_no_file(paths: NodePaths) -> None:
    descriptor = take_lock(paths)
    assert holder_of(paths) == identify(os.getpid())
    assert try_lock(paths) is None
    release_lock(paths, descriptor)
    assert list(paths.run.iterdir()) == []
    assert holder_of(paths) is None
    release_lock(paths, take_lock(paths))


def test_a_supervisor_at_work_keeps_its_lock(paths: NodePaths) -> None:
    with holder(paths) as process:
        with pytest.raises(KeeplineError, match=rf"a node runs in .* already \(supervisor pid {process.pid}\)"):
            take_lock(paths)
        assert process.poll() is None


def test_a_killed_one_leaves_its_lock_to_the_next(paths: NodePaths) -> None:
    with holder(paths) as process:
        process.kill()
        process.wait()
        release_lock(paths, take_lock(paths))


def test_a_stopped_one_is_ended(paths: NodePaths) -> None:
    with holder(paths) as process:
        process.send_signal(signal.SIGSTOP)
        while not is_stopped(process.pid):
            pass
        release_lock(paths, take_lock(paths))
        assert process.wait() == -signal.SIGKILL


def test_one_that_answers_nobody_is_ended(paths: NodePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ANSWERS_WITHIN_S", 0.1)
    listener = control.listen(paths.supervisor_socket)
    with listener, holder(paths) as process:
        release_lock(paths, take_lock(paths, control.is_deaf))
        assert process.wait() == -signal.SIGKILL


def test_one_that_answers_is_left_alone(paths: NodePaths) -> None:
    listener = control.listen(paths.supervisor_socket)
    listener.setblocking(True)

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            control.receive(connection)
            control.send(connection, {"ok": True})

    with listener, holder(paths) as process:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(KeeplineError, match="already"):
            take_lock(paths, control.is_deaf)
        thread.join()
        assert process.poll() is None


def test_a_lock_without_a_living_owner_is_waited_for_but_not_for_ever(
    paths: NodePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "DEAD_HOLDER_LIMIT_S", 0.05)
    descriptor = take_lock(paths)
    os.ftruncate(descriptor, 0)  # as a child between fork and exec holds it, its parent dead
    with pytest.raises(KeeplineError, match="not to be seen"):
        take_lock(paths)
    release_lock(paths, descriptor)


def test_the_lock_of_a_removed_file_is_none(paths: NodePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    first = take_lock(paths)
    plain = os.open

    def removed_meanwhile(*arguments: object) -> int:
        opened = plain(*arguments)  # type: ignore[arg-type]
        monkeypatch.undo()
        release_lock(paths, first)
        return opened

    monkeypatch.setattr(os, "open", removed_meanwhile)
    assert try_lock(paths) is None
    second = take_lock(paths)
    assert try_lock(paths) is None
    release_lock(paths, second)


@pytest.mark.parametrize("text", ["", "garbage", "1", "1 2 3", f"{os.getpid()} 1"])
def test_a_garbled_lock_names_nobody(paths: NodePaths, text: str) -> None:
    paths.supervisor_lock.write_text(text)
    assert holder_of(paths) is None
    release_lock(paths, take_lock(paths))


# Orphans --------------------------------------------------------------------------------------------------------------


def note(paths: NodePaths, *processes: ProcessId) -> None:
    entries = [["calls", process.pid, process.started] for process in processes]
    paths.node_file.write_text(str({"processes": entries}).replace("'", '"'))


def test_orphans_are_ended_and_their_files_go(paths: NodePaths) -> None:
    with sleeper() as orphan, sleeper() as stopped:
        send_signal(stopped, signal.SIGSTOP)
        note(paths, orphan, stopped)
        for left in (paths.supervisor_socket, paths.speech_socket, paths.active_lock):
            left.touch()
        assert control.end_orphans(paths.data) == [orphan.pid, stopped.pid]
        assert list(paths.run.iterdir()) == []


def test_a_stopped_supervisor_is_ended_with_its_orphans(paths: NodePaths) -> None:
    with holder(paths) as process, sleeper() as orphan:
        process.send_signal(signal.SIGSTOP)
        while not is_stopped(process.pid):
            pass
        note(paths, orphan)
        assert control.end_orphans(paths.data) == [process.pid, orphan.pid]
        assert list(paths.run.iterdir()) == []


def test_a_number_that_was_given_to_another_process_is_nobody(paths: NodePaths) -> None:
    with sleeper() as innocent:
        note(paths, ProcessId(innocent.pid, innocent.started + 1))
        assert control.end_orphans(paths.data) == []
        assert is_alive(innocent)


def test_where_no_node_ever_was_nothing_is_made(tmp_path: Path) -> None:
    assert control.end_orphans(tmp_path / "nowhere") == []
    assert list(tmp_path.iterdir()) == []


# Processes ------------------------------------------------------------------------------------------------------------


def test_a_process_that_is_gone_is_told_from_one_that_is_not() -> None:
    with sleeper() as process:
        assert is_alive(process)
        assert not is_stopped(process.pid)
        assert not wait_gone(process, 0.0)
        assert not send_signal(ProcessId(process.pid, process.started + 1), signal.SIGKILL)
        assert send_signal(process, signal.SIGKILL)
        assert wait_gone(process, 30)
        assert identify(process.pid) is None, "a zombie is gone"
        assert not send_signal(process, signal.SIGKILL)
    assert wait_gone(process, 0.0)
    assert identify(2**22 + 1) is None


def test_a_child_that_was_stopped_is_told_of_once() -> None:
    with subprocess.Popen(["sleep", "300"]) as child:
        assert not was_just_stopped(child.pid)
        child.send_signal(signal.SIGSTOP)
        while not is_stopped(child.pid):
            pass
        assert was_just_stopped(child.pid)
        assert not was_just_stopped(child.pid)
        child.kill()


def test_nobody_tells_of_somebody_elses_child() -> None:
    assert not was_just_stopped(os.getppid())
