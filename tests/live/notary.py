"""A small HTTP service on loopback that keeps what is posted to it, once a key, and shows it to whoever asks."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Notary(ThreadingHTTPServer):
    """As a context manager it serves from a thread of its own."""

    daemon_threads = True

    def __init__(self, token: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Counter)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/kept"
        self.token = token
        self.status = 201
        """What every POST is answered with; only 201 keeps it."""
        self.silence = threading.Event()
        """Set: nothing is answered until it is cleared."""
        self.posts: list[tuple[str, str]] = []
        """Key and note of each that came, in order."""
        self.kept: dict[str, str] = {}

    def __enter__(self) -> "Notary":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.silence.clear()
        self.shutdown()
        self.server_close()


class _Counter(BaseHTTPRequestHandler):
    server: Notary

    def do_POST(self) -> None:
        note = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.posts.append((self.headers["Idempotency-Key"], note))
        if self.server.silence.is_set():
            self.rfile.read(1)  # until the other side gives up
            return
        status = self.server.status
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            status = 401
        if status == 201:
            self.server.kept.setdefault(self.headers["Idempotency-Key"], note)
        self._say(status, b"")

    def do_GET(self) -> None:
        if self.server.token and self.headers["Authorization"] != f"Bearer {self.server.token}":
            self._say(401, b"")
            return
        self._say(200, "\n".join(self.server.kept.values()).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""
