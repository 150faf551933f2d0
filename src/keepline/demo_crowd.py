"""A crowd of callers in a process of its own, as the demo, the benchmarks and the live tests use it.

The crowd is `callers.py`, beside the embedded operation; it speaks SIP and RTP and imports nothing of Keepline. Here
it is started, and the JSON lines it prints are collected.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from keepline.config import embedded_operation_path

ENDS_WITHIN_S = 15.0
LINES_WAITING_MAX = 200_000


def callers_path() -> Path:
    """The stand-alone program."""
    return embedded_operation_path().with_name("callers.py")


def prompt_options(prompts: Mapping[str, Path]) -> list[str]:
    """The options that let the crowd recognise prompts."""
    return [word for name, path in prompts.items() for word in ("--prompt", f"{name}={path}")]


class Crowd:
    """The crowd's process. Use it as a context manager: it hangs up and ends with it."""

    def __init__(
        self,
        target: str,
        options: Sequence[str],
        cores: tuple[int, ...] = (),
        program: Sequence[str] = (),
        *,
        apart: bool = False,
    ) -> None:
        """`target` is a SIP URI; `options` is more of the command line; `cores` is where it may run, () anywhere.

        `program` is another one of the same manners, with what it must be told; () is `callers.py`. `apart`: in a
        session of its own, which the kernel schedules by itself.
        """
        program = program or (str(callers_path()), "--json")
        self.reports: list[dict[str, Any]] = []
        """One for each call that ended."""
        self.summary: dict[str, Any] = {}
        self.lines: queue.Queue[dict[str, Any] | None] = queue.Queue(LINES_WAITING_MAX)
        """All lines in their order, then None; past the limit they wait in the pipe."""
        pin: Callable[[], None] | None = (lambda: os.sched_setaffinity(0, cores)) if cores else None
        self.process = subprocess.Popen(
            [sys.executable, *program, "--target", target, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=pin,
            start_new_session=apart,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            report = json.loads(line)
            if report["event"] in ("call", "experience"):
                self.reports.append(report)
            elif report["event"] == "summary":
                self.summary = report
            self.lines.put(report)
        self.lines.put(None)

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def told(self, every_s: float) -> Iterator[dict[str, Any] | None]:
        """Each line until they are through, and None where there was none for `every_s` seconds."""
        while True:
            try:
                line = self.lines.get(timeout=every_s)
            except queue.Empty:
                yield None
                continue
            if line is None:
                return
            yield line

    def finish(self) -> None:
        """No new calls; the live ones go on to their end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)

    def hang_up(self) -> None:
        """No new calls, and the live ones end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self, within_s: float) -> dict[str, Any]:
        """The summary, once the crowd is through; subprocess.TimeoutExpired where it is not in time."""
        self.process.wait(within_s)
        self._reader.join(within_s)
        return self.summary

    def end(self) -> None:
        """Hang up, and kill it if it does not end."""
        self.hang_up()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # The reader may wait for room in a queue that nobody empties any more.
        while self._reader.is_alive():
            while not self.lines.empty():
                self.lines.get_nowait()
            self._reader.join(0.1)
        if self.process.stdout is not None:
            self.process.stdout.close()
