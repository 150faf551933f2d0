"""A new operation, run by the commands it comes with: init, check, up, phone, calls, stop, as they are printed."""

import os
import re
import shlex
import signal
import subprocess
import uuid
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.demo_node import MARK, free_port, free_port_range, keepline_command, marked, wait_until

WITHIN_S = 60.0


class Terminal:
    """Types what was printed; only the ports are others, since another test may have the usual ones."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mark = f"init-{uuid.uuid4().hex}"
        self.environment = {**os.environ, MARK: self.mark}
        self.environment.pop("KEEPLINE_DATA", None)
        self.sip = f"127.0.0.1:{free_port()}"

    def command(self, line: str) -> list[str]:
        program, *arguments = shlex.split(line.replace("127.0.0.1:5060", self.sip))
        assert program == "keepline"
        return [*keepline_command(), *arguments]

    def run(self, line: str) -> str:
        done = subprocess.run(
            self.command(line),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def move_ports(self) -> None:
        """Edit the new file as its author would, where the usual ports are taken."""
        first, last = free_port_range(20)
        path = self.directory / "keepline.yaml"
        text = path.read_text(encoding="utf-8").replace("127.0.0.1:5060", self.sip)
        text = text.replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
        path.write_text(text.replace("20000-23999", f"{first}-{last}"), encoding="utf-8")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path)
    yield found
    left = list(marked(MARK, found.mark))
    for each in left:
        os.kill(each.pid, signal.SIGKILL)
    assert left == [], "processes were left behind"


def test_a_new_operation_runs_as_it_says(terminal: Terminal, tmp_path: Path) -> None:
    said = terminal.run("keepline init 'my line'")
    there, check, up = [line.strip() for line in said.splitlines()[1:]]
    assert there == "cd 'my line'"
    terminal.directory = tmp_path / "my line"
    readme = (terminal.directory / "README.md").read_text(encoding="utf-8")
    printed = [line for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) for line in block.splitlines()]
    assert printed[:2] == [check, up]
    phone, calls, stop = printed[2:]
    terminal.move_ports()

    assert terminal.run(check) == "keepline.yaml: fine: 1 number, 1 flow, 2 prompts\n"
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as written:
        node = subprocess.Popen(
            terminal.command(up), cwd=terminal.directory, env=terminal.environment, stdout=written, stderr=written
        )
    wait_until("the node is ready or says why not", lambda: log.read_text(encoding="utf-8"), WITHIN_S)
    assert "ready sip=" in log.read_text(encoding="utf-8")
    terminal.run(phone)
    with wave.open(str(terminal.directory / "heard.wav")) as heard:
        assert heard.getnframes() > 8000

    def ended() -> str:
        said = terminal.run(calls)
        return said if "ended" in said else ""

    record = wait_until("the call is on record", ended, WITHIN_S)
    assert record.count("\n") == 1
    assert "  welcome  ended  " in record
    assert terminal.run(stop) == "stopped\n"
    assert node.wait(WITHIN_S) == 0
