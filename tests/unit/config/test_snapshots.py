"""`snapshot:` of a path: what it comes to, and the mistakes that are found in it."""

from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.config.answers import parse_field
from keepline.model.capability import Snapshot, SnapshotTable
from keepline.model.errors import OperationError
from keepline.model.limits_capabilities import SNAPSHOT_AGE_S_MAX

CRM = """      - {name: crm, http: {base_url: "http://127.0.0.1:1", actions: {find: {path: "/orders/{number}",
          response: {state: $.state}}}}}
"""
COPY = """      - name: copy
        snapshot:
          base_url: http://127.0.0.1:1/v1/
          headers: {X-Token: "env:CRM_TOKEN"}
          every_s: 30
          age_s_max: 3600
          tables: {orders: {path: /export/orders, rows: $.orders, key: $.number}}
          actions: {find: {table: orders, key: number, response: {state: $.state}}}
"""


def load(tmp_path: Path, paths: str) -> object:
    (tmp_path / "flows.py").write_text(
        "from keepline.flow import Call, flow\n\n\n@flow\nasync def one(call: Call) -> None:\n    await call.hangup()\n"
    )
    text = "operation: shop\ntrunks: {local: {peers: [127.0.0.0/8]}}\nflows: {one: flows:one}\n"
    text += 'numbers: {"1000": {flow: one}}\ncapabilities:\n  orders:\n    paths:\n'
    (tmp_path / "keepline.yaml").write_text(text + paths)
    return load_operation(tmp_path / "keepline.yaml").capabilities["orders"].paths[-1]


def test_what_it_comes_to(tmp_path: Path) -> None:
    path = load(tmp_path, CRM + COPY)
    made = path.connector  # type: ignore[attr-defined]
    assert isinstance(made, Snapshot)
    assert (made.base_url, made.every_s, made.age_s_max, made.timeout_s) == ("http://127.0.0.1:1/v1", 30, 3600, 30)
    assert made.tables == {"orders": SnapshotTable("/export/orders", parse_field("$.orders"), parse_field("$.number"))}
    assert made.headers["X-Token"].source == "env"
    action = path.actions["find"]  # type: ignore[attr-defined]
    assert (action.table, action.key, action.changes) == ("orders", "number", False)
    assert action.response == {"state": parse_field("$.state")}


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (COPY, "a copy cannot be the first path; put the path before it that it is a copy of"),
        (CRM + COPY.replace("table: orders", "table: order"), "there is no table `order`; did you mean `orders`?"),
        (CRM + COPY.replace("key: number", "key: order"), "asks for `order`, which the first path does without"),
        (CRM + COPY.replace("{state: $.state}", "{day: $.day}"), "the answer lacks `state`"),
        (CRM + COPY.replace("find: {table", "seek: {table"), "the first path has no `seek`"),
        (CRM + COPY.replace('"env:CRM_TOKEN"', '"file:token"'), "`token` is no whole path"),
        (CRM + COPY.replace("X-Token", "Authorization").replace("env:", ""), "a secret does not belong into the file"),
        (CRM + COPY.replace("3600", str(SNAPSHOT_AGE_S_MAX + 1)), "age_s_max"),
        (CRM + COPY.replace("every_s: 30", "every_s: 0"), "every_s"),
        (CRM + COPY.replace("every_s", "evry_s"), "did you mean `every_s`?"),
        (CRM + COPY.replace("response: {state: $.state}", "response: {age_s: $.state}"), "cannot be a field"),
    ],
)
def test_mistakes(tmp_path: Path, paths: str, told: str) -> None:
    with pytest.raises(OperationError) as raised:
        load(tmp_path, paths)
    assert told in str(raised.value)
