"""Disks that are really bad under a node: full and then not, read-only and then not, slow, and damaged at the start.

A full one is a small tmpfs, with a file that takes all the room. What no mount can do to files that are open, strace
does to the system calls of the active process: writes fail as on a file system that has become read-only, flushes
take 2 s.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.killing import Outcome, complete
from keepline.config import embedded_operation_path
from keepline.connectors.speech.memory import memory_directory
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeSettings, keepline_command, wait_until
from keepline.model.operation import Prompt
from keepline.rtp import g711

CALLS = 6
LATER = 4
"""Calls that begin while the disk takes nothing."""
MOUNT_BYTES = 96 << 20
WORDS = b"loopback"
"""The carrier's name, which stands in the first fact of every call."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting and tracing are root's")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, small."""
    at = tmp_path / "disk"
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MOUNT_BYTES},mode=700", "none", str(at)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@pytest.fixture
def node_on_it(mounted: Path, spoken: Path) -> Iterator[LocalNode]:
    """A node whose data is there."""
    shutil.copytree(spoken, mounted / "data" / "prompts")
    found = LocalNode(NodeSettings(embedded_operation_path(), mounted / "data", slots=20))
    try:
        found.up()
        yield found
        found.stop()
        found.wait_gone()
    finally:
        left = found.end()
        print(f"--- stderr of the node\n{found.stderr()}")
    assert left == []


def trouble(node: LocalNode) -> str:
    return " ".join(node.status().get("trouble") or [])


def metric(node: LocalNode, name: str) -> float:
    with urllib.request.urlopen(f"http://{node.status()['http']}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


def crowd(node: LocalNode, calls: int, seconds: int) -> Crowd:
    options = ["--rate", "4", "--calls", str(calls), "--hang-up-after", str(seconds), "--expect", "music+"]
    return Crowd(node.uri("3000"), [*options, *prompt_options(node.prompts())])


def goes_on_from_memory(node: LocalNode, disk: contextlib.AbstractContextManager[object], words: str) -> None:
    """Calls live through it and calls begin meanwhile; it is said; afterwards all of it is on record, as late."""
    with crowd(node, CALLS, 20) as first:
        wait_until("they are on record", lambda: sum(call["state"] == "live" for call in node.calls()) == CALLS, 30)
        with disk:
            with crowd(node, LATER, 4) as later:
                # A disk that is busy with others may have been said to be slow before.
                wait_until(f"the trouble is told: {words}", lambda: words in trouble(node), 30)
                assert Outcome(later.reports, later.wait(90)).failed == []
            assert metric(node, "keepline_journal_trouble") == 1
            assert metric(node, "keepline_journal_waiting_facts") > LATER
            assert len(node.calls()) == CALLS, "those that came meanwhile are in memory alone"
        wait_until("the trouble is over", lambda: not trouble(node), 60)
        assert Outcome(first.reports, first.wait(90)).failed == []
    wait_until("every call has ended on record", lambda: all(call["ended_at"] for call in node.calls()), 60)
    calls = node.calls()
    assert len(calls) == CALLS + LATER
    late = [call for call in calls if call["unrecorded"]]
    assert len(late) >= LATER
    assert all(gap["lost"] == 0 and gap["until"] > gap["since"] for call in late for gap in call["unrecorded"])
    assert node.command("verify", "--data", os.fspath(node.settings.data)).returncode == 0


@contextlib.contextmanager
def filled(at: Path) -> Iterator[None]:
    """No byte is free."""
    ballast = at / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


def test_calls_go_on_over_a_full_disk_and_are_on_record_once_it_has_room(node_on_it: LocalNode, mounted: Path) -> None:
    goes_on_from_memory(node_on_it, filled(mounted), "full")


def test_sentences_for_one_caller_are_spoken_though_the_disk_is_full(
    node_on_it: LocalNode, mounted: Path, tmp_path: Path
) -> None:
    """They stand in memory, are heard whole, and are gone with the node."""
    record, in_memory = tmp_path / "heard.wav", memory_directory(node_on_it.settings.data / "prompts")
    said = Prompt("You keyed 7 3 9 1.").key
    command = [*keepline_command(), "phone", node_on_it.uri("1001"), "--keys", "wait:4,7391", "--seconds", "30"]
    with filled(mounted):
        subprocess.run([*command, "--record", record], check=True, timeout=120, stdout=subprocess.DEVNULL)
        kept = (in_memory / f"{said}.ulaw").read_bytes()
    with wave.open(os.fspath(record)) as file:
        heard = file.readframes(file.getnframes())
    assert g711.decode_ulaw(kept).tobytes() in heard
    wait_until("the trouble is over", lambda: not trouble(node_on_it), 60)
    node_on_it.stop()
    node_on_it.wait_gone()
    assert not in_memory.exists()
    node_on_it.up()


@contextlib.contextmanager
def injected(node: LocalNode, what: str) -> Iterator[None]:
    """The active process's system calls fare so (strace(1), tampering)."""
    name = what.partition(":")[0]
    command = ["strace", "-f", "-p", str(node.pid("active")), "-e", f"trace={name}", "-e", f"inject={what}"]
    with subprocess.Popen([*command, "-o", "/dev/null"], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        line = tracer.stderr.readline()
        try:
            assert "attached" in line, line
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=30)


@pytest.mark.needs_program("strace")
def test_calls_go_on_over_a_read_only_disk_and_are_on_record_afterwards(node: LocalNode) -> None:
    goes_on_from_memory(node, injected(node, "pwrite64:error=EROFS"), "disk I/O error")


@pytest.mark.needs_program("strace")
def test_a_slow_disk_holds_up_no_call_and_is_said_to_be_slow(node: LocalNode) -> None:
    with injected(node, "fdatasync:delay_exit=2000000"):
        with crowd(node, CALLS, 5) as callers:
            wait_until("the trouble is told", lambda: "slow" in trouble(node), 30)
            assert metric(node, "keepline_journal_flush_seconds") >= 1
            summary = callers.wait(90)
            assert Outcome(callers.reports, summary).failed == []
        wait_until("every call has ended on record", lambda: all(call["ended_at"] for call in node.calls()), 60)
        calls = node.calls()
        assert [call["unrecorded"] for call in calls] == [[]] * CALLS, "written in time, whatever the flushes take"
        assert all(call["answered_at"] - call["received_at"] < 2 for call in calls)
    with crowd(node, 1, 2) as callers:
        callers.wait(60)
    wait_until("the trouble is over", lambda: not trouble(node), 60)


@pytest.mark.parametrize("begins_at", [0, 4096])
def test_a_node_starts_over_a_damaged_journal_and_says_so(node: LocalNode, begins_at: int) -> None:
    with crowd(node, 2, 2) as callers:
        callers.wait(60)
    node.stop()
    node.wait_gone()
    journal = node.settings.data / "journal.db"
    with journal.open("r+b") as file:
        for at in range(begins_at, journal.stat().st_size, 4096):
            file.seek(at)
            file.write(random.Random(at).randbytes(512))
    node.up()
    assert "journal-damaged-" in trouble(node)
    with crowd(node, 2, 2) as callers:
        assert Outcome(callers.reports, callers.wait(60)).failed == []
    assert len(node.calls()) == 2
    assert node.command("verify", "--data", os.fspath(node.settings.data)).returncode == 0
    [aside] = node.settings.data.glob("journal-damaged-*")
    assert (aside / "journal.db").exists()
    aside.rename(node.settings.data.with_name(aside.name))
    assert trouble(node) == ""


def flip(directory: Path) -> int:
    """Bytes of what calls said, changed where they stand, as a disk may give them back; how many."""
    count = 0
    for file in (directory / "journal.db", directory / "journal.db-wal"):
        with file.open("r+b") as opened:
            data = opened.read()
            at = data.find(WORDS)
            while at >= 0:
                os.pwrite(opened.fileno(), b"L", at)
                count += 1
                at = data.find(WORDS, at + 1)
    return count


def test_damage_under_a_running_node_is_told_and_the_next_start_repairs_it(node: LocalNode) -> None:
    wait_until("somebody stands by", lambda: complete(node), 60)
    with crowd(node, 3, 60) as callers:
        wait_until("they are on record", lambda: sum(call["state"] == "live" for call in node.calls()) == 3, 30)
        assert flip(node.settings.data) >= 3
        told = wait_until("it is told", lambda: trouble(node), 90)
        assert "the journal is damaged (fact" in told, told
        assert "journal_damage_found" in node.stderr()
        with crowd(node, 1, 1) as later:
            assert Outcome(later.reports, later.wait(60)).failed == [], "calls are taken all the same"
        callers.hang_up()
        assert [report["stalls"] for report in callers.reports if report["timestamp_jumps"]] == []
    node.stop()
    node.wait_gone()
    assert "fact" in node.command("verify", check=False).stdout
    node.up()
    assert "journal-damaged-" in trouble(node)
    assert "the journal is damaged" not in trouble(node)
    assert node.command("verify").returncode == 0
