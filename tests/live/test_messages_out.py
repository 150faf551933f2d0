"""People are told, live: by mail (aiosmtpd), a signed hook, the page that outlives everything, and in their ear."""

import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from keepline.connectors.webhook.client import SIGNATURE_HEADER, is_signed
from keepline.demo_node import LocalNode, free_port, wait_until
from keepline.model.limits_messages import STATUS_REQUESTS_MAX
from tests.live.small_office import WITHIN_S, record_of_a_call, shop_node

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


TOLD = (
    OPERATION
    + """capabilities:
  mail:
    paths:
      - {name: dead, email: {server: "127.0.0.1:1", from: shop@example.com, security: none}}
      - {name: local, email: {server: "127.0.0.1:SECOND", from: shop@example.com, security: none}}
  hook: {paths: [{name: own, webhook: {secret: "env:SHOP_HOOK_SECRET"}}]}
contacts:
  mara: {audiences: [agents], channels: [{mail: mara@example.com}, {hook: "http://127.0.0.1:HOOK/in"}]}
  partner: {audiences: [agents], channels: [{hook: "http://127.0.0.1:HOOK/in"}, {mail: p@example.com}]}
messages:
  sets:
    carrier:
      callers: {en: {opened: "Some calls do not arrive.", closed: ""}}
      agents: {en: {subject: "{severity}: lines", opened: "Since {opened}: {cause}."}}
      status_page: {en: {subject: Lines, opened: Some calls do not arrive., closed: All is well.}}
"""
)
SECRET = "of the shop and its partner"


class Mailbox:
    """What the mail server was sent."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        self.mails.append(envelope)
        return "250 queued"


@contextmanager
def receiver(port: int) -> Iterator[list[tuple[str, bytes]]]:
    """Somebody's program: header and body of what was posted."""
    heard: list[tuple[str, bytes]] = []

    class Hearing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers[SIGNATURE_HEADER], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Hearing)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()


def test_an_incident_is_told_by_mail_hook_page_and_greeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_HOOK_SECRET", SECRET)
    hook = free_port()
    node = shop_node(tmp_path, TOLD.replace("HOOK/", f"{hook}/"), FLOWS)
    page, mail = node.spare_ports
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=mail)
    server.start()
    try:
        with receiver(hook) as heard:
            node.up()
            told = ("incident", "open", "carrier", "--cause", "a line is noisy", "--severity", "2")
            node.command(*told, "--path", "telephony/local")
            wait_until("mara has her mail", lambda: box.mails, WITHIN_S)
            wait_until("the partner is told", lambda: heard, WITHIN_S)
            wait_until("the page says it", lambda: "Some calls do not arrive." in read(page, "/"), WITHIN_S)
            listed = wait_until("all were told", lambda: _all_told(node), WITHIN_S)
            assert box.mails[0].rcpt_tos == ["mara@example.com"]
            assert b"Subject: major: lines" in box.mails[0].content
            header, body = heard[0]
            assert is_signed(SECRET, header, body, time.time())
            assert "mara" in listed

            record = record_of_a_call(node)
            assert [step["name"] for step in record["steps"]][:2] == [
                "say",
                "say",
            ]  # what is heard first, then the flow
            for role in ("active", "active"):
                node.kill(role)
                wait_until("another one serves", lambda: node.pid("active"), WITHIN_S)
            record = record_of_a_call(node)
            assert [step["name"] for step in record["steps"]][:2] == ["say", "say"]
            assert (len(box.mails), len(heard)) == (1, 1)  # nobody is told twice
    finally:
        server.stop()
        left = node.end()
        print(node.stderr())
    assert left is not None


def _all_told(node: LocalNode) -> str:
    shown = "".join(
        node.command("message", "show", line.split()[2]).stdout
        for line in node.command("message", "list").stdout.splitlines()
    )
    return shown if shown.count(": told by ") == 4 else ""
