"""A node started from outside and watched from outside: for the demo, the benchmarks and the live tests.

It is driven as anybody would: `keepline up`, `stop` and signals to the process ids that `status` names. What `status`
and `calls` print is read here without a process for each look. It knows nothing of what goes on inside.
"""

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from keepline.config import load_operation
from keepline.demo_ports import NoPortsError, give_back_ports, take_port, take_ports

READY = re.compile(r"ready sip=udp:(?P<sip>\S+) http=(?P<http>\S+) data=(?P<data>.+)")
READY_WITHIN_S = 60.0
COMMAND_WITHIN_S = 30.0
GLANCE_WITHIN_S = 2.0
ASKED_WITHIN_S = 5.0
GONE_WITHIN_S = 45.0
POLL_S = 0.02
POLL_S_MAX = 0.25
POLL_RESTS = 3
"""Times as long as a look has taken, up to `POLL_S_MAX`, nobody looks again: whoever waits holds up nobody."""
OWN_PORTS = 8
"""Beside those of audio: of SIP, of the desk, and of what is started with a node."""
MARK = "KEEPLINE_STARTED_AS"
"""An environment variable that every process of one node inherits, however it detaches itself."""


class NodeFailedError(Exception):
    """The node did not do what the command line promises; says what, and what stands on its stderr."""


class Found(NamedTuple):
    """A process of a node."""

    pid: int
    command: str


@dataclass(slots=True)
class NodeSettings:
    """How to start a node."""

    operation: Path
    data: Path
    slots: int = 500
    """RTP ports to give it, one a call."""
    cores: tuple[int, ...] = ()
    """Processor cores it may run on; () is all."""
    extra: Sequence[str] = ()
    """More of the command line of `keepline up`."""


def keepline_command() -> list[str]:
    """The `keepline` that belongs to this Python."""
    beside = Path(sys.executable).with_name("keepline")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "keepline.cli"]


def free_port() -> int:
    """A port of 127.0.0.1 that is free for UDP and TCP, and this process's until it ends."""
    try:
        return take_port()
    except NoPortsError as error:
        raise NodeFailedError(str(error)) from error


def free_port_range(ports: int) -> tuple[int, int]:
    """First and last of that many neighbouring ports, which are this process's until it ends."""
    try:
        return take_ports(ports)
    except NoPortsError as error:
        raise NodeFailedError(str(error)) from error


def wait_until(what: str, condition: Callable[[], Any], within_s: float) -> Any:
    """Poll until the condition holds and return its value; NodeFailedError after `within_s` seconds."""
    began = looked = time.monotonic()
    while not (value := condition()):
        now = time.monotonic()
        if now > began + within_s:
            raise NodeFailedError(f"waited {within_s:g} s in vain: {what}")
        time.sleep(max(POLL_S, min(POLL_S_MAX, POLL_RESTS * (now - looked))))
        looked = time.monotonic()
    return value


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM to the end of the block: half a started process could not be found and ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda given, _frame: held.append(given)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        for late in held:
            signal.raise_signal(late)


class LocalNode:
    """One node on free ports of 127.0.0.1, in its own data directory. As a context manager it leaves nothing behind."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self.mark = f"node-{uuid.uuid4().hex}"
        self.first_port, last = free_port_range(OWN_PORTS + 2 * settings.slots)
        self.sip, self.http = f"127.0.0.1:{self.first_port}", f"127.0.0.1:{self.first_port + 2}"
        self.spare_ports = self.first_port + 4, self.first_port + 6
        """For what is started with it."""
        self.rtp_ports = self.first_port + OWN_PORTS, last
        self.stderr_path = settings.data.with_name(settings.data.name + ".stderr")
        self.process: subprocess.Popen[str] | None = None
        self.ready_after_s = 0.0
        """From `up` to its ready line."""

    def __enter__(self) -> "LocalNode":
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def up(self) -> None:
        """Start `keepline up` and wait for its ready line."""
        self._put_away()
        first, last = self.rtp_ports
        command = [
            *keepline_command(), "up", str(self.settings.operation), "--sip", self.sip, "--http", self.http,
            "--rtp-ports", f"{first}-{last}", "--data", str(self.settings.data), *self.settings.extra,
        ]  # fmt: skip
        begun = time.monotonic()
        try:
            with self.stderr_path.open("a") as stderr, uninterrupted():
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True,
                    env=os.environ | {MARK: self.mark}, start_new_session=True, preexec_fn=self._pin,
                )  # fmt: skip
            self._read_ready_line()
        except BaseException:
            self.end()
            raise
        self.ready_after_s = time.monotonic() - begun

    def _pin(self) -> None:
        if self.settings.cores:
            os.sched_setaffinity(0, self.settings.cores)

    def _read_ready_line(self) -> None:
        process = self.process
        assert process is not None
        assert process.stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: lines.put(process.stdout.readline()), daemon=True).start()  # type: ignore[union-attr]
        try:
            line = lines.get(timeout=READY_WITHIN_S)
        except queue.Empty:
            raise NodeFailedError(f"no ready line within {READY_WITHIN_S:g} s\n{self.stderr()}") from None
        match = READY.fullmatch(line.strip())
        if match is None:
            code = process.wait(COMMAND_WITHIN_S) if not line else None
            raise NodeFailedError(f"not a ready line: {line!r}, exit code {code}\n{self.stderr()}")
        self.sip, self.http = match["sip"], match["http"]

    def stderr(self) -> str:
        """What the node logged; its end if it is long."""
        return self.stderr_path.read_text(errors="replace")[-20_000:] if self.stderr_path.exists() else ""

    def uri(self, user: str) -> str:
        return f"sip:{user}@{self.sip}"

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `keepline ARGUMENTS --data …`."""
        done = subprocess.run(
            [*keepline_command(), *arguments, "--data", str(self.settings.data)], capture_output=True, text=True,
            timeout=COMMAND_WITHIN_S + GONE_WITHIN_S, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise NodeFailedError(f"keepline {' '.join(arguments)}: exit {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def status(self) -> dict[str, Any]:
        """What `keepline status --json` prints; NodeFailedError where the node cannot be asked."""
        from keepline.node.control import NodeNotRunning
        from keepline.node.whole_status import whole_status

        try:
            return dict(json.loads(json.dumps(whole_status(self.settings.data, ASKED_WITHIN_S))))
        except NodeNotRunning as error:
            raise NodeFailedError(str(error)) from error

    def glance(self) -> dict[str, Any]:
        """The same over HTTP; without it where the desk is away."""
        try:
            with urllib.request.urlopen(f"http://{self.http}/api/status", timeout=GLANCE_WITHIN_S) as answer:
                return dict(json.load(answer))
        except (OSError, ValueError):
            return self.status()

    def calls(self, limit: int = 100_000) -> list[dict[str, Any]]:
        """What `keepline calls --json` prints: every record; NodeFailedError where the journal cannot be read."""
        from keepline.node.reader import JournalReader, NoJournal

        try:
            with contextlib.closing(JournalReader(self.settings.data)) as reader:
                return [json.loads(record.to_json()) for record in reader.records(limit)]
        except NoJournal as error:
            raise NodeFailedError(str(error)) from error

    def pid(self, role: str) -> int:
        """Of "supervisor", "media", "active", "warm", "speech" or "desk"; 0 where there is none."""
        processes = self.glance()["processes"]
        found = processes["calls"].get(role) if role in ("active", "warm") else processes.get(role)
        return int(found["pid"]) if found and found.get("pid") else 0

    def kill(self, role: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to a process by its role; its process id."""
        pid = wait_until(f"{role} has a process", lambda: self.pid(role), COMMAND_WITHIN_S)
        os.kill(pid, number)
        return int(pid)

    def processes(self) -> list[Found]:
        """Every process that descends from this node's `up`, orphans included."""
        return list(marked(MARK, self.mark))

    def wait_gone(self) -> None:
        """NodeFailedError unless every process is gone soon."""
        wait_until("every process ends", lambda: not self.processes(), GONE_WITHIN_S)
        if self.process is not None:
            self.process.wait(COMMAND_WITHIN_S)

    def stop(self) -> int:
        """`keepline stop --now`; its exit code."""
        return self.command("stop", "--now", check=False).returncode

    def story(self) -> str:
        """What can be known of a node that does not do as it should: its status, its processes, its log."""
        lines = [self.command("status", "--json", check=False).stdout.strip(), *map(str, self.processes())]
        return "\n".join([*lines, self.stderr()])

    def end(self) -> list[Found]:
        """Kill whatever is left of the node; what there was."""
        left = self.processes()
        for _ in range(100):
            rest = self.processes()
            if not rest:
                break
            for found in rest:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found.pid, signal.SIGKILL)
            time.sleep(POLL_S)
        self._put_away()
        give_back_ports(self.first_port)
        return left

    def _put_away(self) -> None:
        """What is left of an `up` that has ended."""
        if self.process is not None:
            self.process.wait(GONE_WITHIN_S)
            if self.process.stdout is not None:
                self.process.stdout.close()

    def prompts(self, law: str = "ulaw") -> dict[str, Path]:
        """The raw G.711 ("ulaw" or "alaw") of every prompt that the operation names, once they are all there."""
        operation = load_operation(self.settings.operation)
        files = {name: self.settings.data / "prompts" / f"{it.key}.{law}" for name, it in operation.prompts.items()}
        wait_until("every prompt is spoken", lambda: all(path.exists() for path in files.values()), COMMAND_WITHIN_S)
        return files


def marked(variable: str, value: str) -> Iterator[Found]:
    """Every process that was started with that variable in its environment."""
    wanted = f"{variable}={value}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    yield Found(int(entry.name), command.strip())
