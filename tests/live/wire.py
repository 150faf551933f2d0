"""A TCP connection's way, which can be cut: nobody is told, and what is sent waits, as on a line that is broken."""

import contextlib
import socket
import socketserver
import threading


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        wire: Wire = self.server.wire  # type: ignore[attr-defined]
        with contextlib.suppress(OSError), socket.create_connection(wire.target) as there:
            back = threading.Thread(target=wire.carry, args=(there, self.request), daemon=True)
            back.start()
            wire.carry(self.request, there)
            back.join()


class Wire:
    """In front of an address; its own is `port`."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.whole = threading.Event()
        self.whole.set()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads, self._server.block_on_close = True, False
        self._server.wire = self  # type: ignore[attr-defined]
        self.port = self._server.server_address[1]

    def carry(self, one: socket.socket, other: socket.socket) -> None:
        """Until either end closes."""
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                self.whole.wait()
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)

    def __enter__(self) -> "Wire":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.whole.set()
        self._server.shutdown()
        self._server.server_close()
