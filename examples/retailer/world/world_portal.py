"""Who points numbers: an HTTP service that says which carrier's calls to a number come by, and may be slow or wrong.

`GET /numbers/NUMBER` tells where it points, `PUT /numbers/NUMBER` with `{"target": …}` points it elsewhere, once for
one `Idempotency-Key`. `POST /admin/behaviour` sets how it does that, `GET /admin/requests` tells what was asked of it.
"""

import json
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEYS_KEPT_MAX = 10_000
BODY_BYTES_MAX = 65_536
ADMIN_SETTINGS = ("answer_s", "apply_s", "fails", "status", "loses")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How requests are dealt with from now on."""

    answer_s: float = 0.0
    """Until an answer."""
    apply_s: float = 0.0
    """From the answer until the number points there: until then it is accepted, and not done."""
    fails: int = 0
    """So many of the next requests are answered with `status`, and nothing is done."""
    status: int = 503
    loses: int = 0
    """So many of the next requests are done, and their answers lost."""


@dataclass(slots=True)
class Asked:
    """One request to point a number."""

    at: float
    number: str
    target: str
    key: str
    status: int = 0
    """What it was answered; 0 while it is not."""
    ended_at: float = 0.0


@dataclass(slots=True)
class Portal:
    """Where numbers point."""

    targets: dict[str, str]
    behaviour: Behaviour = field(default_factory=Behaviour)
    asked: list[Asked] = field(default_factory=list)
    overlaps: int = 0
    """Requests that came while another one for the same number, with another key, was not answered yet."""
    _lock: Any = field(default_factory=threading.Lock)
    _pending: list[tuple[float, str, str]] = field(default_factory=list)
    _done: dict[str, str] = field(default_factory=dict)

    def target(self, number: str) -> str:
        """Where a number points now."""
        with self._lock:
            return self._settled(number)

    def configure(self, settings: dict[str, Any]) -> Behaviour:
        """Change how it behaves; ValueError says what is wrong."""
        strange = sorted(set(settings) - set(ADMIN_SETTINGS))
        if strange or not all(isinstance(each, int | float) and each >= 0 for each in settings.values()):
            raise ValueError(f"{strange or settings} is none of {', '.join(ADMIN_SETTINGS)}, or no number")
        with self._lock:
            self.behaviour = replace(self.behaviour, **settings)
            return self.behaviour

    def point(self, number: str, target: str, key: str) -> tuple[int, str]:
        """A request; its status, and where the number points now. A status of 0 is no answer at all."""
        asked = Asked(time.time(), number, target, key)
        with self._lock:
            self.overlaps += any(each.number == number and each.key != key and not each.ended_at for each in self.asked)
            self.asked.append(asked)
            behaviour = self.behaviour
        time.sleep(behaviour.answer_s)
        with self._lock:
            asked.status = self._status(asked)
            asked.ended_at = time.time()
            return asked.status, self._settled(number)

    def _status(self, asked: Asked) -> int:
        behaviour = self.behaviour
        if asked.number not in self.targets:
            return 404
        if behaviour.fails:
            self.behaviour = replace(behaviour, fails=behaviour.fails - 1)
            return behaviour.status
        if self._done.get(asked.key) is None:
            if len(self._done) >= KEYS_KEPT_MAX:
                self._done.pop(next(iter(self._done)))
            self._done[asked.key] = asked.target
            self._pending.append((time.time() + behaviour.apply_s, asked.number, asked.target))
        if behaviour.loses:
            self.behaviour = replace(behaviour, loses=behaviour.loses - 1)
            return 0
        return 202 if behaviour.apply_s else 200

    def _settled(self, number: str) -> str:
        now = time.time()
        for due in [each for each in self._pending if each[0] <= now]:
            self._pending.remove(due)
            self.targets[due[1]] = due[2]
        return self.targets.get(number, "")

    def serve(self, host: str, port: int) -> ThreadingHTTPServer:
        """Answer on a thread of its own, until `shutdown`."""
        portal = self

        class Handler(_Handler):
            served = portal

        server = ThreadingHTTPServer((host, port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    served: Portal
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """What there is."""
        portal, number = self.served, self.path.removeprefix("/numbers/").replace("%2B", "+")
        if self.path == "/admin/requests":
            self._answer(200, {"asked": [asdict(each) for each in portal.asked], "overlaps": portal.overlaps})
        elif self.path.startswith("/numbers/") and portal.target(number):
            self._answer(200, {"number": number, "target": portal.target(number)})
        else:
            self._answer(404, {"error": {"code": "unknown", "message": self.path}})

    def do_PUT(self) -> None:
        """Point a number elsewhere."""
        number, target = self.path.removeprefix("/numbers/").replace("%2B", "+"), self._body().get("target")
        if not self.path.startswith("/numbers/") or not isinstance(target, str):
            self._answer(400, {"error": {"code": "bad_request", "message": "PUT /numbers/NUMBER {target}"}})
            return
        status, now = self.served.point(number, target, self.headers.get("Idempotency-Key", ""))
        if status:
            self._answer(status, {"number": number, "target": now})
        else:
            self.close_connection = True

    def do_POST(self) -> None:
        """How it behaves."""
        if self.path != "/admin/behaviour":
            self._answer(404, {"error": {"code": "unknown", "message": self.path}})
            return
        try:
            self._answer(200, asdict(self.served.configure(self._body())))
        except ValueError as error:
            self._answer(400, {"error": {"code": "bad_request", "message": str(error)}})

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        text = self.rfile.read(min(int(length), BODY_BYTES_MAX)) if length.isdecimal() else b""
        try:
            found = json.loads(text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _answer(self, status: int, what: dict[str, Any]) -> None:
        data = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what was asked is told on request."""
