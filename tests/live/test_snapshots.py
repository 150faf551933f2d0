"""A CRM that goes away: callers are answered from the copy, hear how old it is, and from the CRM when it is back."""

import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
      - {name: crm, http: {base_url: "http://127.0.0.1:PORT", actions: {find: {path: "/orders/{number}",
         response: {state: $.state}}}}}
      - name: copy
        snapshot:
          base_url: "http://127.0.0.1:PORT"
          every_s: 0.5
          tables: {orders: {path: /export, rows: $.orders, key: $.number}}
          actions: {find: {table: orders, key: number, response: {state: $.state}}}
"""
FLOWS = """
from keepline.flow import Call, flow


@flow
async def order(call: Call) -> None:
    found = await call.use("orders.find", number="100001")
    await call.outcome("answered" if found.ok else "sorry", state=found.state if found.ok else "",
                       from_copy=str(found.ok and found.age_s > 0))
    await call.hangup()
"""


class Crm(BaseHTTPRequestHandler):
    """One order, alone and in the list of all."""

    state = "packed"
    field = "state"

    def do_GET(self) -> None:
        order = {"number": "100001", Crm.field: Crm.state}
        body = json.dumps({"orders": [order]} if self.path == "/export" else order).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def crm(port: int) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", port), Crm)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def outcome_of_a_call(node: LocalNode) -> tuple[str, str, str]:
    before = len(node.calls())
    phone = [*keepline_command(), "phone", node.uri("1000"), "--seconds", "5"]
    subprocess.run(phone, timeout=WITHIN_S, check=True, stdout=subprocess.DEVNULL)

    def over() -> bool:
        calls = node.calls()
        return len(calls) > before and calls[-1]["state"] == "ended"

    wait_until("the call is on record", over, WITHIN_S)
    last = node.calls()[-1]
    return last["outcome"], last["outcome_fields"]["state"], last["outcome_fields"]["from_copy"]


def status(node: LocalNode) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(node.command("status", "--json").stdout)
    return found


def copies(node: LocalNode) -> dict[str, Any]:
    found: dict[str, Any] = status(node).get("copies", {})
    return found.get("orders/copy", {})


def scraped(node: LocalNode) -> str:
    with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=WITHIN_S) as answer:
        return str(answer.read().decode())


def test_a_caller_is_answered_while_the_crm_is_away(tmp_path: Path) -> None:
    operation = tmp_path / "shop"
    operation.mkdir()
    node = LocalNode(NodeSettings(operation, tmp_path / "data", slots=10))
    port = node.spare_ports[0]
    (operation / "keepline.yaml").write_text(OPERATION.replace("PORT", str(port)), encoding="utf-8")
    (operation / "flows.py").write_text(FLOWS, encoding="utf-8")
    with node:
        with crm(port):
            wait_until("there is a copy", lambda: copies(node).get("age_s") is not None, WITHIN_S)
            assert outcome_of_a_call(node) == ("answered", "packed", "False")
            Crm.state = "shipped"
            made_s = copies(node)["age_s"]
            wait_until("it is made anew", lambda: copies(node)["age_s"] < made_s, WITHIN_S)
        wait_until("the failure is said", lambda: "ConnectError" in copies(node)["why"], WITHIN_S)
        assert outcome_of_a_call(node) == ("answered", "shipped", "True")
        shown = node.command("status").stdout
        assert "copy orders/copy" in shown
        assert "s old" in shown
        late = "orders/copy: the copy is"
        wait_until("it is a trouble", lambda: late in str(status(node)["trouble"]), WITHIN_S)
        assert 'keepline_snapshot_age_seconds{path="orders/copy"}' in scraped(node)
        Crm.field = "condition"
        with crm(port):
            contract = "orders: row 1: the answer has no $.state"
            wait_until("the broken contract is named", lambda: copies(node)["why"] == contract, WITHIN_S)
            assert outcome_of_a_call(node) == ("answered", "shipped", "True"), "the last whole copy"
            Crm.field = "state"
            wait_until("it is young again", lambda: not copies(node)["why"], WITHIN_S)
    assert "copy_made_again" in node.stderr()
