"""A page of the demo's own, by which a person takes a carrier away and gives it back.

It is the world's, not the node's: who presses a button here is the excavator in the street. It listens on loopback, on
a port of its own, and a form that it did not write itself is refused.
"""

import contextlib
import html
import http.server
import secrets
import threading
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs

FORM_BYTES_MAX: Final = 4096
AWAY, BACK = "away", "back"
POLICY: Final = "default-src 'none'; form-action 'self'; frame-ancestors 'none';"
PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>The world of the demo</title><style nonce="{nonce}">
:root {{ color-scheme: light dark; }}
body {{ font: 1.0625rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 2rem auto; padding: 0 1rem; }}
button {{ font: inherit; font-weight: 600; color: #fff; background: #b3261e; border: 0; border-radius: 10px;
padding: .8rem 1.4rem; cursor: pointer; }}
button[value=back] {{ background: #0f766e; }} button:disabled {{ background: #767676; cursor: default; }}
.state {{ font-size: 1.25rem; font-weight: 600; }} li {{ margin: .4rem 0; }}
</style></head>
<body>
<h1>The world of the demo</h1>
<p class="state">{state}</p>
<form method="post" action="/"><input type="hidden" name="token" value="{token}">
<button name="do" value="{act}"{disabled}>{label}</button></form>
<h2>What the node makes of it</h2>
<ul>
<li><a href="http://{board}/" target="_blank">Its board</a>, <a href="http://{board}/incidents" target="_blank">its
incidents</a>, with the playbook of each, and <a href="http://{board}/messages" target="_blank">who was told</a></li>
<li><a href="http://{board}/leaders" target="_blank">What it costs</a>, for leaders</li>
<li><a href="http://{public}/" target="_blank">What the public reads</a></li>
</ul>
<p>Who wants to press buttons there <a href="{link}" target="_blank">takes an account</a> first; this link is good
once.</p>
</body></html>
"""


class ByHand:
    """What somebody has asked for. The demo looks; the page's threads write."""

    def __init__(self) -> None:
        self.wanted: str = ""
        """away or back, the last that was asked for; empty before."""
        self.board = ""
        """Where the node's pages are, host and port."""
        self.public = ""
        """Where its page for the public is."""
        self.link = ""
        """By which somebody takes the first account."""
        self.nonce = secrets.token_hex(16)
        """Of the page's own style, which its policy knows."""
        self._token = secrets.token_hex(16)

    def page(self) -> str:
        """As things stand."""
        if self.wanted != AWAY:
            state = "Both carriers work." if not self.wanted else "The first carrier is there again."
            act, label = AWAY, "Take the first carrier away"
        else:
            state = "The first carrier is dead: nothing comes through it, and nobody is told."
            act, label = BACK, "Give it back"
        return PAGE.format(
            state=state, token=self._token, act=act, label=label, board=html.escape(self.board), nonce=self.nonce,
            public=html.escape(self.public), link=html.escape(self.link),
            disabled=" disabled" if self.wanted == BACK else "",
        )  # fmt: skip

    def take(self, form: str) -> bool:
        """A form that was sent; False where it is none of ours, or asks for what cannot be."""
        told = parse_qs(form)
        if not secrets.compare_digest(told.get("token", [""])[0].encode(), self._token.encode()):
            return False
        act = told.get("do", [""])[0]
        if (self.wanted, act) not in {("", AWAY), (AWAY, BACK)}:
            return False
        self.wanted = act
        return True


@contextlib.contextmanager
def serving(hand: ByHand) -> Iterator[str]:
    """Serve its page; gives the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(
                200 if self.path == "/" else 404, hand.page() if self.path == "/" else "There is no such page."
            )

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            size = int(length) if length.isascii() and length.isdigit() else FORM_BYTES_MAX + 1
            if size > FORM_BYTES_MAX or not hand.take(self.rfile.read(size).decode(errors="replace")):
                self._answer(400, "That cannot be done now. Open the page anew.")
                return
            self.send_response(303)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8" if status == 200 else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", f"{POLICY} style-src 'nonce-{hand.nonce}'")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The demo's screen is for callers."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, name="by-hand", daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
