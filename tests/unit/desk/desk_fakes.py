"""A source of the desk's own for its tests, and requests to its application without a socket."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message

from keepline.call.facts import Fact
from keepline.call.facts.work import WorkOpened
from keepline.call.record import CallRecord, MediaRecord, StepRecord
from keepline.call.unfinished.book import WorkItem
from keepline.call.unfinished.shown import shown
from keepline.desk.source import CallHistory, Unavailable

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
    standings: list[dict[str, object]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    open: list[Fact] = field(default_factory=list)
    histories: dict[str, CallHistory] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)

    def status(self) -> dict[str, object]:
        if self.down:
            raise Unavailable(self.down)
        return self.answer

    def paths(self) -> list[dict[str, object]]:
        if self.down:
            raise Unavailable(self.down)
        return [dict(each) for each in self.standings]

    def call_ids(self, before: str, limit: int) -> list[tuple[str, float | None]]:
        if self.down:
            raise Unavailable(self.down)
        ids = sorted(((str(call["id"]), call["ended_at"]) for call in self.calls), reverse=True)
        found = [each for each in ids if not before or each[0] < before]
        return found[:limit]  # type: ignore[return-value]

    def open_calls(self, kinds: Sequence[str], limit: int) -> list[Fact]:
        return [fact for fact in self.open if fact.kind in kinds][:limit]

    def history(self, call_id: str) -> CallHistory | None:
        if self.down:
            raise Unavailable(self.down)
        return self.histories.get(call_id)

    def records(self, limit: int) -> list[str]:
        self.asked.append(limit)
        if self.down:
            raise Unavailable(self.down)
        return [json.dumps(call) for call in self.calls[-limit:]]

    def record(self, call_id: str) -> str | None:
        self.asked.append(call_id)
        if self.down:
            raise Unavailable(self.down)
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
        return len(self.facts)

    def facts_after(self, position: int, kinds: Sequence[str], limit: int) -> list[tuple[int, Fact]]:
        found = [(at, fact) for at, fact in enumerate(self.facts, start=1) if at > position and fact.kind in kinds]
        return found[:limit]

    def facts_within(self, first: str, end: str) -> list[tuple[int, Fact]]:
        if self.down:
            raise Unavailable(self.down)
        return [(at, fact) for at, fact in enumerate(self.facts, start=1) if first <= fact.call < end]


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


def standing(path: str, order: int = 1, condition: str = "healthy", **more: object) -> dict[str, object]:
    """A path as the node tells of it."""
    told: dict[str, object] = {
        "path": path, "order": order, "condition": condition, "breaker": "closed", "evidence": "", "in_flight": 0,
        "in_flight_max": None, "wish": "", "until": None, "why": "", "by": "",
    }  # fmt: skip
    return told | more
