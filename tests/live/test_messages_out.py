"""People are told, live: the page that outlives everything else."""

import os
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

from keepline.demo_node import LocalNode, wait_until
from keepline.model.limits_messages import STATUS_REQUESTS_MAX
from tests.live.small_office import WITHIN_S, shop_node

FLOWS = '''"""Flows of a shop."""

from keepline.flow import Call, flow


@flow
async def one(call: Call) -> None:
    await call.say("Good morning.")
    await call.hangup()
'''
OPERATION = """operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {one: flows:one}
numbers: {"1000": {flow: one}}
status_page: {title: Our telephone, components: {Calls: [telephony]}, listen: "127.0.0.1:FIRST"}
"""


def read(port: int, path: str) -> str:
    """What the page's process answers; empty while nobody does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=WITHIN_S) as answer:
            assert answer.status == 200
            if path == "/":
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def kill_all_but_the_page(node: LocalNode) -> None:
    page = wait_until("the supervisor tells of it", lambda: node.pid("status_page"), WITHIN_S)
    while others := [each for each in node.processes() if each.pid != page]:
        for each in others:
            try:
                os.kill(each.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def test_the_page_loads_with_every_other_process_of_keepline_killed(tmp_path: Path) -> None:
    node = shop_node(tmp_path, OPERATION, FLOWS)
    port = node.spare_ports[0]
    try:
        node.up()
        wait_until("the page is served", lambda: "All Systems Operational" in read(port, "/"), WITHIN_S)
        kill_all_but_the_page(node)
        assert len(node.processes()) == 1
        page = read(port, "/")
        assert "All Systems Operational" in page
        assert " ago. Checked " in page
        assert '"indicator": "none"' in read(port, "/api/v2/status.json")
        assert "<feed" in read(port, "/history.atom")
        for path in ("/../journal.db", "/published.json", "/api/v2/../../x.json"):
            assert read(port, path) == "", path

        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(STATUS_REQUESTS_MAX)]
        assert "Operational" in read(port, "/")  # who says nothing is given up for whoever asks
        for each in idle:
            each.close()

        node.up()
        wait_until("a new node has the page again", lambda: "Operational" in read(port, "/"), WITHIN_S)
        node.stop()
        node.wait_gone()
    finally:
        left = node.end()
        print(node.stderr())
    assert left == []
