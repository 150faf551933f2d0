"""Flows that read and change the retailer's back office, over real HTTP, while it and the node misbehave.

What was done is counted by the back office; what the caller heard is in the record that the node keeps.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.killing import complete
from keepline.demo_node import LocalNode, NodeSettings, keepline_command, wait_until
from tests.live.test_retailer_backoffice import Office

WITHIN_S = 60.0
TIMEOUT_S = 2.0
OPERATION = """
operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {order: flows:order, lead: flows:lead, late: flows:late, own: flows:own}
numbers: {"1000": {flow: order}, "1001": {flow: lead}, "1002": {flow: late}, "1003": {flow: own}}
capabilities:
  office:
    paths:
      - name: main
        http:
          base_url: URL
          timeout_s: 2
          headers: {X-Token: "env:SHOP_TOKEN"}
          actions:
            order: {path: "/orders/{number}", response: {state: $.status, item: $.item}}
            lead: {method: POST, path: /leads, response: {id: $.id}, idempotent: true}
  own:
    paths:
      - name: mine
        python: {module: "mine:Mine", actions: {double: {changes: false, response: [value]}}}
"""
FLOWS = """
from keepline.flow import Call, Unknown, flow


@flow
async def order(call: Call) -> None:
    found = await call.use("office.order", number="100001")
    await call.outcome("told" if found.ok else "sorry")
    await call.hangup()


@flow
async def lead(call: Call) -> None:
    made = await call.use("office.lead", phone="+12125550100", interest="kitchen")
    await call.outcome("made" if made.ok else "unknown" if isinstance(made, Unknown) else "sorry")
    await call.hangup()


@flow
async def late(call: Call) -> None:
    await call.wait(6)
    found = await call.use("office.order", number="100001")
    if not found.ok:
        await call.say("Sorry.")
    await call.outcome("told" if found.ok else "sorry")
    await call.hangup()


@flow
async def own(call: Call) -> None:
    found = await call.use("own.double", number=21)
    await call.outcome(str(found.value))
    await call.hangup()
"""
MINE = """
class Mine:
    def double(self, number: int) -> dict[str, int]:
        return {"value": 2 * number}
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    found = Office(tmp_path_factory.mktemp("office"), "--quiet")
    yield found
    end(found)


def end(office: Office) -> None:
    office.process.kill()
    office.process.wait(WITHIN_S)
    assert office.process.stdout is not None
    office.process.stdout.close()
    office.log.close()


def node_for(office: Office, directory: Path) -> LocalNode:
    operation = directory / "shop"
    operation.mkdir()
    (operation / "keepline.yaml").write_text(OPERATION.replace("URL", f"http://127.0.0.1:{office.port}"))
    (operation / "flows.py").write_text(FLOWS)
    (operation / "mine.py").write_text(MINE)
    checked = subprocess.run(
        [*keepline_command(), "check", str(operation)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    return LocalNode(NodeSettings(operation, directory / "data", slots=10))


@pytest.fixture(scope="module")
def node(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNode]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOP_TOKEN", "a-secret-of-the-shop")
        with node_for(office, tmp_path_factory.mktemp("node")) as found:
            yield found
            assert "use:" not in found.stderr(), "the lint finds what is there"


@pytest.fixture(autouse=True)
def mended(office: Office) -> Iterator[None]:
    yield
    if office.process.poll() is None:
        office.ask("DELETE", "/admin/faults")


class Caller:
    """Somebody on the phone until the node hangs up."""

    def __init__(self, node: LocalNode, number: str) -> None:
        self.node = node
        self.before = {call["id"] for call in node.calls()}
        command = [*keepline_command(), "phone", node.uri(number)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def record(self) -> dict[str, Any]:
        """The call's record once it is over."""
        said, _ = self.process.communicate(timeout=WITHIN_S)
        assert self.process.returncode == 0, said

        def mine() -> list[dict[str, Any]]:
            found = [call for call in self.node.calls() if call["id"] not in self.before]
            return [call for call in found if call["state"] == "ended"]

        [record] = wait_until("the call has ended in its record", mine, WITHIN_S)
        return record


def leads(office: Office) -> int:
    return len(office.ask("GET", "/leads?limit=500")[1]["leads"])


def first_use(record: dict[str, Any]) -> tuple[str, str]:
    return next((step["name"], step["result"]) for step in record["steps"] if step["name"].startswith("use"))


def test_a_flow_reads_the_back_office(node: LocalNode, office: Office) -> None:
    record = Caller(node, "1000").record()
    assert first_use(record) == ("use office.order", "done")
    assert (record["outcome"], record["error"]) == ("told", "")


def test_a_class_of_the_operation_answers(node: LocalNode) -> None:
    assert Caller(node, "1003").record()["outcome"] == "42"


def test_the_secret_is_nowhere_in_what_the_node_wrote(node: LocalNode) -> None:
    Caller(node, "1000").record()
    written = [path for path in node.settings.data.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if b"a-secret-of-the-shop" in path.read_bytes()] == []
    assert "a-secret-of-the-shop" not in node.stderr()


@pytest.mark.parametrize(
    ("kind", "more", "result"),
    [
        ("silent", {}, "unavailable: no answer in time"),
        ("slow", {"ms": 10_000}, "unavailable: no answer in time"),
        ("status", {"status": 500}, "unavailable: answered 500"),
        ("malformed", {}, "unavailable: the answer is no JSON"),
        ("renamed", {"field": "status"}, "unavailable: the answer has no $.status"),
    ],
)
def test_a_question_without_an_answer(
    node: LocalNode, office: Office, kind: str, more: dict[str, Any], result: str
) -> None:
    office.plant("GET /orders/*", kind, expires_s=60, **more)
    record = Caller(node, "1000").record()
    assert first_use(record) == ("use office.order", result)
    assert record["outcome"] == "sorry"
    [took_ms] = [step["took_ms"] for step in record["steps"] if step["name"] == "use office.order"]
    assert took_ms < (TIMEOUT_S + 1) * 1000, "the caller hears nothing for longer than the deadline"


@pytest.mark.parametrize("kind", ["lost", "twice", "silent"])
def test_a_change_is_done_once(node: LocalNode, office: Office, kind: str) -> None:
    before = leads(office)
    office.plant("POST /leads", kind, expires_s=60, times=1, do_work=True)
    record = Caller(node, "1001").record()
    assert first_use(record) == ("use office.lead", "done")
    assert leads(office) == before + 1


@pytest.mark.parametrize("kind", ["late", "slow"])
def test_the_calls_process_dies_between_question_and_answer(node: LocalNode, office: Office, kind: str) -> None:
    before = leads(office)
    received = office.ask("GET", "/admin/traffic")[1]["received"].get("POST leads", 0)
    office.plant("POST /leads", kind, expires_s=60, times=1, ms=1500)
    wait_until("there is a process to take over", lambda: complete(node), WITHIN_S)
    caller = Caller(node, "1001")

    def has_come() -> bool:
        return office.ask("GET", "/admin/traffic")[1]["received"].get("POST leads", 0) > received

    wait_until("the request has reached the back office", has_come, WITHIN_S)
    node.kill("active")
    record = caller.record()
    assert first_use(record) == ("use office.lead", "done")
    assert record["outcome"] == "made"
    assert leads(office) == before + 1


def test_the_back_office_dies_in_mid_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "t")
    office = Office(tmp_path, "--quiet")
    try:
        with node_for(office, tmp_path) as node:
            caller = Caller(node, "1002")
            wait_until("the call is answered", lambda: any(call["answered_at"] for call in node.calls()), WITHIN_S)
            office.process.kill()
            record = caller.record()
            assert first_use(record) == ("use office.order", "unavailable: cannot be reached")
            assert [step["name"] for step in record["steps"]][-3:] == ["say", "outcome", "hangup"]
            assert (record["outcome"], record["error"]) == ("sorry", "")
    finally:
        end(office)
