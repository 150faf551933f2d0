"""A carrier of the retailer's world as a process that can be made to fail, and the calls that came to it."""

import json
import queue
import subprocess
import sys
import threading
from typing import Any, Final

from keepline.config import embedded_operation_path

WORLD: Final = embedded_operation_path().parents[1] / "retailer" / "world"
WELL: Final = "*=answer,ring:0.05,bye-after:2,tone:0"
FAULTS: Final = {"silent": "*=silent", "503": "*=unavailable", "100 only": "*=trying"}
"""What a carrier can be told to do; it can be killed as well."""
READY_WITHIN_S: Final = 30.0
ENDS_WITHIN_S: Final = 20.0


class CarrierProcess:
    """One carrier at an address of its own; it may be killed and started again."""

    def __init__(self, name: str, address: str, distance: str = "0,0,0") -> None:
        """`distance` is as the world's carriers take it."""
        self.name, self.address = name, address
        self._options = ["--listen", address, "--rule", WELL, "--distance", distance]
        self.taken: list[dict[str, Any]] = []
        """The calls that came and have ended."""
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Wait until it takes calls; raises `RuntimeError` where it does not."""
        self._process = subprocess.Popen(
            [sys.executable, str(WORLD), "carrier", *self._options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        told: queue.SimpleQueue[str] = queue.SimpleQueue()
        process = self._process
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(process.stdout, told), daemon=True)
        self._reader.start()
        try:
            assert json.loads(told.get(timeout=READY_WITHIN_S))["event"] == "ready"
        except queue.Empty:
            raise RuntimeError(f"the carrier at {self.address} does not begin") from None

    def _read(self, lines: Any, told: "queue.SimpleQueue[str]") -> None:
        for line in lines:
            if '"taken"' in line:
                self.taken.append(json.loads(line) | {"carrier": self.name})
            else:
                told.put(line)

    def say(self, *commands: str) -> None:
        """Lines that it obeys at once."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("".join(f"{each}\n" for each in commands))
        self._process.stdin.flush()

    def fail(self, fault: str) -> None:
        """Begin a fault of `FAULTS`, or `killed`; `none` is none."""
        assert self._process is not None
        if fault == "none":
            return
        if fault == "killed":
            self._process.kill()
            self._close()
        else:
            self.say(f"rule {FAULTS[fault]}", "options 503" if fault == "503" else "options none")

    def mend(self) -> None:
        """Be well again."""
        if self._process is None:
            self.start()
        else:
            self.say(f"rule {WELL}", "options 200")

    def end(self) -> None:
        """Stop it; `taken` is complete then."""
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
