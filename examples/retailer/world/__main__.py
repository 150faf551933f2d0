"""The retailer's world: `python examples/retailer/world crowd|carrier|lines|compare|personas`.

It imports nothing of what it calls. Everything is told as JSON lines on stdout: one for each call that ended and a
summary at the end. The engine is that of `examples/bench/callers.py`; it needs Python and Linux, nothing else.
"""

import argparse
import json
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from callers import CODECS, prompt_file, target
from callers_crowd import RTP_MODES, Plan, raise_descriptor_limit
from world_carrier import OPTIONS_ANSWERS, Carrier, Rules
from world_comparison import compare
from world_crowd import Count, Manners, Mix, World
from world_directory import BUILT_IN, Directory, OfficeClient
from world_distance import Distance, distance
from world_edge import Edge
from world_faults import Admin, Faults
from world_lines_command import add_lines, line_at, run_lines
from world_portal import Portal
from world_script import Persona, ScriptError, read_personas

EVENTS_EVERY_S = 0.5
NOBODY = ("127.0.0.1", 9)
"""Where a carrier sends calls while it has not been told of its customer (RFC 863)."""
PERSONAS = Path(__file__).resolve().parent / "personas.txt"


def tell(report: dict[str, Any]) -> None:
    """One line on stdout."""
    print(json.dumps(report, separators=(",", ":")), flush=True)


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, an IPv6 address in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def far(text: str) -> Distance:
    """How far away a carrier is."""
    try:
        return distance(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def personas_file(text: str) -> dict[str, Persona]:
    """A file of personas."""
    try:
        return read_personas(Path(text).read_text(encoding="utf-8"))
    except (OSError, ScriptError) as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def mix(text: str) -> dict[str, float]:
    """`NAME:WEIGHT,…`; a name alone weighs 1."""
    weights = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition(":")
        try:
            weights[name] = float(weight or 1)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME:WEIGHT") from error
    return weights


def surge(text: str) -> tuple[float, float]:
    """`4,15`: four times as many for 15 seconds."""
    times, _, seconds = text.partition(",")
    try:
        found = float(times), float(seconds)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not TIMES,SECONDS") from None
    return found


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="world", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    crowd = commands.add_parser("crowd", help="callers who do as their personas do")
    add = crowd.add_argument
    add("--target", type=target, default="sip:+18005550100@127.0.0.1:5060", help="who to call")
    add("--host", default="127.0.0.1", help="this crowd's own address")
    add("--rate", type=float, default=0.0, help="new calls a second (0: as fast as --concurrent allows)")
    add("--concurrent", type=int, default=0, help="live calls at most (0: no limit)")
    add("--calls", type=int, default=0, help="calls to make (0: no limit)")
    add("--seconds", type=float, default=0.0, help="how long to make new calls (0: no limit)")
    add("--drain", type=float, default=300.0, help="seconds that live calls may last after the last new one")
    add("--seed", type=int, default=0, help="of who calls and what they do")
    add("--mix", type=mix, default={}, help="NAME:WEIGHT,… (default: the weights in the file of personas)")
    add("--personas", type=personas_file, default=str(PERSONAS), help="another file of personas")
    add("--prompt", type=prompt_file, action="append", default=[], metavar="NAME=FILE", help="raw G.711 to recognise")
    add("--prompts", type=Path, metavar="FILE", help="JSON of {name: file of raw G.711}")
    add("--backoffice", type=address, metavar="HOST:PORT", help="ask it for orders, invoices and cards")
    add("--book-ahead", type=int, default=0, metavar="N", help="appointments to make beforehand, on the web")
    add("--rtp", choices=RTP_MODES, default="noise", help="what callers send while they don't speak")
    add("--codec", choices=CODECS, default="pcmu")
    add("--events", action="store_true", help="twice a second, what each caller hears now")
    add("--also", type=target, action="append", default=[], metavar="URI", help="another number that people know")
    add("--also-first", type=float, default=0.0, metavar="SHARE", help="of those who dial one of these first")
    add("--portal", type=address, metavar="HOST:PORT", help="point the number of --target from here, over HTTP")
    places = "where it may lead; the first is home"
    add("--place", type=line_at, action="append", default=[], metavar="NAME=HOST:PORT", help=places)
    add("--tries", type=int, default=1, help="calls that one makes for one thing, where they do not get through")
    add("--patience", type=float, default=0.0, metavar="S", help="hang up after so long of nothing at all (0: never)")
    add("--surge", type=surge, metavar="TIMES,S", help="at SIGUSR2 so many times as many call, for so long")
    add("--rush", type=float, default=1.0, metavar="TIMES", help="so many call once people talk of not getting through")
    carrier = commands.add_parser("carrier", help="an address that takes calls")
    add = carrier.add_argument
    add("--listen", type=address, default="127.0.0.1:5070", help="HOST:PORT (port 0: the kernel chooses)")
    add("--rule", action="append", default=[], metavar="PATTERN=BEHAVIOUR", help="what a number does; see the README")
    add("--options", choices=OPTIONS_ANSWERS, default="200", help="how OPTIONS is answered")
    add("--distance", type=far, default=Distance(), metavar="DELAY_MS,JITTER_MS,LOSS", help="of each message, each way")
    add("--seed", type=int, default=0, help="of what is lost on that way")
    add("--seconds", type=float, default=0.0, help="how long to take calls (0: until told to end)")
    add("--edge", type=address, metavar="HOST:PORT", help="bring in what is dialled there (port 0: any)")
    add("--customer", type=address, metavar="HOST:PORT", help="to whom; told later by a line `customer HOST:PORT`")
    add("--admin", type=address, metavar="HOST:PORT", help="where faults are planted over HTTP (port 0: any)")
    add_lines(commands)
    compared = commands.add_parser("compare", help="callers, call records and the ledger, side by side")
    add = compared.add_argument
    add("--told", type=Path, required=True, metavar="FILE", help="what `crowd` printed")
    add("--records", type=Path, required=True, metavar="FILE", help="what `keepline calls --json` printed")
    add("--backoffice", type=address, metavar="HOST:PORT", help="ask it for its ledger")
    add("--ledger", type=Path, metavar="FILE", help="or read what GET /admin/ledger answered")
    add("--taken", type=Path, metavar="FILE", help="what `carrier` printed")
    add("--settled", action="store_true", help="nothing is kept any more: what callers were promised is done")
    shown = commands.add_parser("personas", help="who there is, and the mistakes in a file of them")
    shown.add_argument("--personas", type=personas_file, default=str(PERSONAS))
    return parser


def on_signals(crowd: Any) -> None:
    """The first signal hangs up, the second leaves at once; SIGUSR1 makes no new calls."""

    def end(*_: object) -> None:
        if crowd.interrupted:
            sys.exit(130)
        crowd.interrupted = True
        crowd.stop(hang_up=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    signal.signal(signal.SIGUSR1, lambda *_: crowd.stop())


def portal_of(args: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[Portal | None, Any]:
    """Who points the number that is called, with its server; None where nobody does."""
    if not args.portal or not args.place:
        return None, None
    portal = Portal({args.target[0]: args.place[0][0]})
    try:
        return portal, portal.serve(*args.portal)
    except OSError as error:
        parser.error(f"cannot listen at --portal: {error.strerror}")


def told_of(portal: Portal | None) -> dict[str, Any]:
    """What was asked of it, for the summary."""
    return {"portal": {"asked": list(map(asdict, portal.asked)), "overlaps": portal.overlaps}} if portal else {}


def manners_of(args: argparse.Namespace, portal: Portal | None) -> Manners:
    """What callers do where all is not well, and where their number leads."""
    places = {name: (host, port) for name, host, port in args.place}
    tries, rush = max(1, args.tries), max(1.0, args.rush)
    return Manners(args.also, args.also_first, tries, args.patience, rush, portal, places)


def run_crowd(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Callers; 0 when everybody came through as they meant to."""
    unknown = sorted(set(args.mix) - set(args.personas))
    if unknown:
        parser.error(f"--mix: no persona is called {', '.join(unknown)}; there are {', '.join(args.personas)}")
    prompts = dict(args.prompt)
    if args.prompts:
        listed = json.loads(args.prompts.read_text(encoding="utf-8"))
        prompts |= dict(prompt_file(f"{name}={args.prompts.parent / file}") for name, file in listed.items())
    office = OfficeClient(*args.backoffice) if args.backoffice else None
    booked = office.book(args.book_ahead) if office else []
    directory = Directory(office.directory() if office else BUILT_IN, booked)
    weights = args.mix or {name: persona.weight for name, persona in args.personas.items()}
    lacking = [name for name in weights if not all(directory.pools[each] for each in args.personas[name].values())]
    if lacking and args.mix:
        parser.error(f"{', '.join(lacking)}: nothing in the back office for them; is --book-ahead missing?")
    weights = {name: weight for name, weight in weights.items() if name not in lacking}
    user, host, port = args.target
    plan = Plan(
        user=user, target_host=host, target_port=port, host=args.host, concurrent=args.concurrent, rate=args.rate,
        calls=args.calls, seconds=args.seconds, drain_s=args.drain, rtp=args.rtp, codec=CODECS[args.codec],
        seed=args.seed, prompts=prompts,
    )  # fmt: skip
    count = Count()

    def on_experience(report: dict[str, Any]) -> None:
        if report["event"] == "experience":
            count.add(report)
        tell(report)

    portal, pointing = portal_of(args, parser)
    world = World(plan, Mix(args.personas, weights, args.seed), directory, on_experience, manners_of(args, portal))
    on_signals(world)
    if args.surge:
        signal.signal(signal.SIGUSR2, lambda *_: world.surge(*args.surge))
    begun = next_events = time.monotonic()

    def on_tick(now: float) -> None:
        nonlocal next_events
        world.look()
        if args.events and now >= next_events:
            next_events = now + EVENTS_EVERY_S
            tell(world.seen())

    try:
        world.run(on_tick)
    finally:
        world.close()
        if pointing is not None:
            pointing.shutdown()
    summary = count.summary() | {"started": world.started, "left": len(world.live), "peak": world.peak}
    summary |= {"customers": world.customers, "served": world.served}
    summary |= told_of(portal)
    summary["took_s"] = round(time.monotonic() - begun, 3)
    if office:
        with suppress(OSError):
            summary["ledger"] = office.ledger()["totals"]
    tell(summary)
    good = all(how in ("done", "hung up", "gave up") for how in count.how)
    return 0 if good and count.calls == world.started else 1


def read_lines(commands: SimpleQueue[str]) -> None:
    """Put the lines of stdin where the carrier finds them."""
    for line in sys.stdin:
        commands.put(line)


def obey(line: str, rules: Rules, edge: Edge | None) -> None:
    """What somebody says to a carrier that runs."""
    verb, _, rest = line.partition(" ")
    try:
        if verb == "customer" and edge is not None:
            edge.customer = address(rest)
        else:
            rules.command(line)
        tell({"event": "obeyed", "command": line})
    except (ValueError, argparse.ArgumentTypeError) as error:
        tell({"event": "refused", "problem": str(error)})


def run_carrier(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """A carrier, which obeys lines on stdin."""
    rules = Rules(options=args.options)
    try:
        for rule in reversed(args.rule):
            rules.add(rule)
    except ValueError as error:
        parser.error(f"--rule: {error}")
    host, port = args.listen
    plan = Plan("", "", 0, host=host, sip_port=port, rtp="silence", drain_s=5.0, seed=args.seed)
    faults = Faults()
    try:
        edge = Edge(args.edge, args.customer or NOBODY, tell) if args.edge else None
        carrier = Carrier(plan, rules, tell, args.distance, faults, edge)
        admin = Admin(args.admin, faults, carrier.counts) if args.admin else None
    except OSError as error:
        parser.error(f"cannot listen at {host}:{port}, --edge or --admin: {error.strerror}")
    commands: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=read_lines, args=(commands,), daemon=True).start()
    ends_at = time.monotonic() + args.seconds if args.seconds else float("inf")

    def on_tick(now: float) -> None:
        if now > ends_at and not carrier.stopping:
            carrier.stop(hang_up=True)
        carrier.turn(now)
        with suppress(Empty):
            obey(commands.get_nowait().strip(), rules, edge)

    on_signals(carrier)
    ready: dict[str, Any] = {"event": "ready", "sip": f"udp:{host}:{carrier.port}"}
    ready |= {"edge": f"{edge.host}:{edge.port}"} if edge else {}
    ready |= {"admin": f"{args.admin[0]}:{admin.port}"} if admin else {}
    tell(ready)
    try:
        carrier.run(on_tick)
    finally:
        carrier.close()
        if admin:
            admin.close()
    tell({"event": "summary", "calls": carrier.started, "peak": carrier.peak, "statuses": dict(carrier.statuses)})
    return 0


def json_lines(path: Path) -> list[dict[str, Any]]:
    """A file of JSON objects, one a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def run_comparison(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Lay the accounts side by side; 0 where they agree."""
    if bool(args.backoffice) == bool(args.ledger):
        parser.error("give one of --backoffice and --ledger")
    try:
        ledger = OfficeClient(*args.backoffice).ledger() if args.backoffice else json.loads(args.ledger.read_text())
        taken = json_lines(args.taken) if args.taken else None
        found = compare(json_lines(args.told), json_lines(args.records), ledger, taken, settled=args.settled)
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"cannot be compared: {type(error).__name__}: {error}")
    print(found.words())
    return 1 if found.disagreements else 0


def main() -> int:
    """Run one of the five."""
    parser = options()
    args = parser.parse_args()
    if args.command == "personas":
        for persona in args.personas.values():
            keyed = ", ".join(sorted(persona.values())) or "nothing of their own"
            print(f"{persona.name}: weight {persona.weight:g}, {len(persona.steps)} steps, keys {keyed}")
        return 0
    if args.command == "compare":
        return run_comparison(args, parser)
    raise_descriptor_limit()
    if args.command == "lines":
        return run_lines(args, parser, tell)
    return (run_crowd if args.command == "crowd" else run_carrier)(args, parser)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(1)
