"""Faults that can be planted into a carrier while it runs, over HTTP, and that end by themselves.

Each fault is a lease: it has an end when it is planted, and nobody need come back to end it. So a fault outlives
whoever planted it by seconds, whatever became of them. `Faults` is pure but for its lock; `Admin` is its HTTP side, of
the same words as the back office's: POST, GET and DELETE /admin/faults.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KINDS = {
    "black-holed": "nothing comes through in either direction: signalling, audio, OPTIONS",
    "503": "every new call is refused with 503, and so is OPTIONS",
    "100 only": "new calls get 100 and nothing more, OPTIONS is answered",
    "slow": "new calls are held back for `ms`",
    "silent audio": "calls are set up, and no audio comes through",
}
EXPIRES_S = 60.0
EXPIRES_S_MAX = 7200.0
SLOW_MS = 3000
FAULTS_MAX = 100
BODY_BYTES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Fault:
    """One lease."""

    id: str
    kind: str
    ends_at_s: float
    """By the monotonic clock."""
    ms: int = SLOW_MS


class Faults:
    """What is planted now."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._count = 0

    def plant(self, asked: Mapping[str, Any], now_s: float) -> Fault:
        """A new one; ValueError says what is wrong."""
        unknown = sorted(set(asked) - {"kind", "expires_s", "ms"})
        kind, expires_s, ms = asked.get("kind"), asked.get("expires_s", EXPIRES_S), asked.get("ms", SLOW_MS)
        if unknown or kind not in KINDS:
            raise ValueError(f"a fault is {{kind, expires_s, ms}}, its kind one of {', '.join(KINDS)}")
        if not isinstance(expires_s, int | float) or not 0 < expires_s <= EXPIRES_S_MAX:
            raise ValueError(f"expires_s is more than 0 and at most {EXPIRES_S_MAX:g}")
        if not isinstance(ms, int) or not 0 <= ms <= 60_000:
            raise ValueError("ms is 0 to 60000")
        with self._lock:
            self._forget(now_s)
            if len(self._faults) >= FAULTS_MAX:
                raise ValueError(f"there are {FAULTS_MAX} faults already")
            self._count += 1
            fault = Fault(f"f{self._count}", str(kind), now_s + expires_s, ms)
            self._faults[fault.id] = fault
            return fault

    def end(self, name: str = "") -> int:
        """End one, or all; how many there were."""
        with self._lock:
            ended = [name] if name in self._faults else [] if name else list(self._faults)
            for each in ended:
                del self._faults[each]
            return len(ended)

    def standing(self, now_s: float) -> list[Fault]:
        """Those that have not ended."""
        with self._lock:
            self._forget(now_s)
            return list(self._faults.values())

    def _forget(self, now_s: float) -> None:
        for name in [name for name, fault in self._faults.items() if fault.ends_at_s <= now_s]:
            del self._faults[name]


class Admin:
    """The HTTP side, in a thread of its own; `counts` is asked for what GET /admin/traffic answers."""

    def __init__(self, address: tuple[str, int], faults: Faults, counts: Callable[[], dict[str, int]]) -> None:
        handler = type("Handler", (_Handler,), {"faults": faults, "counts": staticmethod(counts)})
        self._server = ThreadingHTTPServer(address, handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more of it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    faults: Faults
    counts: Callable[[], dict[str, int]]

    def do_GET(self) -> None:
        now_s = time.monotonic()
        if self.path == "/admin/faults":
            self._answer(200, {"faults": [_shown(each, now_s) for each in self.faults.standing(now_s)]})
        elif self.path == "/admin/traffic":
            self._answer(200, self.counts())
        else:
            self._unknown()

    def do_POST(self) -> None:
        if self.path != "/admin/faults":
            self._unknown()
            return
        now_s = time.monotonic()
        try:
            length = int(self.headers.get("Content-Length") or 0)
            asked = json.loads(self.rfile.read(min(length, BODY_BYTES_MAX)))
            if not isinstance(asked, dict):
                raise ValueError("the body is one JSON object")
            fault = self.faults.plant(asked, now_s)
        except ValueError as error:
            self._answer(422, {"error": {"code": "invalid_request", "message": str(error)}})
        else:
            self._answer(201, _shown(fault, now_s))

    def do_DELETE(self) -> None:
        _, _, name = self.path.removeprefix("/admin/faults").partition("/")
        if not self.path.startswith("/admin/faults"):
            self._unknown()
        elif not (ended := self.faults.end(name)) and name:
            self._answer(404, {"error": {"code": "fault_unknown", "message": f"there is no fault {name}"}})
        else:
            self._answer(200, {"ended": ended})

    def _unknown(self) -> None:
        message = "there are /admin/faults and /admin/traffic"
        self._answer(404, {"error": {"code": "route_unknown", "message": message}})

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _shown(fault: Fault, now_s: float) -> dict[str, Any]:
    return {"id": fault.id, "kind": fault.kind, "ends_in_s": round(fault.ends_at_s - now_s, 3), "ms": fault.ms}
