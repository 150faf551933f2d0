"""A CRM that goes away: callers are answered from the copy, hear how old it is, and from the CRM when it is back."""

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepline.demo_node import LocalNode, wait_until
from tests.live.small_office import WITHIN_S, office, record_of_a_call, shop_node

OPERATION = """
operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {order: flows:order}
numbers: {"1000": {flow: order}}
capabilities:
  orders:
    paths:
      - {name: crm, http: {base_url: "http://127.0.0.1:FIRST", actions: {find: {path: "/orders/{number}",
         response: {state: $.state}}}}}
      - name: copy
        snapshot:
          base_url: "http://127.0.0.1:FIRST"
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


@dataclass
class Crm:
    """One order, alone and in the list of all."""

    state: str = "packed"
    field: str = "state"

    def answer(self, path: str) -> object:
        order = {"number": "100001", self.field: self.state}
        return {"orders": [order]} if path == "/export" else order


def outcome_of_a_call(node: LocalNode) -> tuple[str, str, str]:
    last = record_of_a_call(node)
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
    node, crm = shop_node(tmp_path, OPERATION, FLOWS), Crm()
    port = node.spare_ports[0]
    with node:
        with office(port, crm.answer):
            wait_until("there is a copy", lambda: copies(node).get("age_s") is not None, WITHIN_S)
            assert outcome_of_a_call(node) == ("answered", "packed", "False")
            crm.state = "shipped"
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
        crm.field = "condition"
        with office(port, crm.answer):
            contract = "orders: row 1: the answer has no $.state"
            wait_until("the broken contract is named", lambda: copies(node)["why"] == contract, WITHIN_S)
            assert outcome_of_a_call(node) == ("answered", "shipped", "True"), "the last whole copy"
            crm.field = "state"
            wait_until("it is young again", lambda: not copies(node)["why"], WITHIN_S)
    assert "copy_made_again" in node.stderr()
