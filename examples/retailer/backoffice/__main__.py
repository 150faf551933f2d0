"""The retailer's back office as a process: `python examples/retailer/backoffice --port 8090 --db FILE`.

It prints `ready http=HOST:PORT db=FILE` when it answers, one JSON line on stderr for each request, and ends on SIGTERM.
"""

import argparse
import json
import os
import signal
import socket
import sys
from asyncio import Transport
from datetime import date, datetime
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

sys.path.insert(0, str(Path(__file__).parent))

from office_app import build
from office_cards import masked
from office_faults import Fault, FaultBook, Faulty
from office_seed import Size
from office_store import Store

GRACEFUL_S = 2


class Protocol(H11Protocol):
    """Lets a planted fault reach the connection, to break it or to answer twice."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Server(uvicorn.Server):
    """Says when it is ready."""

    ready = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the service."""
        await super().startup(sockets=sockets)
        print(self.ready, flush=True)


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="backoffice", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    size = Size()
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8090, help="0: the kernel chooses")
    add("--db", type=Path, required=True, help="the SQLite file; made and seeded where it is missing")
    add("--seed", type=int, default=1, help="of the data that a new file is filled with")
    add("--today", type=date.fromisoformat, default=None, help="the day on which it lives, YYYY-MM-DD")
    add("--customers", type=int, default=size.customers)
    add("--orders", type=int, default=size.orders)
    add("--invoices", type=int, default=size.invoices)
    add("--slot-days", type=int, default=size.slot_days, help="how many days ahead there are delivery slots")
    add("--crews", type=int, default=size.crews, help="vans in each window of time, a slot each")
    add("--quiet", action="store_true", help="no line for each request")
    return parser


def note(
    method: str, path: str, headers: list[tuple[bytes, bytes]], status: int, ms: float, fault: Fault | None
) -> None:
    """One line for one request; bodies are never logged, and paths and keys are stripped of what looks like a card."""
    key = next((value.decode("latin-1") for name, value in headers if name == b"idempotency-key"), None)
    line: dict[str, Any] = {
        "at": datetime.now().isoformat(timespec="milliseconds"), "method": method, "path": path, "status": status,
        "ms": round(ms, 1),
    }  # fmt: skip
    if key:
        line["key"] = key
    if fault:
        line["fault"] = f"{fault.id} {fault.kind}"
    print(masked(json.dumps(line)), file=sys.stderr, flush=True)


def bound(host: str, port: int) -> socket.socket:
    """A listening address, or a clear end."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sys.exit(f"backoffice: cannot listen at {host}:{port}: {os.strerror(error.errno or 0)}")
    return sock


def main() -> None:
    """Serve until told to end."""
    args = options().parse_args()
    store = Store(args.db, args.today or date.today())
    size = Size(args.customers, args.orders, args.invoices, args.slot_days, args.crews)
    store.fill(args.seed, size)
    book = FaultBook()
    app = Faulty(build(store, book), book, (lambda *_: None) if args.quiet else note)
    config = uvicorn.Config(
        app, http=Protocol, ws="none", lifespan="off", loop="asyncio", access_log=False, log_level="warning",
        timeout_graceful_shutdown=GRACEFUL_S, backlog=1024,
    )  # fmt: skip
    sock = bound(args.host, args.port)
    server = Server(config)
    server.ready = f"ready http={args.host}:{sock.getsockname()[1]} db={args.db}"
    # uvicorn sends itself the signal once more when it is through; that is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        server.run(sockets=[sock])
    finally:
        store.close()


if __name__ == "__main__":
    main()
