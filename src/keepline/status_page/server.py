"""The process that serves the status page: files of one directory by HTTP, read anew for each request.

It knows nothing of a node, starts by itself or by the supervisor, and goes on whatever else dies. It answers GET and
HEAD for names that the writer gives, says how old a page is, and keeps nothing. Source: RFC 9110.
"""

import argparse
import email.utils
import json
import re
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from keepline.model.limits_messages import STATUS_REQUESTS_MAX

CHECKED: Final = "checked.json"
AGE: Final = b"<!--age-->"
STALE_S: Final = 180.0
PATIENCE_S: Final = 5.0
"""For one request to come, and for its answer to be taken."""
PAGES: Final = {"/": "index.html", "/history": "history.html"}
_FILE: Final = re.compile(r"/(?:status\.(?:css|js)|history\.atom|checked\.json|api/v2/[a-z-]+(?:/[a-z-]+)?\.json)")
TYPES: Final = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8", ".atom": "application/atom+xml; charset=utf-8",
}  # fmt: skip
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
NOTHING_YET: Final = (
    b"<!doctype html><title>Status</title><p>Nothing has been written here yet. Please try again soon.</p>"
)


class StatusPageServer(ThreadingHTTPServer):
    """The server of one directory."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, directory: Path, host: str, port: int) -> None:
        self.directory = directory
        self._room = threading.BoundedSemaphore(STATUS_REQUESTS_MAX)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Answering)

    def process_request(self, request: object, client_address: object) -> None:
        """Wait for room: a crowd queues in the kernel, and costs no memory here."""
        self._room.acquire()
        try:
            super().process_request(request, client_address)  # type: ignore[arg-type]
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: object, client_address: object) -> None:
        """One request, in a thread."""
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Who goes away in the midst of an answer is no news."""


class _Answering(BaseHTTPRequestHandler):
    server: StatusPageServer
    timeout = PATIENCE_S
    server_version, sys_version = "Keepline-status", ""

    def do_GET(self) -> None:
        """One of the files, or that there is none."""
        path = self.path.partition("?")[0]
        name = PAGES.get(path) or (path[1:] if _FILE.fullmatch(path) else "")
        if not name:
            self._say(404, b"There is no such page.\n", "text/plain")
            return
        try:
            content = (self.server.directory / name).read_bytes()
            changed_s = (self.server.directory / name).stat().st_mtime
        except OSError:
            self._say(503, NOTHING_YET, TYPES[".html"])
            return
        suffix = Path(name).suffix
        if suffix == ".html":
            # The mark stays: the script says the same in the place of what comes after it.
            said = age_words(self.server.directory, changed_s, time.time()).encode()
            content = content.replace(AGE, AGE + said, 1)
        self._say(200, content, TYPES[suffix], changed_s)

    do_HEAD = do_GET  # noqa: N815 - http.server's

    def _say(self, status: int, content: bytes, kind: str, changed_s: float | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache" if status == 200 else "no-store")
        self.send_header("Access-Control-Allow-Origin", "*")  # it is public
        if changed_s is not None:
            self.send_header("Last-Modified", email.utils.formatdate(changed_s, usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Who reads the page is nobody's business."""


def age_words(directory: Path, written_at_s: float, now_s: float) -> str:
    """How old a page is, and when somebody looked last whether there is news, for those without a script."""
    said = f"{span(now_s - written_at_s)} ago."
    try:
        checked_s = float(json.loads((directory / CHECKED).read_text(encoding="utf-8"))["checked_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return said
    said += f" Checked {span(now_s - checked_s)} ago."
    return (
        said if now_s - checked_s <= STALE_S else f'{said} <span class="stale">Nothing new has been heard since.</span>'
    )


def span(seconds: float) -> str:
    """`40 seconds`, `3 minutes`, `2 hours`."""
    seconds = max(0.0, seconds)
    for unit, length_s, until_s in (("second", 1, 90), ("minute", 60, 5_400), ("hour", 3_600, 129_600)):
        if seconds < until_s:
            count = round(seconds / length_s)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{round(seconds / 86_400)} days"


def serve(directory: Path, host: str, port: int) -> int:
    """Serve until SIGTERM; the exit status. Another one at the same address ends this one at once."""
    try:
        server = StatusPageServer(directory, host, port)
    except OSError as error:
        sys.stderr.write(f"the status page cannot be served at {host}:{port}: {error.strerror or error}\n")
        return 1
    stop = lambda *_: threading.Thread(target=server.shutdown).start()  # noqa: E731
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with server:
        server.serve_forever(poll_interval=0.5)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """`python -m keepline.status_page --directory DIR --listen HOST:PORT`."""
    parser = argparse.ArgumentParser(prog="keepline-status-page", description="Serves the files of a status page.")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--listen", required=True, help="HOST:PORT")
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    return serve(given.directory, host.strip("[]"), int(port))
