#!/usr/bin/env python3
"""A mixed crowd: callers in every state that a call can be in, and the people whom they are connected with.

    mixed.py --target sip:any@127.0.0.1:5060 --sip-port 5070 --concurrent 60 --rate 5 --mix hold:2,bridged,paying

It needs Python and Linux, nothing else; it imports nothing of what it calls. One JSON object is printed for each call
that ended, and a summary at the end. SIGUSR1 makes no new calls and lets the live ones end by themselves for as long as
--drain says; Ctrl-C hangs up. The engine is that of `examples/bench/callers.py`.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "bench"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "retailer" / "world"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from callers import prompt_file, target
from callers_crowd import Plan, raise_descriptor_limit
from callers_report import Tally
from callers_verdict import Expectation
from mixed_crowd import Mix, MixedCrowd
from mixed_kinds import KINDS


def shares(text: str) -> dict[str, int]:
    """`KIND:SHARE,…`, whole numbers; a kind alone has 1."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, share = part.partition(":")
        if name not in KINDS or not (share or "1").isdigit():
            raise argparse.ArgumentTypeError(f"{part!r} is no KIND:SHARE; kinds are {', '.join(KINDS)}")
        found[name] = int(share or 1)
    return found or dict.fromkeys(KINDS, 1)


def span(text: str) -> tuple[float, float]:
    """`A-B` in seconds."""
    first, _, last = text.partition("-")
    return float(first), float(last or first)


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="mixed.py", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--target", type=target, required=True, help="whom to call; the user part counts for nothing")
    add("--host", default="127.0.0.1", help="this crowd's own address")
    add("--sip-port", type=int, default=0, help="where its own SIP comes in; the node's proxy")
    add("--port-base", type=int, default=0, help="first RTP port, even (0: the kernel chooses)")
    add("--ports", type=int, default=0, help="how many even ports from there on are this crowd's alone")
    add("--concurrent", type=int, default=60, help="live calls at most")
    add("--rate", type=float, default=5.0, help="new calls a second")
    add("--ramp-rate", type=float, default=0.0, help="the same, until there are as many as --concurrent says")
    add("--calls", type=int, default=0, help="calls to make (0: no limit)")
    add("--drain", type=float, default=60.0, help="seconds that live calls may last after the last new one")
    add("--mix", type=shares, default=shares(""), help="KIND:SHARE,…; " + ", ".join(KINDS))
    add("--tcp-share", type=float, default=0.2, help="share of the callers that come by TCP, 0 to 1")
    add("--dwell", type=span, default=(6.0, 12.0), help="A-B seconds that a call stays in the state it is about")
    add("--ring", type=float, default=8.0, help="seconds that the node lets a call ring in")
    add("--rtp", choices=("noise", "light"), default="noise", help="what to send (light: a packet a second)")
    add("--media-deaths", action="store_true", help="frames may be missing in time, and a packet may come twice")
    add("--all-dies", action="store_true", help="what is heard is not judged, but that nothing is lost or doubled")
    add("--seed", type=int, default=0, help="of everything that is random in the callers' behaviour")
    add("--prompt", type=prompt_file, action="append", default=[], metavar="NAME=FILE", help="raw G.711 to recognise")
    return parser


def crowd_of(args: argparse.Namespace, tell: Any) -> MixedCrowd:
    """The command line as a crowd."""
    _, host, port = args.target
    plan = Plan(
        user="", target_host=host, target_port=port, host=args.host, concurrent=args.concurrent, rate=args.rate,
        calls=args.calls, port_base=args.port_base, drain_s=args.drain, rtp=args.rtp, sip_port=args.sip_port,
        seed=args.seed, expect=Expectation(media_deaths=args.media_deaths), prompts=dict(args.prompt),
    )  # fmt: skip
    mix = Mix(args.mix, args.tcp_share, args.dwell, args.ring, args.all_dies, args.ports, args.ramp_rate)
    return MixedCrowd(plan, mix, tell)


def show(report: dict[str, Any]) -> None:
    """One line on stdout."""
    print(json.dumps(report, separators=(",", ":")), flush=True)


def main() -> int:
    """Run the crowd; 0 when every call was good, 1 when not."""
    args = options().parse_args()
    raise_descriptor_limit()
    tally, kinds = Tally(), Counter[str]()

    def tell(report: dict[str, Any]) -> None:
        tally.add(report)
        kinds[report["kind"]] += 1
        show(report)

    crowd = crowd_of(args, tell)

    def on_signal(*_: object) -> None:
        if crowd.stopping and crowd.interrupted:
            sys.exit(130)
        crowd.interrupted = True
        crowd.stop(hang_up=True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGUSR1, lambda *_: crowd.stop())
    begun, cpu = time.monotonic(), time.process_time()
    try:
        crowd.run(lambda _: crowd.look())
    finally:
        crowd.close()
    took_s = time.monotonic() - begun
    own = {"cpu": round((time.process_time() - cpu) / took_s, 3), "slots_skipped": crowd.slots_skipped,
           "stalls": len(crowd.stalls),
           "stall_ms_max": round(1000 * max((length_s for _, length_s in crowd.stalls), default=0.0))}  # fmt: skip
    show(tally.summary(crowd.gaps) | {
        "started": crowd.started, "left": len(crowd.live), "peak": crowd.peak, "kinds": dict(kinds), "own": own,
        "took_s": round(took_s, 3),
    })  # fmt: skip
    return 0 if tally.good == crowd.started else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(1)
