"""The scene of the retailer: its flows, its back office as a process, and a crowd of callers with minds of their own.

In the end three accounts are laid side by side by a program that belongs to none of them: what callers experienced, the
node's call records, and the back office's ledger.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from keepline.config import embedded_operation_path, load_operation
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeFailedError, NodeSettings, uninterrupted, wait_until
from keepline.demo_retailer_view import RetailerPicture
from keepline.demo_scene import Scene
from keepline.model.capability import HttpService

NUMBER = "+18005550100"
CALLERS = 16
NEW_CALLS_PER_S = 1.5
SLOTS = 100
BOOKED_AHEAD = 60
MIX = (
    "order_status:30,impatient:8,miskeys:6,book:12,book_later:4,move:5,cancel_appointment:4,pay_changes_mind:4,lead:6,"
    "wants_a_person:5,changes_mind:4,hangs_up_early:6,gives_up:2,says_nothing:3"
)
"""Who calls."""
OFFICE_READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 10.0
RECORDS_WITHIN_S = 60.0


def retailer_path() -> Path:
    """Where the retailer is: beside the embedded operation."""
    return embedded_operation_path().parents[1] / "retailer"


class BackOffice:
    """The back office as a process, until it is ended."""

    def __init__(self, directory: Path, *options: str) -> None:
        """`directory` is where its database and its log go. Raises NodeFailedError where it does not begin."""
        self.log = directory / "backoffice.log"
        command = [sys.executable, str(retailer_path() / "backoffice"), "--port", "0"]
        with self.log.open("w") as log, uninterrupted():
            self.process = subprocess.Popen(
                [*command, "--db", str(directory / "office.db"), *options], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        try:
            self.address = self._ready()
        except BaseException:
            self.end()
            raise

    def _ready(self) -> str:
        stdout = self.process.stdout
        assert stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
        with contextlib.suppress(queue.Empty):
            words = lines.get(timeout=OFFICE_READY_WITHIN_S).split()
            if words[:1] == ["ready"]:
                return words[1].partition("=")[2]
        raise NodeFailedError(f"the back office does not begin\n{self.log.read_text(errors='replace')}")

    def end(self) -> None:
        """Stop it, whatever it does."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def office_overrides(operation: Path, address: str) -> list[str]:
    """What has every HTTP path of an operation ask the back office at HOST:PORT: options of `keepline up`."""
    return [
        word
        for name, capability in load_operation(operation).capabilities.items()
        for index, path in enumerate(capability.paths)
        if isinstance(path.connector, HttpService)
        for word in ("--set", f"capabilities.{name}.paths.{index}.http.base_url=http://{address}")
    ]


class RetailerScene(Scene):
    """Callers who ask for orders, book, pay, and change their minds; and what they experienced."""

    last_calls_within_s = 150.0

    def __init__(self, directory: Path, seconds: float) -> None:
        super().__init__(directory, seconds)
        self.picture: RetailerPicture = RetailerPicture(seconds=seconds)
        self._office = ""
        self._callers: Crowd | None = None

    def begin(self, stack: contextlib.ExitStack) -> NodeSettings:
        office = BackOffice(self.directory, "--quiet")
        stack.callback(office.end)
        self._office = office.address
        operation = retailer_path() / "keepline.yaml"
        extra = office_overrides(operation, office.address)
        return NodeSettings(operation, self.directory / "data", SLOTS, extra=extra)

    def crowd(self, node: LocalNode) -> Crowd:
        prompts = self.directory / "prompts.json"
        prompts.write_text(json.dumps({name: str(path) for name, path in node.prompts().items()}), encoding="utf-8")
        options = [
            "--events", "--rate", str(NEW_CALLS_PER_S), "--concurrent", str(CALLERS), "--seed", str(os.getpid()),
            "--backoffice", self._office, "--book-ahead", str(BOOKED_AHEAD), "--prompts", str(prompts),
            "--drain", str(self.last_calls_within_s), "--mix", MIX,
        ]  # fmt: skip
        self._callers = Crowd(node.uri(NUMBER), options, program=(str(retailer_path() / "world"), "crowd"))
        return self._callers

    def conclude(self, node: LocalNode) -> None:
        """Have the three accounts compared, once every call is over in its record."""
        assert self._callers is not None
        with contextlib.suppress(NodeFailedError):
            wait_until("every call has ended", lambda: _all_ended(node.calls()), RECORDS_WITHIN_S)
        told, records = self.directory / "told.jsonl", self.directory / "records.jsonl"
        _write(told, self._callers.reports)
        _write(records, node.calls())
        compared = subprocess.run(
            [sys.executable, str(retailer_path() / "world"), "compare", "--told", str(told), "--records", str(records),
             "--backoffice", self._office],
            capture_output=True, text=True, timeout=RECORDS_WITHIN_S, check=False,
        )  # fmt: skip
        self.picture.compared(compared.returncode == 0, (compared.stdout or compared.stderr).strip())


def _all_ended(calls: list[dict[str, Any]]) -> bool:
    return all(call["state"] == "ended" for call in calls)


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
