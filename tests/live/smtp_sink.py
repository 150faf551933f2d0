"""A small SMTP server on loopback that keeps what it is sent: plain, with STARTTLS, with a name and a password."""

import base64
import io
import socketserver
import ssl
import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kept:
    """One mail."""

    sender: str
    to: list[str]
    content: bytes
    is_encrypted: bool


class SmtpSink(socketserver.ThreadingTCPServer):
    """As a context manager it serves from a thread of its own."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, user: tuple[str, str] | None = None, refusal: str = ""
    ) -> None:
        """`tls`: STARTTLS is offered. `user`: name and password without which nothing is taken. `refusal`: what every
        recipient is refused with.
        """
        super().__init__(("127.0.0.1", 0), _Talk)
        self.port = int(self.server_address[1])
        self.tls, self.user, self.refusal = tls, user, refusal
        self.mails: list[Kept] = []

    def __enter__(self) -> "SmtpSink":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Talk(socketserver.BaseRequestHandler):
    server: SmtpSink

    def handle(self) -> None:
        self.request.settimeout(30)
        self.sender, self.to = "", list[str]()
        self.is_known, self.is_encrypted = self.server.user is None, False
        self.lines: io.BufferedIOBase = self.request.makefile("rb")
        try:
            self._say("220 sink")
            while line := self.lines.readline().decode().strip():
                if not self._obey(line.split(" ")[0].upper(), line):
                    return
        except OSError:
            return
        finally:
            self.lines.close()
            self.request.close()

    def _obey(self, verb: str, line: str) -> bool:
        """Answer one command; False after the last."""
        if verb == "EHLO":
            offers = ["sink", *(["STARTTLS"] if self.server.tls and not self.is_encrypted else [])]
            offers += ["AUTH PLAIN"] if self.server.user else []
            self._say(*(f"250-{each}" for each in offers[:-1]), f"250 {offers[-1]}")
        elif verb == "STARTTLS" and self.server.tls is not None:
            self._say("220 go")
            self.lines.close()
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.lines, self.is_encrypted = self.request.makefile("rb"), True
        elif verb == "AUTH":
            _, name, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
            self.is_known = (name, password) == self.server.user
            self._say("235 known" if self.is_known else "535 not known")
        elif verb == "MAIL":
            self.sender = line.partition(":")[2]
            self._say("250 ok" if self.is_known else "530 who are you")
        elif verb == "RCPT":
            self.to.append(line.partition(":")[2])
            self._say(self.server.refusal or "250 ok")
        elif verb == "DATA":
            self._say("354 go")
            content = b"".join(iter(self.lines.readline, b".\r\n"))
            self.server.mails.append(Kept(self.sender, self.to, content, self.is_encrypted))
            self.to = []
            self._say("250 kept")
        else:
            self._say("221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    def _say(self, *lines: str) -> None:
        self.request.sendall("".join(f"{each}\r\n" for each in lines).encode())
