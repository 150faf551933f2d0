"""A capability whose first path is away: callers are answered from the second, and from the first when it is back."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from keepline.demo_node import LocalNode, NodeSettings, keepline_command, wait_until

WITHIN_S = 60.0
OPERATION = """
operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {order: flows:order}
numbers: {"1000": {flow: order}}
capabilities:
  orders:
    paths:
      - {name: crm, http: {base_url: "http://127.0.0.1:FIRST", actions: {find: {path: /, response: {by: $.by}}}}}
      - {name: copy, http: {base_url: "http://127.0.0.1:SECOND", actions: {find: {path: /, response: {by: $.by}}}}}
"""
FLOWS = """
from keepline.flow import Call, flow


@flow
async def order(call: Call) -> None:
    found = await call.use("orders.find")
    await call.outcome(found.by if found.ok else "sorry")
    await call.hangup()
"""


class Answering(BaseHTTPRequestHandler):
    """Says who it is."""

    def do_GET(self) -> None:
        body = json.dumps({"by": self.server.name}).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def office(name: str, port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), Answering)
    server.daemon_threads = True
    server.name = name  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def outcome_of_a_call(node: LocalNode) -> str:
    before = len(node.calls())
    phone = [*keepline_command(), "phone", node.uri("1000"), "--seconds", "5"]
    subprocess.run(phone, timeout=WITHIN_S, check=True, stdout=subprocess.DEVNULL)

    def over() -> bool:
        calls = node.calls()
        return len(calls) > before and calls[-1]["state"] == "ended"

    wait_until("the call is on record", over, WITHIN_S)
    return str(node.calls()[-1]["outcome"])


def test_a_caller_is_answered_by_whichever_path_there_is(tmp_path: Path) -> None:
    operation = tmp_path / "shop"
    operation.mkdir()
    node = LocalNode(NodeSettings(operation, tmp_path / "data", slots=10))
    first, second = node.spare_ports
    text = OPERATION.replace("FIRST", str(first)).replace("SECOND", str(second))
    (operation / "keepline.yaml").write_text(text, encoding="utf-8")
    (operation / "flows.py").write_text(FLOWS, encoding="utf-8")
    with office("copy", second), node:
        for _ in range(4):
            assert outcome_of_a_call(node) == "copy"
        assert "path_changed" in node.stderr()
        assert "orders/crm" in node.stderr()
        with office("crm", first):
            assert outcome_of_a_call(node) == "crm", "a degraded path that others do without is tried now and then"
        assert outcome_of_a_call(node) == "copy"
