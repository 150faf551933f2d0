"""Faults that can be asked for: each makes some routes slow, wrong or silent for a while, and then ends by itself.

An ASGI layer around the whole service. It reads a request to its end before anything else, so that the work of a slow
route is done even where the client has gone away meanwhile: the outcome that clients find hardest. Requests to /admin
are never touched.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

KINDS = {
    "slow": True, "late": True, "twice": True, "malformed": True, "renamed": True, "lost": True, "status": False,
    "silent": False,
}  # fmt: skip
"""Each kind of fault, and whether the work is done unless said otherwise."""
BODY_BYTES_MAX = 65_536
FAULTS_MAX = 100
"""Live at once."""


@dataclass(slots=True)
class Fault:
    """One fault, as it was asked for."""

    id: str
    route: str
    """"POST /leads", with `*` for any run of characters and for any method."""
    kind: str
    ends_at: float
    """On the monotonic clock, in seconds."""
    rng: random.Random
    ms: int = 0
    status: int = 503
    body: Any = None
    field: str = ""
    renamed_to: str = ""
    do_work: bool | None = None
    times: int | None = None
    """Requests left to spoil; None is no limit."""
    share: float = 1.0
    hits: int = 0

    @property
    def works(self) -> bool:
        """Whether the request is worked on at all."""
        return KINDS[self.kind] if self.do_work is None else self.do_work


class FaultBook:
    """The faults that are live, newest first, and a count of the requests that came and were spoilt."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.faults: list[Fault] = []
        self.received: Counter[str] = Counter()
        self.spoilt: Counter[str] = Counter()
        self._made = 0

    def live(self) -> list[Fault]:
        """Those that have neither expired nor used up their requests."""
        now = self.now()
        self.faults = [fault for fault in self.faults if fault.ends_at > now and fault.times != 0]
        return self.faults

    def add(self, expires_s: float, **what: Any) -> Fault | None:
        """Plant a fault; None where there are `FAULTS_MAX` already."""
        if len(self.live()) >= FAULTS_MAX:
            return None
        self._made += 1
        rng = random.Random(self._made)
        fault = Fault(id=f"F{self._made}", ends_at=self.now() + expires_s, rng=rng, **what)
        self.faults.insert(0, fault)
        return fault

    def remove(self, fault_id: str = "") -> int:
        """End one fault, or all of them; how many there were."""
        before = len(self.live())
        self.faults = [fault for fault in self.faults if fault_id and fault.id != fault_id]
        return before - len(self.faults)

    def meet(self, method: str, path: str) -> Fault | None:
        """A request has come: the newest fault that is for it, counted."""
        self.received[f"{method} {path.split('/')[1] if '/' in path else path}"] += 1
        for fault in self.live():
            wanted, _, pattern = fault.route.partition(" ")
            if fnmatchcase(method, wanted) and fnmatchcase(path, pattern) and fault.rng.random() < fault.share:
                fault.hits += 1
                self.spoilt[fault.kind] += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None


class Reply:
    """One whole response, caught before it is sent."""

    def __init__(self, status: int = 500, body: bytes = b"") -> None:
        self.status, self.body = status, body
        self.headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]

    async def catch(self, message: Message) -> None:
        """An ASGI `send`."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    def final_headers(self) -> list[tuple[bytes, bytes]]:
        """With the length of the body as it is now."""
        kept = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        return [*kept, (b"content-length", str(len(self.body)).encode())]

    async def give(self, send: Send) -> None:
        """Send it on."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.final_headers()})
        await send({"type": "http.response.body", "body": self.body})

    def raw(self) -> bytes:
        """As it would stand on the wire."""
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in self.final_headers())
        return b"HTTP/1.1 %d Again\r\n%b\r\n%b" % (self.status, lines, self.body)


def renamed(value: Any, old: str, new: str) -> Any:
    """The same JSON with one key called otherwise, however deep."""
    if isinstance(value, dict):
        return {new if key == old else key: renamed(inner, old, new) for key, inner in value.items()}
    return [renamed(inner, old, new) for inner in value] if isinstance(value, list) else value


class Faulty:
    """The service with its faults; `note(method, path, headers, status, ms, fault)` is told of every request."""

    def __init__(self, app: App, book: FaultBook, note: Callable[..., None]) -> None:
        self.app, self.book, self.note = app, book, note

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.monotonic()
        method, path = scope["method"], scope["path"]
        fault = None if path.startswith("/admin") else self.book.meet(method, path)
        reply = Reply()
        try:
            body = await _whole_body(receive)
            if body is None:
                return
            if len(body) > BODY_BYTES_MAX:
                text = f"a body of more than {BODY_BYTES_MAX} bytes"
                reply = Reply(413, json.dumps({"error": {"code": "body_too_large", "message": text}}).encode())
                await reply.give(send)
            elif fault is None:
                await self.app(scope, _again(body, receive), reply.catch)
                await reply.give(send)
            else:
                await self._spoil(fault, reply, scope, _again(body, receive), send)
        finally:
            self.note(method, path, scope["headers"], reply.status, (time.monotonic() - begun) * 1000, fault)

    async def _spoil(self, fault: Fault, reply: Reply, scope: Message, receive: Receive, send: Send) -> None:
        if fault.kind == "slow":
            await asyncio.sleep(fault.ms / 1000)
        if fault.works:
            await self.app(scope, receive, reply.catch)
        if fault.kind in ("late", "twice"):
            await asyncio.sleep(fault.ms / 1000)
        if fault.kind == "silent":
            await _until_gone(receive)
            return
        if fault.kind == "lost":
            scope["state"]["transport"].abort()
            await _until_gone(receive)
            return
        _distort(fault, reply)
        await reply.give(send)
        transport = scope["state"].get("transport") if fault.kind == "twice" else None
        if transport is not None and not transport.is_closing():
            transport.write(reply.raw())


def _distort(fault: Fault, reply: Reply) -> None:
    if fault.kind == "status":
        what = fault.body or {"error": {"code": "planted_fault", "message": f"fault {fault.id} answers {fault.status}"}}
        reply.status, reply.body = fault.status, json.dumps(what).encode()
    elif fault.kind == "malformed":
        reply.body = reply.body[: max(1, len(reply.body) // 2)]
    elif fault.kind == "renamed" and reply.body:
        new = fault.renamed_to or f"{fault.field}_v2"
        reply.body = json.dumps(renamed(json.loads(reply.body), fault.field, new)).encode()


async def _whole_body(receive: Receive) -> bytes | None:
    """None where the client left before it had sent it; no more than a little over the limit is read."""
    body = b""
    while len(body) <= BODY_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, and then waits for the client to leave."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
