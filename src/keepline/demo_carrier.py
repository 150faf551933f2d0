"""A carrier of the retailer's world as a process: started, told what to do, made to fail, and asked what it has seen.

The program is `examples/retailer/world carrier`; it imports nothing of Keepline, and every fault planted into it is a
lease that ends by itself.
"""

import json
import queue
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from keepline.config import embedded_operation_path
from keepline.demo_node import NodeFailedError, uninterrupted

READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 20.0
ASKED_WITHIN_S = 5.0
WORLD = embedded_operation_path().parents[1] / "retailer" / "world"


class CarrierProgram:
    """One carrier; it may be killed and started again, and is then where it was."""

    def __init__(
        self,
        name: str,
        listen: str = "127.0.0.1:0",
        rules: Sequence[str] = (),
        edge: str = "",
        options: Sequence[str] = (),
        log: Path | None = None,
    ) -> None:
        """`listen` and `edge` are HOST:PORT, port 0 for any; without `edge` it brings no calls in. `log`: where its
        words are kept while it runs.
        """
        self.name, self._log = name, log
        self.address, self.edge, self.admin = listen, edge, ""
        """Where it takes calls, where it is dialled, and where faults are planted; known once it is ready."""
        self.told: list[dict[str, Any]] = []
        """What it said of calls, each with its name as `carrier`."""
        self.talking: list[dict[str, Any]] = []
        """What it said of those that were answered, at that moment: who kills it hears no more of them."""
        self._rules = [word for rule in rules for word in ("--rule", rule)]
        self._rules += options
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The calls that came from the customer and have ended."""
        return [line for line in self.told if line["event"] == "taken"]

    def start(self) -> None:
        """Wait until it takes calls. Raises NodeFailedError where it does not; it must be ended in any case."""
        options = ["--listen", self.address, "--admin", "127.0.0.1:0", *self._rules]
        if self.edge:
            options += ["--edge", self.edge]
        with uninterrupted():
            self._process = subprocess.Popen(
                [sys.executable, str(WORLD), "carrier", *options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        ready: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, ready), daemon=True)
        self._reader.start()
        try:
            said = ready.get(timeout=READY_WITHIN_S)
        except queue.Empty:
            raise NodeFailedError(f"the carrier at {self.address} does not begin") from None
        self.address, self.edge = str(said["sip"]).partition(":")[2], str(said.get("edge", ""))
        self.admin = str(said["admin"])

    def _read(self, lines: Any, ready: "queue.SimpleQueue[dict[str, Any]]") -> None:
        for line in lines:
            if self._log is not None:
                with self._log.open("a") as log:
                    log.write(line)
            told = json.loads(line)
            if told["event"] == "ready":
                ready.put(told)
            elif told["event"] in ("taken", "offered", "cut"):
                self.told.append(told | {"carrier": self.name})
            elif told["event"] == "talking":
                self.talking.append(told | {"carrier": self.name})

    def say(self, *commands: str) -> None:
        """Lines that it obeys at once."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{each}\n" for each in commands))
        self._process.stdin.flush()

    def plant(self, kind: str, expires_s: float, ms: int | None = None) -> str:
        """Make it fail for so long; the fault's name. The kinds are those of the README."""
        asked = {"kind": kind, "expires_s": expires_s} | ({} if ms is None else {"ms": ms})
        return str(self._ask("POST", "/admin/faults", asked)["id"])

    def heal(self, fault: str = "") -> None:
        """End a fault before its time, or all of them."""
        self._ask("DELETE", f"/admin/faults/{fault}" if fault else "/admin/faults")

    def faults(self) -> list[dict[str, Any]]:
        """Those that stand."""
        return list(self._ask("GET", "/admin/faults")["faults"])

    @property
    def pid(self) -> int:
        """Of its process; 0 where there is none."""
        return self._process.pid if self._process is not None else 0

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"http://{self.admin}{path}", data, method=method)
        with urllib.request.urlopen(asked, timeout=ASKED_WITHIN_S) as answer:
            return json.load(answer)

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def kill(self) -> None:
        """As if its machine had lost power."""
        assert self._process is not None
        self._process.kill()
        self._close()

    def end(self) -> None:
        """Stop it; what it told is complete then."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._close()

    def _close(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._reader is not None:
            self._reader.join(ENDS_WITHIN_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None


def bring_onward(carriers: Sequence[CarrierProgram], numbers: Mapping[str, str]) -> None:
    """Have each carrier bring calls to the others' numbers, by their names, to whoever's it is."""
    for one, other in permutations(carriers, 2):
        if other.name in numbers and other.edge:
            one.say(f"rule {numbers[other.name]}=onward:{other.edge}")
