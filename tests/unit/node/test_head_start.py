"""A process that begins before it is told what to serve: told, it serves; untold, it ends; gone, it is replaced."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from keepline.node import head_start
from keepline.node.head_start import HeadStart, begin, told
from keepline.node.processes import identify, wait_gone

ENDS_WITHIN_S = 60.0
WAITS = "import sys\nfrom keepline.node.head_start import told\nsys.exit(0 if told(int(sys.argv[1])) is None else 7)\n"


def waiting(*, ends_at_once: bool = False) -> HeadStart:
    """A process that waits for the word, and ends with 7 when it has it, with 0 when nobody can give it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = "" if ends_at_once else WAITS
    made = subprocess.Popen([sys.executable, "-c", code, str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    made.returncode = 0
    if ends_at_once:
        os.waitid(os.P_PID, made.pid, os.WEXITED | os.WNOWAIT)
    return HeadStart(made.pid, ours)


def code_of(process: HeadStart) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])


def test_what_is_told_arrives_with_its_descriptors() -> None:
    process = waiting()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    reading, writing = os.pipe()
    there = HeadStart(process.pid, ours)
    assert there.tell(["--data", "d"], {"slots": reading, "sip": [writing], "sip_tcp": []}, [4000, 4002])
    got = told(theirs.detach())
    assert got is not None
    arguments, fds = got
    assert arguments == ["--data", "d"]
    assert (fds["sip_tcp"], fds["rtp_ports"]) == ([], [4000, 4002])
    [sip], slots = fds["sip"], fds["slots"]  # type: ignore[misc]
    os.write(sip, b"x")
    assert os.read(slots, 1) == b"x"  # type: ignore[arg-type]
    for each in (sip, slots, reading, writing):
        os.close(each)  # type: ignore[arg-type]
    process.give_up()


def test_it_is_handed_on_by_a_text() -> None:
    process = waiting()
    assert os.get_inheritable(process.line.fileno()) is False
    text = process.text
    assert os.get_inheritable(process.line.fileno()) is True
    taken = HeadStart.take(text)
    process.line.detach()
    assert (taken.pid, os.get_inheritable(taken.line.fileno())) == (process.pid, False)
    assert taken.tell([], {}, [])
    assert code_of(taken) == 7


def test_one_that_nobody_tells_ends_by_itself() -> None:
    process = waiting()
    process.line.close()
    assert code_of(process) == 0


def test_one_that_is_gone_cannot_be_told() -> None:
    process = waiting(ends_at_once=True)
    assert process.tell([], {}, []) is False
    process.give_up()


def test_more_than_a_message_holds_is_not_told() -> None:
    process = waiting()
    assert process.tell([], {"sip": [0] * (head_start.FDS_MAX + 1)}, []) is False
    assert process.tell(["x" * head_start.MESSAGE_BYTES_MAX], {}, []) is False
    process.give_up()
    assert identify(process.pid) is None


def test_one_that_is_not_wanted_leaves_nothing() -> None:
    process = begin()
    assert process is not None
    found = identify(process.pid)
    assert found is not None
    process.give_up()
    assert wait_gone(found, ENDS_WITHIN_S)
    with pytest.raises(ChildProcessError):
        os.waitpid(process.pid, 0)
    process.give_up()  # twice does no harm


def test_a_calls_process_that_is_not_told_ends_with_zero(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    command = [sys.executable, "-m", head_start.MODULE, head_start.OPTION, str(theirs.fileno())]
    done = subprocess.run(command, pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False)
    theirs.close()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("fault", ["socketpair", "Popen"])
def test_without_a_process_or_a_socket_nothing_is_begun(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no more of them")

    monkeypatch.setattr(socket if fault == "socketpair" else subprocess, fault, refuse)
    assert begin() is None
