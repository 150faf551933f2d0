"""Flows without a caller in a real node: active is killed while they wait; the whole node is started again."""

import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, wait_until

WITHIN_S = 60.0
OPERATION = """
operation: runs
sip: {listen: "127.0.0.1:5060"}
http: {listen: "127.0.0.1:8080"}
trunks: {loopback: {peers: ["127.0.0.0/8"]}}
numbers: {1000: {flow: nobody}}
flows: {nobody: "flows:nobody", parent: "flows:parent", hears: "flows:hears", naps: "flows:naps", fails: "flows:fails"}
"""
FLOWS = '''"""Flows that wait."""

from keepline.flow import Call, Run, flow


@flow
async def nobody(call: Call) -> None:
    await call.hangup()


@flow
async def parent(run: Run) -> str:
    children = [await run.start("naps", seconds=each) for each in (1, 3)]
    return " ".join([(await run.join(each)).value for each in children])


@flow
async def naps(run: Run) -> str:
    await run.wait(float(run.variables["seconds"]))
    return f"rested {run.variables['seconds']}"


@flow
async def hears(run: Run) -> str:
    told = await run.wait_for("paid", run.variables["order"], timeout_s=86_400)
    await run.wait(0.5)
    return told.amount if told else "nothing"


@flow
async def fails(run: Run) -> None:
    told = await run.wait_for("decided")
    raise RuntimeError(f"{told.by} said {told.approved!r}")
'''


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LocalNode]:
    """A node with these flows."""
    operation = tmp_path / "operation"
    operation.mkdir()
    (operation / "keepline.yaml").write_text(OPERATION)
    (operation / "flows.py").write_text(FLOWS)
    found = LocalNode(NodeSettings(operation / "keepline.yaml", tmp_path / "data", slots=10))
    try:
        found.up()
        yield found
        found.stop()
        found.wait_gone()
    finally:
        left = found.end()
        print(found.stderr())
    assert left == [], "processes of the node were left behind"


def start(node: LocalNode, *arguments: str) -> str:
    return node.command("flow", "start", *arguments).stdout.strip()


def runs(node: LocalNode) -> dict[str, dict[str, Any]]:
    lines = node.command("flows", "--json").stdout.splitlines()
    return {each["id"]: each for each in map(json.loads, lines)}


def await_end(node: LocalNode, run: str) -> str:
    """How it ended, and what it returned, as a person reads it."""
    wait_until(f"the end of {run}", lambda: runs(node)[run]["ended_at"], WITHIN_S)
    assert runs(node)[run]["state"] == "returned"
    return node.command("flow", "show", run).stdout.splitlines()[-1]


def test_active_is_killed_while_runs_wait(node: LocalNode) -> None:
    family = start(node, "parent")
    hears = start(node, "hears", "--var", "order=17")
    wait_until("a run that waits", lambda: runs(node)[hears]["waits_for"] == "event paid 17", WITHIN_S)
    node.kill("active")
    event = node.command("flow", "tell", "paid", "17", "--var", "amount=12").stdout.strip()
    assert event.startswith("e")
    node.kill("active")
    assert '"12"' in await_end(node, hears)
    assert "rested 1 rested 3" in await_end(node, family)
    timeline = node.command("flow", "show", family).stdout
    assert timeline.count("run_ended.1") == 1
    assert timeline.count("verb=start") == 2


def post(node: LocalNode, path: str, body: dict[str, Any], key: str = "", token: str = "") -> tuple[int, Any]:
    """Status and answer of one request to the API."""
    token = token or (Path(node.status()["data"]) / "api.token").read_text().strip()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    headers |= {"Idempotency-Key": key} if key else {}
    request = urllib.request.Request(f"http://{node.http}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def get(node: LocalNode, path: str) -> Any:
    with urllib.request.urlopen(f"http://{node.http}{path}", timeout=WITHIN_S) as answer:
        return json.load(answer)


def test_started_and_told_over_http_while_active_is_killed(node: LocalNode) -> None:
    """Each request counts once, however often it is made; what failed is on the work list and can be closed."""
    begin = {"flow": "hears", "key": "order-17", "variables": {"order": "17"}}
    status, begun = post(node, "/api/flows", begin)
    assert (status, begun["known"]) == (201, False)
    node.kill("active")
    assert post(node, "/api/flows", begin) == (200, begun | {"known": True})
    wait_until("it waits", lambda: get(node, f"/api/flows/{begun['id']}")["waits_for"] == "event paid 17", WITHIN_S)
    assert post(node, "/api/events/paid/17", {"amount": "12"}, token="x")[0] == 401
    status, told = post(node, "/api/events/paid/17", {"amount": "12"}, "bank-1")
    assert (status, told["known"]) == (200, False)
    node.kill("active")
    assert post(node, "/api/events/paid/17", {"amount": "12"}, "bank-1") == (200, told | {"known": True})
    assert post(node, "/api/events/paid/17", {"amount": "13"}, "bank-1")[0] == 409
    assert '"12"' in await_end(node, begun["id"])
    assert get(node, f"/api/flows/{begun['id']}")["value"] == "12"
    assert post(node, "/api/flows", {"flow": "nobody", "key": "1"})[0] == 422
    _, fails = post(node, "/api/flows", {"flow": "fails", "key": "1"})
    assert post(node, f"/api/flows/{fails['id']}/events/decided", {"by": "Ana", "approved": True}, "m-1")[0] == 200
    wait_until("the run that failed", lambda: work(node), WITHIN_S)
    [item] = work(node)
    assert (item["id"], item["about"], item["key"]) == (f"{fails['id']}-failed", "run_failed", "1")
    assert item["why"] == "the run raised: RuntimeError: Ana said True"
    assert get(node, "/api/work")["items"] == [item]
    assert post(node, f"/api/flows/{fails['id']}/events/decided", {}, "m-2")[0] == 409
    assert "Traceback" in node.command("work", "show", item["id"]).stdout
    wait_until("it is counted", lambda: node.status()["work"]["run_failed"] == 1, WITHIN_S)
    node.command("work", "close", item["id"], "--by", "Ana", "--outcome", "void")
    assert work(node) == []
    wait_until("it is counted no more", lambda: node.status()["work"]["run_failed"] == 0, WITHIN_S)


def work(node: LocalNode) -> list[dict[str, Any]]:
    return [json.loads(line) for line in node.command("work", "--json").stdout.splitlines()]


def test_the_whole_node_is_started_again(node: LocalNode) -> None:
    """What fell due while it was down goes on; what waits for days still waits; an event is kept."""
    node.command("flow", "tell", "paid", "18", "--var", "amount=5")
    naps = start(node, "naps", "--var", "seconds=2")
    days = start(node, "naps", "--var", "seconds=259200", "--key", "days")
    until = runs(node)[days]["until"]
    node.stop()
    node.wait_gone()
    node.up()
    assert "rested 2" in await_end(node, naps)
    assert runs(node)[days]["state"] == "waiting"
    assert runs(node)[days]["until"] == until
    assert start(node, "naps", "--var", "seconds=1", "--key", "days") == days
    assert '"5"' in await_end(node, start(node, "hears", "--var", "order=18"))
    assert node.command("verify").returncode == 0


def test_runs_go_on_though_the_journal_is_damaged(node: LocalNode) -> None:
    """Who waits is told by the next journal's node; a key still counts once; what cannot be read is for a person."""
    hears = start(node, "hears", "--var", "order=17", "--key", "order-17")
    ended = start(node, "naps", "--var", "seconds=0", "--key", "done")
    broken = start(node, "naps", "--var", "seconds=259200", "--key", "broken")
    assert "rested 0" in await_end(node, ended)
    wait_until("both wait", lambda: {runs(node)[each]["state"] for each in (hears, broken)} == {"waiting"}, WITHIN_S)
    node.stop()
    node.wait_gone()
    with closing(sqlite3.connect(node.settings.data / "journal.db")) as journal, journal:
        journal.execute("UPDATE facts SET body = CAST('{}' AS BLOB) WHERE call = ?", (broken,))
    node.up()
    assert any("the journal was damaged" in each for each in node.status()["trouble"])
    assert start(node, "naps", "--var", "seconds=1", "--key", "done") == ended
    assert start(node, "hears", "--var", "order=18", "--key", "order-17") == hears
    node.command("flow", "tell", "paid", "17", "--var", "amount=9")
    assert '"9"' in await_end(node, hears)
    [item] = work(node)
    assert (item["id"], item["key"], item["flow"]) == (f"{broken}-failed", "broken", "naps")
    assert "journal-damaged-" in item["why"]
    node.command("work", "close", item["id"], "--by", "Ana", "--outcome", "void")
    assert work(node) == []
    assert node.command("verify").returncode == 0
