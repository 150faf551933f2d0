"""Visitors of a desk without a socket: with a cookie, a token, or nothing; from this machine or another one."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.types import ASGIApp, Message

from keepline.config import load_operation
from keepline.demo_retailer import retailer_path
from keepline.desk.app import create_app
from keepline.desk.drills_desk import DrillsDesk
from keepline.desk.people import passwords
from keepline.desk.people.people import People
from keepline.desk.people.records import How, Principal
from keepline.desk.playbooks_api import NodePlaybooks
from keepline.model.operation import Operation
from keepline.model.people import GRANTS, Role
from tests.unit.desk.desk_fakes import FakeSource, Reply
from tests.unit.desk.test_runs_api import FakeRuns

PASSWORD = "correct horse battery"
MACHINE_TOKEN = "of-this-machine"
SHELL = Principal("root", How.MACHINE, GRANTS[Role.ADMIN])
ELSEWHERE = "192.0.2.7"
NO_DRILLS = (sys.executable, "-c", "raise SystemExit('this desk begins no drill')")


@cache
def retailer() -> Operation:
    """The example, which has a world to be drilled."""
    return load_operation(retailer_path() / "keepline.yaml")


@dataclass
class Clock:
    """Wall time as a test has it."""

    now_s: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Visitor:
    """Somebody with a browser."""

    app: ASGIApp
    address: str = ELSEWHERE
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def get(self, target: str, **headers: str) -> Reply:
        return self.ask("GET", target, b"", headers)

    def page(self, target: str) -> Reply:
        """As a browser asks."""
        return self.get(target, accept="text/html")

    def post(self, target: str, fields: dict[str, Any] | None = None, **headers: str) -> Reply:
        """A form; with the page's proof where he has one."""
        told = ({"csrf": self.csrf} if self.csrf else {}) | (fields or {})
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.ask("POST", target, urlencode(told, doseq=True).encode(), kind | headers)

    def send(self, target: str, told: object = None, *, method: str = "POST", **headers: str) -> Reply:
        """JSON."""
        given = ({"x-csrf-token": self.csrf} if self.csrf else {}) | headers
        return self.ask(method, target, json.dumps(told or {}).encode(), {"content-type": "application/json"} | given)

    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        path, _, query = target.partition("?")
        given = {"host": "node1.example:8080"} | self.headers
        given |= (
            {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        )
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": (self.address, 1), "server": ("192.0.2.1", 8080),
        }  # fmt: skip
        sent: list[Message] = []
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return asked.pop() if asked else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        if "set-cookie" in found:
            name, _, rest = found["set-cookie"].partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return Reply(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))

    def log_in(self, name: str, password: str = PASSWORD, code: str = "") -> Reply:
        """And take the proof that a page would have."""
        reply = self.post("/login", {"name": name, "password": password, "code": code, "next": "/calls"})
        if reply.status == 303:
            secret = self.cookies["keepline_8080"].strip('"')
            self.csrf = passwords.digest_of_random(f"csrf {secret}")[:40]
        return reply


@dataclass
class Place:
    """A desk with its people."""

    people: People
    clock: Clock
    app: ASGIApp
    local: ASGIApp
    """The same people, listening on the loopback alone."""
    runs: FakeRuns
    actions: "FakeActions"
    source: FakeSource
    drills: DrillsDesk

    def visitor(self, role: Role | None = None, name: str = "") -> Visitor:
        """Somebody from elsewhere, who has logged in where he has a role."""
        found = Visitor(self.app)
        if role is not None:
            name = name or role.value
            if name not in self.people.known().accounts:
                self.people.changes.add(SHELL, name, role, PASSWORD)
            assert found.log_in(name).status == 303
        return found


@dataclass
class FakeActions:
    """A node that notes what it is asked."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    answer: dict[str, object] = field(default_factory=lambda: {"ok": True})
    held: list[dict[str, object]] = field(default_factory=list)

    def decide(self, who: Principal, wanted: dict[str, object], why: str) -> dict[str, object]:
        self.asked.append((who.name, who.title, wanted, why))
        return self.answer

    def note(self, who: Principal, action: str, why: str) -> dict[str, object]:
        self.asked.append((who.name, action, why))
        return self.answer

    def note_about(self, who: Principal, action: str, about: str, why: str) -> dict[str, object]:
        self.asked.append((who.name, action, about, why))
        return self.answer

    def settle(self, who: Principal, held: str, approves: bool, why: str) -> dict[str, object]:
        self.asked.append((who.name, held, approves, why))
        return self.answer

    def waiting(self) -> list[dict[str, object]]:
        return self.held

    def upgrade(self) -> dict[str, object]:
        return self.answer


def make_place(data: Path, monkeypatch: pytest.MonkeyPatch, *, is_open: bool = False) -> Place:
    """A desk over a source of our own, whose passwords cost little."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)
    clock, runs, actions, source = Clock(), FakeRuns(), FakeActions(), FakeSource()
    people = People(data, now=clock)
    drills = DrillsDesk(data, NO_DRILLS)
    drills.begin(retailer())

    def made(*, loopback: bool) -> ASGIApp:
        return create_app(
            source, loopback=loopback, runs=runs, people=people, token=lambda: MACHINE_TOKEN,
            is_open=lambda: is_open, actions=actions, playbooks=NodePlaybooks(data, lambda: None), drills=drills,
        )  # fmt: skip

    return Place(people, clock, made(loopback=False), made(loopback=True), runs, actions, source, drills)
