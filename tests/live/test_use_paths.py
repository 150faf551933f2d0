"""A capability whose first path is away: callers are answered from the second, and from the first when it is back."""

from functools import partial
from pathlib import Path

from keepline.demo_node import LocalNode, wait_until
from tests.live.small_office import office, record_of_a_call, shop_node

OPERATION = """
operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {order: flows:order}
numbers: {"1000": {flow: order}}
incidents: {gate: {hold_s: 1, step_s: 1}}
capabilities:
  orders:
    paths:
      - {name: crm, http: {base_url: "http://127.0.0.1:FIRST", actions: {find: {path: /, response: {by: $.by}}}}}
      - {name: copy, http: {base_url: "http://127.0.0.1:SECOND", actions: {find: {path: /, response: {by: $.by}}}}}
"""
WITHIN_S = 120.0
FLOWS = """
from keepline.flow import Call, flow


@flow
async def order(call: Call) -> None:
    found = await call.use("orders.find")
    await call.outcome(found.by if found.ok else "sorry")
    await call.hangup()
"""


def says_who_it_is(name: str, _: str) -> dict[str, str]:
    return {"by": name}


def outcome_of_a_call(node: LocalNode) -> str:
    return str(record_of_a_call(node)["outcome"])


def test_a_caller_is_answered_by_whichever_path_there_is(tmp_path: Path) -> None:
    node = shop_node(tmp_path, OPERATION, FLOWS)
    first, second = node.spare_ports
    with office(second, partial(says_who_it_is, "copy")), node:
        for _ in range(4):
            assert outcome_of_a_call(node) == "copy"
        assert "path_changed" in node.stderr()
        assert "orders/crm" in node.stderr()
        with office(first, partial(says_who_it_is, "crm")):
            wait_until("crm has come back by its gate", lambda: outcome_of_a_call(node) == "crm", WITHIN_S)
        assert outcome_of_a_call(node) == "copy"
