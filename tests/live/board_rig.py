"""A node with two carriers and an office behind it, and a browser that looks at its board."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from keepline.demo_carrier import CarrierProgram
from keepline.demo_node import LocalNode, NodeSettings, keepline_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OPERATION = Path(__file__).with_name("board") / "keepline.yaml"
CALLERS = Path(__file__).parents[2] / "examples" / "bench" / "callers.py"
ANSWERS = re.compile(r"127\.0\.0\.1:\d+")


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.strip("/")
        away = name in self.server.away  # type: ignore[attr-defined]
        body = json.dumps({"error": "away"} if away else {"by": name}).encode()
        self.send_response(503 if away else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Shop:
    """The node with all that it talks to."""

    def __init__(self, directory: Path) -> None:
        self._stack = contextlib.ExitStack()
        self._office = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
        self._office.daemon_threads = True
        self.away: set[str] = set()
        """Paths that answer nobody, by their names."""
        self._office.away = self.away  # type: ignore[attr-defined]
        rules = ["+15550001=answer,ring:1,bye-after:20"]
        self.carriers = [CarrierProgram(name, rules=rules) for name in ("northtel", "southtel")]
        self._directory = directory

    def __enter__(self) -> "Shop":
        with contextlib.ExitStack() as stack:
            threading.Thread(target=self._office.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(self._office.server_close)
            stack.callback(self._office.shutdown)
            for carrier in self.carriers:
                stack.callback(carrier.end)
                carrier.start()
            settings = NodeSettings(OPERATION, self._directory / "data", slots=60, extra=self._extra())
            self.node = stack.enter_context(LocalNode(settings))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _extra(self) -> list[str]:
        office = f"http://127.0.0.1:{self._office.server_address[1]}"
        names = ("capabilities.orders.paths.0", "capabilities.orders.paths.1")
        names += ("capabilities.payments.paths.0", "capabilities.payments.paths.1")
        told = [(f"{name}.http.base_url", office) for name in names]
        proxies = zip(("northtel", "southtel"), self.carriers, strict=True)
        told += [(f"trunks.{name}.outbound.proxy", carrier.address) for name, carrier in proxies]
        return [word for name, value in told for word in ("--set", f"{name}={value}")]

    @property
    def address(self) -> str:
        """Of the desk."""
        return f"http://{self.node.http}"

    def callers(self, number: str, calls: int, per_s: float) -> "subprocess.Popen[bytes]":
        """A crowd that calls; the process, which ends by itself."""
        command = [sys.executable, str(CALLERS), "--target", self.node.uri(number), "--calls", str(calls)]
        return subprocess.Popen([*command, "--rate", str(per_s)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def place(self, number: str = "+15550001") -> "subprocess.Popen[bytes]":
        """A call of ours; the process, which ends by itself."""
        command = [*keepline_command(), "call", "place", number, "--flow", "remind", "--timeout", "40"]
        command += ["--data", str(self.node.settings.data)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def browser() -> Iterator["Browser"]:
    """Debian's chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()
