"""`outbox:` and `deferred:` of a path: what they come to, and the mistakes that are found in them."""

from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.capability import Capability, Deferred, Outbox
from keepline.model.errors import OperationError
from keepline.model.limits_capabilities import KEPT_AT_ONCE_MAX

FLOWS = """from keepline.flow import Call, Run, flow


@flow
async def one(call: Call) -> None:
    await call.hangup()


@flow
async def later(run: Run) -> None:
    await run.outcome("seen")
"""
TOP = """operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {one: flows:one, later: flows:later}
numbers: {"1000": {flow: one}}
capabilities:
  crm:
    paths:
"""
CRM = """      - {name: office, http: {base_url: "http://127.0.0.1:1", actions: {
          add: {method: POST, path: /leads, idempotent: true}, find: {path: "/leads/{id}"}}}}
"""
BOX = """      - {name: box, outbox: {keep_s: 3600, at_once: 2, actions: {add: {key: phone}}}}
"""
RUN = """      - {name: call_back, deferred: {actions: {add: {flow: later}}}}
"""
SECOND = """      - {name: other, http: {base_url: "http://127.0.0.1:2", actions: {add: {method: POST, path: /leads}}}}
"""


def load(tmp_path: Path, paths: str) -> Capability:
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "keepline.yaml").write_text(TOP + paths)
    return load_operation(tmp_path / "keepline.yaml").capabilities["crm"]


def test_what_they_come_to(tmp_path: Path) -> None:
    crm = load(tmp_path, CRM + BOX + RUN)
    _, box, run = crm.paths
    assert box.connector == Outbox(3600, 2)
    assert (box.actions["add"].key, box.actions["add"].changes, box.actions["add"].idempotent) == ("phone", True, True)
    assert run.connector == Deferred()
    assert run.actions["add"].flow == "later"
    assert [path.name for path in crm.change_paths("add")] == ["office", "box", "call_back"]
    assert crm.change_paths("find") == ()


def test_a_change_may_have_two_paths(tmp_path: Path) -> None:
    assert [path.name for path in load(tmp_path, CRM + SECOND).change_paths("add")] == ["office", "other"]


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (BOX, "`outbox` cannot be the first path; put the path before it that makes the changes"),
        (RUN, "`deferred` cannot be the first path"),
        (CRM + BOX.replace("add:", "ad:"), "the first path has no `ad`"),
        (CRM + BOX.replace("add:", "find:"), "`find` changes nothing; a promise is of a change"),
        (
            CRM.replace(", idempotent: true", "") + BOX,
            "the path before it may make `add` twice; say `idem",
        ),
        (CRM + SECOND + BOX, "2 paths make `add`; keep what one path alone makes, or promise it by `deferred`"),
        (CRM + RUN.replace("flow: later", "flow: latter"), "there is no flow `latter`; did you mean `later`?"),
        (
            CRM + RUN.replace("flow: later", "flow: one"),
            "the flow `one` needs a caller; name one that",
        ),
        (CRM + BOX.replace("at_once: 2", f"at_once: {KEPT_AT_ONCE_MAX + 1}"), "at_once"),
        (CRM + BOX.replace("outbox: {", "snapshot: {}, outbox: {"), "has `snapshot` and `outbox`; give it one of"),
    ],
)
def test_mistakes(tmp_path: Path, paths: str, told: str) -> None:
    with pytest.raises(OperationError) as caught:
        load(tmp_path, paths)
    assert any(told in str(mistake) for mistake in caught.value.mistakes), caught.value.mistakes
