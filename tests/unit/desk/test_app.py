"""The desk's answers over a source of our own; no socket."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from starlette.types import ASGIApp, Message

from keepline.call.facts import Fact
from keepline.call.facts.work import WorkOpened
from keepline.call.record import CallRecord, MediaRecord, StepRecord
from keepline.call.unfinished.book import WorkItem
from keepline.call.unfinished.shown import shown
from keepline.desk.app import create_app, is_address_or_localhost
from keepline.desk.source import Unavailable
from keepline.model.limits_desk import DESK_CALLS_MAX

STATUS: dict[str, object] = {
    "node": "bench-1",
    "version": "0.1.0",
    "mode": "normal",
    "state": "running",
    "live_calls": 2,
    "sip": "udp:127.0.0.1:5060",
    "http": "127.0.0.1:8080",
    "media_slots": 100,
    "operation": "51907dc0",
    "uptime_s": 12.5,
    "registrations": {"carrier": {"registered": False, "for_s": 0, "why": "403 <Forbidden>"}},
    "trouble": ["calls: <disk> full"],
    "journal": {"waiting_facts": 12, "lost_facts": 0, "flush_s": 0.0},
    "copies": {"orders/copy": {"age_s": 12.5, "why": ""}},
    "witnesses": {
        "vault": {
            "place": "file /mnt/vault/notes",
            "facts": 40,
            "at": 1_700_000_000.0,
            "behind_s": 12.5,
            "trouble": "witness vault has no checkpoint for 4 h",
            "why": "/mnt/vault/notes: No space left on device",
            "remark": "",
        }
    },
    "epochs": {"calls": 2, "media": 1},
    "restarts": {"calls": 1},
    "work": {"pending": 1, "use": 2},
    "flows": {"at_work": 1, "waiting": 2, "events_kept": 3},
    "processes": {
        "supervisor": {"pid": 1},
        "media": {"pid": 2, "scheduling": "real-time"},
        "calls": {"active": {"pid": 3}, "warm": None},
    },
    "secret": "not for the web",
}
CALL = json.loads(
    CallRecord(
        id="0192f3",
        direction="inbound",
        carrier="loopback",
        from_="<script>alert(1)</script>",
        to="1000",
        flow="greeting",
        state="ended",
        received_at=1_700_000_000,
        answered_at=1_700_000_000.2,
        ended_at=1_700_000_011.5,
        ended_by="flow",
        sip_status=200,
        outcome="answered",
        steps=[StepRecord("say", 1_700_000_000.3, "done", 800.5)],
        media=MediaRecord("PCMU", 570, 569, 1, 0.4),
        sip_call_id="a@b",
    ).to_json()
)


ITEM = shown(
    WorkItem(
        WorkOpened(
            "0192f3", 1_700_000_000.0, "0192f3-4", "use", "no answer", "pay", "+15550100", "1000", 4, "payments",
            "charge", '{"card":{"$secret":[2,16]},"cents":4200}', "51907dc0", 1_699_999_990.0, 1_699_999_990.0, 2,
        )
    )
)  # fmt: skip


@dataclass
class FakeSource:
    answer: dict[str, object] = field(default_factory=lambda: dict(STATUS))
    calls: list[dict[str, object]] = field(default_factory=lambda: [dict(CALL)])
    down: str = ""
    asked: list[object] = field(default_factory=list)

    def status(self) -> dict[str, object]:
        if self.down:
            raise Unavailable(self.down)
        return self.answer

    def records(self, limit: int) -> list[str]:
        self.asked.append(limit)
        if self.down:
            raise Unavailable(self.down)
        return [json.dumps(call) for call in self.calls[-limit:]]

    def record(self, call_id: str) -> str | None:
        self.asked.append(call_id)
        return next((json.dumps(call) for call in self.calls if call["id"] == call_id), None)

    def call_record(self, call_id: str) -> CallRecord | None:
        return None

    def work(self) -> list[dict[str, object]]:
        if self.down:
            raise Unavailable(self.down)
        return [dict(ITEM)]

    def last_position(self) -> int:
        if self.down:
            raise Unavailable(self.down)
        return 0

    def facts_after(self, position: int, kinds: Sequence[str], limit: int) -> list[tuple[int, Fact]]:
        return []


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> object:
        return json.loads(self.body)


def get(app: ASGIApp, target: str, *, method: str = "GET", host: str = "127.0.0.1:8080") -> Reply:
    path, _, query = target.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", host.encode())], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080),
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def app(source: FakeSource) -> ASGIApp:
    return create_app(source, loopback=True)


def test_healthz_answers_whatever_the_node_does(app: ASGIApp, source: FakeSource) -> None:
    source.down = "gone"
    assert get(app, "/healthz").json == {"status": "ok"}


def test_status_says_what_the_node_says_and_nothing_beyond_the_schema(app: ASGIApp) -> None:
    reply = get(app, "/api/status")
    assert reply.status == 200
    assert isinstance(reply.json, dict)
    said = {name: value for name, value in STATUS.items() if name != "secret"}
    processes = {
        "supervisor": {"pid": 1},
        "media": {"pid": 2, "scheduling": "real-time"},
        "calls": {"active": {"pid": 3}, "warm": None, "starting": None},
        "speech": None,
        "desk": None,
    }
    assert reply.json == {**said, "processes": processes}


def test_the_work_list_is_served_with_secrets_masked(app: ASGIApp) -> None:
    reply = get(app, "/api/work")
    assert reply.json == {"items": [ITEM]}
    assert ITEM["arguments"] == {"card": "•" * 16, "cents": 4200}


@pytest.mark.parametrize("target", ["/api/status", "/api/calls", "/api/work"])
def test_a_node_that_does_not_answer_is_503_with_its_reason(app: ASGIApp, source: FakeSource, target: str) -> None:
    source.down = "no node runs here"
    reply = get(app, target)
    assert (reply.status, reply.json) == (503, {"error": "no node runs here"})


def test_a_record_has_the_fields_of_the_record(app: ASGIApp) -> None:
    reply = get(app, "/api/calls/0192f3")
    assert (reply.status, reply.json) == (200, CALL)
    assert get(app, "/api/calls").json == {"calls": [CALL]}


def test_an_unknown_call_is_404(app: ASGIApp) -> None:
    reply = get(app, "/api/calls/nosuch")
    assert (reply.status, reply.json) == (404, {"error": "no call has this id"})


def test_the_number_of_calls_is_bounded(app: ASGIApp, source: FakeSource) -> None:
    assert get(app, f"/api/calls?limit={DESK_CALLS_MAX}").status == 200
    assert get(app, "/api/calls").status == 200
    assert source.asked == [DESK_CALLS_MAX, 100]
    for limit in (0, -1, DESK_CALLS_MAX + 1, "many"):
        assert get(app, f"/api/calls?limit={limit}").status == 422


def test_a_record_of_the_wrong_shape_is_an_error_not_an_answer(app: ASGIApp, source: FakeSource) -> None:
    source.calls[0]["sip_status"] = "two hundred"
    with pytest.raises(ValueError, match="sip_status"):
        get(app, "/api/calls")


def test_the_page_shows_the_node_and_its_calls_and_escapes_what_callers_send(app: ASGIApp) -> None:
    reply = get(app, "/")
    page = reply.body.decode()
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "bench-1" in page
    assert "pid 3" in page
    assert '<span class="bad">missing</span>' in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "2023-11-14 22:13:20 UTC" in page


def test_the_page_says_why_it_knows_nothing(app: ASGIApp, source: FakeSource) -> None:
    source.down = "no node runs in <here>"
    reply = get(app, "/")
    assert reply.status == 200
    assert reply.body.decode().count("no node runs in &lt;here&gt;") == 2


def test_the_page_shows_trouble_and_escapes_it(app: ASGIApp, source: FakeSource) -> None:
    assert "calls: &lt;disk&gt; full" in get(app, "/").text
    source.answer["trouble"] = []
    assert '<th scope="row">trouble</th><td>none</td>' in get(app, "/").text


def test_metrics_are_served_while_the_node_is_down(app: ASGIApp, source: FakeSource) -> None:
    assert "keepline_node_up 1.0" in get(app, "/metrics").text
    source.down = "gone"
    reply = get(app, "/metrics")
    assert (reply.status, "keepline_node_up 0.0" in reply.text) == (200, True)


def test_the_page_without_calls(app: ASGIApp, source: FakeSource) -> None:
    source.calls = []
    assert "None yet." in get(app, "/").body.decode()


@pytest.mark.parametrize("target", ["/", "/healthz", "/api/status", "/desk.css", "/nothing", "/api/calls?limit=0"])
def test_every_answer_has_the_security_headers(app: ASGIApp, target: str) -> None:
    headers = get(app, target).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_nothing_is_fetched_from_elsewhere(app: ASGIApp) -> None:
    assert b"//" not in get(app, "/").body
    for target in ("/docs", "/redoc"):
        assert get(app, target).status == 404
    described = get(app, "/openapi.json").json
    assert isinstance(described, dict)
    assert sorted(described["paths"]) == ["/api/calls", "/api/calls/{id}", "/api/status", "/api/work", "/healthz"]


def test_it_only_reads(app: ASGIApp) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert get(app, "/api/calls", method=method).status == 405


def test_a_loopback_desk_turns_foreign_names_away(source: FakeSource) -> None:
    local = create_app(source, loopback=True)
    assert get(local, "/api/calls", host="evil.example:8080").status == 421
    assert get(create_app(source, loopback=False), "/api/calls", host="node1.example:8080").status == 200


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True), ("LOCALHOST:8080", True), ("desk.localhost", True), ("127.0.0.1", True),
        ("127.0.0.1:80", True), ("[::1]", True), ("[::1]:8080", True), ("", True), ("evil.example", False),
        ("127.0.0.1.evil.example:80", False), ("localhost.evil.example", False), ("notlocalhost", False), (":80", True),
    ],
)  # fmt: skip
def test_names_that_cannot_be_another_sites(host: str, own: bool) -> None:
    assert is_address_or_localhost(host) is own
