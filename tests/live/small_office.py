"""A back office of a few lines for one test, and a caller who asks a node about it once."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from keepline.demo_node import LocalNode, NodeSettings, keepline_command, wait_until

WITHIN_S = 60.0


@contextmanager
def office(port: int, answer: Callable[[str], object]) -> Iterator[None]:
    """Serve at this port meanwhile: what `answer` says of a path, as JSON."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def shop_node(directory: Path, operation: str, flows: str) -> LocalNode:
    """A node, not started, of this operation; `FIRST` and `SECOND` in it are the node's spare ports."""
    shop = directory / "shop"
    shop.mkdir()
    node = LocalNode(NodeSettings(shop, directory / "data", slots=10))
    first, second = node.spare_ports
    text = operation.replace("FIRST", str(first)).replace("SECOND", str(second))
    (shop / "keepline.yaml").write_text(text, encoding="utf-8")
    (shop / "flows.py").write_text(flows, encoding="utf-8")
    return node


def record_of_a_call(node: LocalNode) -> dict[str, Any]:
    """Call 1000, be hung up on, and return the record."""
    before = len(node.calls())
    phone = [*keepline_command(), "phone", node.uri("1000"), "--seconds", "5"]
    subprocess.run(phone, timeout=WITHIN_S, check=True, stdout=subprocess.DEVNULL)

    def over() -> dict[str, Any] | None:
        calls = node.calls()
        return calls[-1] if len(calls) > before and calls[-1]["state"] == "ended" else None

    found: dict[str, Any] = wait_until("the call is on record", over, WITHIN_S)
    return found
