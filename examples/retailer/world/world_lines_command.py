"""The command `lines` of the world: callers of one number by several carriers, and the portal that points it."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from callers_crowd import Plan
from world_lines import Line, Lines
from world_portal import Portal

ENDS_WITHIN_S = 20.0
POLL_S = 0.1


def line_at(text: str) -> tuple[str, str, int]:
    """`NAME=HOST:PORT`."""
    name, equals, place = text.partition("=")
    host, colon, port = place.rpartition(":")
    if not equals or not name or not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=HOST:PORT")
    return name, host.strip("[]"), int(port)


def add_lines(commands: Any) -> None:
    """Its options."""
    add = commands.add_parser("lines", help="callers of one number by whichever carrier it points to").add_argument
    add("--target", required=True, help="who answers: sip:NUMBER@HOST:PORT")
    add("--line", action="append", type=line_at, required=True, help="NAME=HOST:PORT of a carrier; the first is home")
    add("--portal", type=line_at, default="portal=127.0.0.1:8095", help="NAME=HOST:PORT of the portal")
    add("--rate", type=float, default=5.0, help="new calls a second")
    add("--talk", type=float, default=0.5, help="seconds that each talks")
    add("--seconds", type=float, default=0.0, help="for how long (0: until told to end)")


def run_lines(args: argparse.Namespace, parser: argparse.ArgumentParser, tell: Callable[[dict[str, Any]], None]) -> int:
    """Call, and obey lines on stdin: `kill NAME`, `mend NAME`."""
    user, _, target = args.target.removeprefix("sip:").rpartition("@")
    host, _, port = target.rpartition(":")
    portal = Portal({user: args.line[0][0]})
    try:
        server = portal.serve(args.portal[1], args.portal[2])
        lines = Lines([
            Line(name, Plan(user, host, int(port), host=at, sip_port=at_port, rate=args.rate, rtp="none", drain_s=5.0),
                 portal, args.talk, tell)
            for name, at, at_port in args.line
        ])  # fmt: skip
    except OSError as error:
        parser.error(f"cannot listen: {error}")
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    threading.Thread(target=_obey, args=(lines,), daemon=True).start()
    lines.start()
    tell({"event": "ready", "portal": server.server_address[1], "lines": list(lines.lines)})
    ends_at = time.monotonic() + args.seconds if args.seconds else float("inf")
    while not over.wait(POLL_S) and time.monotonic() < ends_at:
        pass
    lines.stop()
    lines.wait(ENDS_WITHIN_S)
    server.shutdown()
    tell({
        "event": "summary", "started": {line.name: line.started for line in lines.lines.values()},
        "misdirected": sum(line.misdirected for line in lines.lines.values()),
        "overlaps": portal.overlaps, "asked": len(portal.asked),
    })  # fmt: skip
    return 0


def _obey(lines: Lines) -> None:
    for text in sys.stdin:
        try:
            lines.command(text)
        except ValueError as error:
            print(error, file=sys.stderr, flush=True)
