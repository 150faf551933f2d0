"""The world's callers of one number over several carriers, as a process: what it tells, and what it is told."""

import json
import subprocess
import sys
import threading
import urllib.request
from typing import Any, Final

from keepline.demo_carrier import WORLD
from keepline.demo_node import wait_until

READY_WITHIN_S: Final = 30.0
ENDS_WITHIN_S: Final = 20.0
NUMBER: Final = "+18005550100"


class LinesProcess:
    """Callers, carriers and the portal. Use it as a context manager: it ends with it."""

    def __init__(self, target: str, lines: dict[str, str], portal_port: int, rate: float) -> None:
        """`lines` are HOST:PORT by the names of carriers, the first of which has the number at first."""
        options = [word for name, at in lines.items() for word in ("--line", f"{name}={at}")]
        options += ["--portal", f"portal=127.0.0.1:{portal_port}", "--rate", str(rate)]
        self.told: list[dict[str, Any]] = []
        """Every line of its, in order."""
        self._portal = f"http://127.0.0.1:{portal_port}"
        self._process = subprocess.Popen(
            [sys.executable, str(WORLD), "lines", "--target", target, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "LinesProcess":
        wait_until("callers are ready", lambda: self.events("ready"), READY_WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def events(self, event: str) -> list[dict[str, Any]]:
        """What was told of one kind."""
        return [each for each in list(self.told) if each["event"] == event]

    def calls(self, line: str, since_s: float = 0.0) -> list[dict[str, Any]]:
        """Calls that came by a carrier and are over, begun since then."""
        return [each for each in self.events("call") if each["line"] == line and each["invited_at"] >= since_s]

    def say(self, text: str) -> None:
        """`kill NAME` or `mend NAME`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def behave(self, **settings: float) -> None:
        """How the portal deals with requests from now on."""
        data = json.dumps(settings).encode()
        request = urllib.request.Request(f"{self._portal}/admin/behaviour", data=data, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def requests(self) -> dict[str, Any]:
        """What was asked of the portal."""
        with urllib.request.urlopen(f"{self._portal}/admin/requests", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def end(self) -> dict[str, Any]:
        """Stop it; its summary."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(ENDS_WITHIN_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return next(iter(self.events("summary")), {})

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told.append(json.loads(line))
