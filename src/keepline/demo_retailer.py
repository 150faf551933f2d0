"""The scene of the retailer: its flows, its back office as a process, and a crowd of callers with minds of their own.

In the end their accounts are laid side by side by a program that belongs to none of them: what callers experienced,
the node's call records, the calls that came to the carrier, and the back office's ledger.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keepline.config import embedded_operation_path, load_operation
from keepline.demo_carrier import CarrierProgram, bring_onward
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeFailedError, NodeSettings, uninterrupted, wait_until
from keepline.demo_retailer_view import RetailerPicture
from keepline.demo_scene import Scene
from keepline.model.capability import HttpService, Snapshot

NUMBER, SECOND_NUMBER = "+18005550100", "+18005550109"
CARRIERS = {"carrier": "127.0.0.2", "second": "127.0.0.3"}
"""The trunks by which calls go out, in their order, and the address that each carrier is known by."""
TEST_NUMBERS = {"carrier": "+18005550190", "second": "+18005550191"}
"""What the carriers give for test calls alone."""
PEOPLE_ANSWER = "+18005550111=answer,ring:1,bye-after:20"
HOLD_S, SILENT_S = 8.0, 3.0
"""Of a number: until it returns to a carrier that is well, and until it leaves one that is out of reach."""
GATE_HOLD_S, GATE_STEP_S, PROBE_EVERY_S = 4.0, 2.0, 1.0
"""Of the recovery gate, and of looking at carriers, where life has minutes and seconds."""
CALLERS = 16
NEW_CALLS_PER_S = 1.5
SLOTS = 100
BOOKED_AHEAD = 60
READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 10.0
RECORDS_WITHIN_S = 60.0


def retailer_path() -> Path:
    """Where the retailer is: beside the embedded operation."""
    return embedded_operation_path().parents[1] / "retailer"


class BackOffice:
    """The back office as a process, from `start` to `end`."""

    def __init__(self, directory: Path, *options: str) -> None:
        """`directory` is where its database and its log go."""
        self.log = directory / "backoffice.log"
        self.process: subprocess.Popen[str] | None = None
        self.address = ""
        program = str(retailer_path() / "backoffice")
        self._command = [sys.executable, program, "--port", "0", "--db", str(directory / "office.db"), *options]

    def start(self) -> None:
        """Wait until it answers. Raises NodeFailedError where it does not; it must be ended in any case."""
        with self.log.open("w") as log, uninterrupted():
            self.process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        words = _first_line(self.process).split()
        if words[:1] != ["ready"]:
            raise NodeFailedError(f"the back office does not begin\n{self.log.read_text(errors='replace')}")
        self.address = words[1].partition("=")[2]
        # Started again it is where it was: who asks it knows no other place.
        self._command[self._command.index("--port") + 1] = self.address.rpartition(":")[2]

    def end(self) -> None:
        """Stop it, whatever it does."""
        _end(self.process)


def _first_line(process: subprocess.Popen[str]) -> str:
    """What a program says when it is ready; "" where it says nothing in time."""
    stdout = process.stdout
    assert stdout is not None
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        return lines.get(timeout=READY_WITHIN_S)
    except queue.Empty:
        return ""


def _end(process: subprocess.Popen[str] | None) -> None:
    """Stop a program, if it runs, and close its pipes."""
    if process is None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def office_overrides(operation: Path, address: str) -> list[str]:
    """What has every HTTP path of an operation, and every copy, ask the back office at HOST:PORT: for `keepline up`."""
    kinds = {HttpService: "http", Snapshot: "snapshot"}
    return [
        word
        for name, capability in load_operation(operation).capabilities.items()
        for index, path in enumerate(capability.paths)
        if (kind := kinds.get(type(path.connector)))
        for word in ("--set", f"capabilities.{name}.paths.{index}.{kind}.base_url=http://{address}")
    ]


def number_overrides(portal: int) -> list[str]:
    """What has the node point the retailer's number by the portal at this port, in seconds where life has minutes."""
    home, away = CARRIERS
    settings = {
        f"numbers.{NUMBER}.carrier": home,
        f"numbers.{NUMBER}.failover": (
            f"{{method: api, ask: portal.point, look: portal.where, field: target, home: {home}, away: {away}, "
            f"arrives_by: {away}, hold_s: {HOLD_S:g}, silent_s: {SILENT_S:g}}}"
        ),
        "capabilities.portal": (
            f'{{paths: [{{name: http, http: {{base_url: "http://127.0.0.1:{portal}", timeout_s: 5, actions: {{point: '
            '{method: PUT, path: "/numbers/{number}", body: {target: "{to}"}, response: {target: $.target}, '
            'idempotent: true}, where: {path: "/numbers/{number}", response: {target: $.target}}}}}]}'
        ),
    }
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def incident_overrides(public: str) -> list[str]:
    """What has the node serve its page for the public there, and pass the recovery gate in seconds, not minutes."""
    settings = {
        "status_page.listen": f'"{public}"',
        "incidents.gate.hold_s": f"{GATE_HOLD_S:g}",
        "incidents.gate.step_s": f"{GATE_STEP_S:g}",
        "outbound.probe_every_s": f"{PROBE_EVERY_S:g}",
    }
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


class RetailerScene(Scene):
    """Callers who ask for orders, book, pay, and change their minds; and what they experienced."""

    last_calls_within_s = 150.0

    def __init__(self, directory: Path, seconds: float) -> None:
        super().__init__(directory, seconds)
        self.picture: RetailerPicture = RetailerPicture(seconds=seconds)
        self._office = ""
        self._carriers: list[CarrierProgram] = []
        self._callers: Crowd | None = None

    def begin(self, stack: contextlib.ExitStack) -> NodeSettings:
        office = BackOffice(self.directory, "--quiet")
        stack.callback(office.end)
        office.start()
        self._office = office.address
        operation = retailer_path() / "keepline.yaml"
        extra = office_overrides(operation, office.address)
        for name, host in CARRIERS.items():
            carrier = CarrierProgram(name, f"{host}:0", (PEOPLE_ANSWER,), f"{host}:0")
            self._carriers.append(carrier)
            stack.callback(carrier.end)
            carrier.start()
            extra += ["--set", f"trunks.{name}.outbound.proxy={carrier.address}"]
        return NodeSettings(operation, self.directory / "data", SLOTS, extra=extra)

    def crowd(self, node: LocalNode) -> Crowd:
        for carrier in self._carriers:
            carrier.say(f"customer {node.sip}")
        bring_onward(self._carriers, TEST_NUMBERS)
        prompts = self.directory / "prompts.json"
        prompts.write_text(json.dumps({name: str(path) for name, path in node.prompts().items()}), encoding="utf-8")
        options = [
            "--events", "--rate", str(NEW_CALLS_PER_S), "--concurrent", str(CALLERS), "--seed", str(os.getpid()),
            "--backoffice", self._office, "--book-ahead", str(BOOKED_AHEAD), "--prompts", str(prompts),
            "--drain", str(self.last_calls_within_s),
        ]  # fmt: skip
        self._callers = Crowd(node.uri(NUMBER), options, program=(str(retailer_path() / "world"), "crowd"))
        return self._callers

    def conclude(self, node: LocalNode) -> None:
        """Have the accounts compared, once every call is over in its record."""
        assert self._callers is not None
        with contextlib.suppress(NodeFailedError):
            wait_until("every call has ended", lambda: all_ended(node.calls()), RECORDS_WITHIN_S)
        for carrier in self._carriers:
            carrier.end()
        taken = [line for carrier in self._carriers for line in carrier.told]
        accounts = {"told": self._callers.reports, "records": node.calls(), "taken": taken}
        self.picture.compared(*compared(self.directory, accounts, self._office))


def compared(
    directory: Path, accounts: Mapping[str, Sequence[Mapping[str, Any]]], office: str, *, settled: bool = False
) -> tuple[bool, str]:
    """Lay accounts of the same calls beside the ledger of the back office at `office`: whether they agree, and words.

    `settled`: nothing is kept any more, so that what callers were promised has to be there.

    `accounts` are the lines for `world compare`, by the names of its options; they go into files of `directory`.
    """
    options = ["--settled"] if settled else []
    for name, lines in accounts.items():
        file = directory / f"{name}.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        options += [f"--{name}", str(file)]
    done = subprocess.run(
        [sys.executable, str(retailer_path() / "world"), "compare", *options, "--backoffice", office],
        capture_output=True, text=True, timeout=RECORDS_WITHIN_S, check=False,
    )  # fmt: skip
    return done.returncode == 0, (done.stdout or done.stderr).strip()


def all_ended(calls: list[dict[str, Any]]) -> bool:
    """Whether every record is complete."""
    return all(call["state"] == "ended" for call in calls)
