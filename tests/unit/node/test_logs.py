"""Logs of the node: structured, quiet, and never the end of a process."""

import io
import json
import subprocess
import sys

import pytest

from keepline.node.logs import Steadfast

SAY = """
import structlog
from keepline.node.logs import set_up_logs
set_up_logs("calls")
log = structlog.get_logger("x")
log.info("quiet")
log.warning("loud", call="1")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("bug")
print("went on")
"""


def say(**options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", SAY], stdout=subprocess.PIPE, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_a_line_is_an_object_and_names_its_process() -> None:
    done = say(stderr=subprocess.PIPE)
    first, second = map(json.loads, done.stderr.splitlines())
    assert (first["event"], first["level"], first["process"], first["call"]) == ("loud", "warning", "calls", "1")
    assert first["pid"]
    assert first["timestamp"]
    assert "ZeroDivisionError" in second["exception"]


def test_a_full_disk_is_no_reason_to_stop() -> None:
    with open("/dev/full", "w") as full:
        done = say(stderr=full)
    assert (done.returncode, done.stdout) == (0, "went on\n")


def test_a_reader_that_is_gone_is_no_reason_to_stop() -> None:
    with subprocess.Popen(["true"], stdin=subprocess.PIPE) as gone:
        gone.wait()
        done = say(stderr=gone.stdin)
    assert (done.returncode, done.stdout) == (0, "went on\n")


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("I/O operation on closed file")])
def test_what_cannot_be_written_is_let_go(error: Exception) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise error

        def flush(self) -> None:
            raise error

    steadfast = Steadfast(Broken())
    steadfast.write("x")
    steadfast.flush()
