"""The API of runs over a source of our own: who may change something, what is refused and why, what is told once."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Message

from keepline.desk.app import create_app
from keepline.desk.runs_source import event_id
from keepline.desk.source import Unavailable
from keepline.model.limits_desk import API_BODY_BYTES_MAX, IDEMPOTENCY_KEY_CHARS_MAX
from keepline.node.api_token import is_token, make_token, read_token
from tests.unit.desk.desk_fakes import FakeSource, Reply, get

TOKEN = "s3cret-of-the-api"
RUN = {
    "id": "r0123456789abcde", "flow": "remind", "key": "17", "parent": "", "state": "waiting",
    "waits_for": "event paid 17", "since": 5.0, "until": None, "began_at": 4.0, "ended_at": None,
}  # fmt: skip
OVER = {**RUN, "id": "r1", "state": "returned", "waits_for": "", "ended_at": 9.0, "value": {"a": 1}, "outcome": "paid"}


@dataclass
class FakeRuns:
    asked: list[tuple[object, ...]] = field(default_factory=list)
    answer: dict[str, object] = field(default_factory=lambda: {"ok": True, "id": RUN["id"], "known": False})
    down: str = ""

    def runs(self, ended: int) -> list[dict[str, object]]:
        self.asked.append((ended,))
        return [dict(RUN), dict(OVER)]

    def run(self, id_: str) -> dict[str, object] | None:
        return next((dict(each) for each in (RUN, OVER) if each["id"] == id_), None)

    def start(self, flow: str, key: str, variables: Mapping[str, Any]) -> dict[str, object]:
        self.asked.append((flow, key, dict(variables)))
        return self._answer()

    def tell(self, event: str, key: str, idempotency_key: str, fields: Mapping[str, Any]) -> dict[str, object]:
        self.asked.append((event, key, idempotency_key, dict(fields)))
        return self._answer()

    def _answer(self) -> dict[str, object]:
        if self.down:
            raise Unavailable(self.down)
        return self.answer


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def app(runs: FakeRuns) -> ASGIApp:
    return create_app(FakeSource(), loopback=True, runs=runs, token=lambda: TOKEN)


def post(
    app: ASGIApp,
    path: str,
    body: object = None,
    *,
    token: str = TOKEN,
    key: str = "",
    kind: str = "application/json",
) -> Reply:
    """One request; `body` is sent as JSON, or as it stands where it is bytes."""
    headers = [(b"host", b"127.0.0.1:8080"), (b"content-type", kind.encode())]
    headers += [(b"authorization", f"Bearer {token}".encode())] if token else []
    headers += [(b"idempotency-key", key.encode())] if key else []
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))


def test_a_flow_is_started_once_for_its_key(app: ASGIApp, runs: FakeRuns) -> None:
    reply = post(app, "/api/flows", {"flow": "remind", "key": "17", "variables": {"order": "17", "cents": 1250}})
    assert (reply.status, reply.headers["location"]) == (201, f"/api/flows/{RUN['id']}")
    assert reply.json == {"id": RUN["id"], "flow": "remind", "key": "17", "known": False}
    runs.answer["known"] = True
    again = post(app, "/api/flows", {"flow": "remind"}, key='"17"')
    assert (again.status, again.json) == (200, {"id": RUN["id"], "flow": "remind", "key": "17", "known": True})
    assert runs.asked == [("remind", "17", {"order": "17", "cents": 1250}), ("remind", "17", {})]


def test_an_event_is_told_under_the_id_that_it_has_where_it_comes_from(app: ASGIApp, runs: FakeRuns) -> None:
    runs.answer["id"] = "e1"
    reply = post(app, "/api/events/paid/17", {"amount": "12.50"}, key="bank-991")
    assert (reply.status, reply.json) == (200, {"id": "e1", "event": "paid", "key": "17", "known": False})
    assert runs.asked == [("paid", "17", "bank-991", {"amount": "12.50"})]


def test_a_run_is_told_by_its_id(app: ASGIApp, runs: FakeRuns) -> None:
    reply = post(app, f"/api/flows/{RUN['id']}/events/approved", {"by": "Ana"}, key="m-1")
    assert reply.status == 200
    assert runs.asked == [("approved", RUN["id"], "m-1", {"by": "Ana"})]
    nobody = post(app, "/api/flows/rnobody/events/approved", {}, key="m-1")
    assert (nobody.status, nobody.json) == (404, {"error": "no run has the id rnobody; GET /api/flows lists them"})
    over = post(app, "/api/flows/r1/events/approved", {}, key="m-1")
    assert over.status == 409
    assert "has ended (returned)" in over.text


@pytest.mark.parametrize("token", ["", "wrong", TOKEN.upper()])
@pytest.mark.parametrize("path", ["/api/flows", "/api/flows/r1/events/paid", "/api/events/paid/17"])
def test_nothing_is_changed_without_the_token(app: ASGIApp, runs: FakeRuns, path: str, token: str) -> None:
    reply = post(app, path, {"flow": "remind", "key": "17"}, token=token, key="x")
    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer realm="keepline"')
    assert "api.token in the data directory" in reply.text
    assert runs.asked == []


def test_where_there_is_no_token_nothing_may_be_changed(runs: FakeRuns) -> None:
    app = create_app(FakeSource(), loopback=True, runs=runs)
    assert post(app, "/api/flows", {"flow": "remind", "key": "17"}, token="x").status == 401


@pytest.mark.parametrize(
    ("path", "body", "more", "status", "words"),
    [
        ("/api/flows", b"{", {}, 400, "the body is no JSON"),
        ("/api/flows", b"\xff", {}, 400, "the body is no JSON"),
        ("/api/flows", b"[" * 20_000, {}, 400, "the body is"),
        ("/api/flows", [1], {}, 400, "the body must be a JSON object, not list"),
        ("/api/flows", {"flow": "remind"}, {}, 400, "give a key"),
        ("/api/flows", {"key": "17"}, {}, 422, "flow: say which flow"),
        ("/api/flows", {"flow": "remind", "key": "17", "var": {}}, {}, 422, "there is no field 'var'"),
        ("/api/flows", {"flow": "remind", "key": "17", "variables": []}, {}, 422, "variables: a JSON object"),
        ("/api/flows", {"flow": "remind", "key": "17"}, {"kind": "text/plain"}, 415, "send JSON"),
        ("/api/flows", b" " * (API_BODY_BYTES_MAX + 1), {}, 413, "longer than"),
        ("/api/events/paid/17", {}, {}, 400, "give an Idempotency-Key header"),
        ("/api/events/paid/17", {}, {"key": "x" * (IDEMPOTENCY_KEY_CHARS_MAX + 1)}, 400, "more than"),
    ],
)
def test_what_is_wrong_is_said(
    app: ASGIApp, runs: FakeRuns, path: str, body: object, more: dict[str, str], status: int, words: str
) -> None:
    reply = post(app, path, body, **more)
    assert (reply.status, list(reply.json)) == (status, ["error"])  # type: ignore[call-overload]
    assert words in reply.text
    assert runs.asked == []


def test_what_the_node_refuses_is_said_in_its_words(app: ASGIApp, runs: FakeRuns) -> None:
    runs.answer = {"ok": False, "error": "the operation has no flow 'remind'"}
    reply = post(app, "/api/flows", {"flow": "remind", "key": "17"})
    assert (reply.status, reply.json) == (422, {"error": "the operation has no flow 'remind'"})
    runs.answer = {"ok": False, "error": "the event was told before, with other fields", "known": True}
    assert post(app, "/api/events/paid/17", {}, key="x").status == 409
    runs.down = "no node runs here"
    reply = post(app, "/api/flows", {"flow": "remind", "key": "17"})
    assert (reply.status, reply.json) == (503, {"error": "no node runs here"})


def test_runs_are_listed_without_a_token(app: ASGIApp, runs: FakeRuns) -> None:
    listed = get(app, "/api/flows?ended=3").json
    assert [each["state"] for each in listed["runs"]] == ["waiting", "returned"]  # type: ignore[index,call-overload]
    assert runs.asked == [(3,)]
    assert get(app, "/api/flows/r1").json == {**OVER, "error": ""}
    assert get(app, "/api/flows/nosuch").status == 404


def test_the_token_is_made_once_and_for_the_user_of_the_node_alone(tmp_path: Path) -> None:
    make_token(tmp_path)
    token = read_token(tmp_path)
    make_token(tmp_path)
    assert read_token(tmp_path) == token
    assert len(token) > 30
    assert (tmp_path / "api.token").stat().st_mode & 0o777 == 0o600
    assert is_token(token, f"bearer {token} ")
    assert not is_token("", "Bearer ")
    assert not is_token(token, f"Basic {token}")
    assert read_token(tmp_path / "nowhere") == ""


def test_an_id_follows_from_what_the_event_is() -> None:
    ids = {event_id(*each) for each in [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("a", "b", "d")]}
    assert len(ids) == 4
    assert event_id("a", "b", "c") in ids
    assert all(len(each) == 16 and each.startswith("e") for each in ids)


def test_every_route_of_the_api_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    guarded: Any = create_app(FakeSource(), loopback=True, runs=FakeRuns())
    inner: FastAPI = guarded.app
    paths = inner.openapi()["paths"]
    routes = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
    assert len(routes) > 8
    assert [route for route in routes if f"`{route}`" not in page] == []
