#!/usr/bin/env python3
"""A crowd of callers: SIP and RTP from the outside, with a strict receiver on every call.

    callers.py --target sip:1000@127.0.0.1:5060 --calls 20 --rate 5 --digits random@0.5-7 --expect 'welcome*,goodbye'

It needs Python and Linux, nothing else; it imports nothing of what it calls. Exit code 0 when every call was good.
With --json it prints one JSON object for each call that ended and a summary at the end; with --events also what each
caller hears now, twice a second. Ctrl-C hangs up; a second one leaves at once. SIGUSR1 lets the live calls end by
themselves and makes no new ones.
"""

import argparse
import json
import random
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

from callers_crowd import RTP_MODES, Crowd, Plan, raise_descriptor_limit
from callers_report import Tally, call_report, live_report
from callers_sip import Caller, Script
from callers_verdict import Expectation, Recogniser, expectation_prompts, prompt_frames, trim

EVENTS_EVERY_S = 0.5
CODECS = {"pcmu": 0, "pcma": 8}
DIGIT = re.compile(r"(?P<digit>[0-9A-D*#]|random)@(?P<from>[0-9.]+)(-(?P<to>[0-9.]+))?$")


def digit_plan(text: str) -> list[tuple[str, float, float]]:
    """`"4@2.5,random@1-3"` as (digit, earliest, latest), seconds after the answer."""
    plan = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = DIGIT.match(part)
        if match is None:
            raise argparse.ArgumentTypeError(f"{part!r} is not DIGIT@SECONDS or random@FROM-TO")
        earliest = float(match["from"])
        plan.append((match["digit"], earliest, float(match["to"] or earliest)))
    return plan


def target(text: str) -> tuple[str, str, int]:
    """`sip:USER@HOST:PORT` as its three parts."""
    match = re.fullmatch(r"sips?:([^@]+)@(\[[0-9a-fA-F:]+\]|[^:]+)(?::(\d+))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not sip:USER@HOST:PORT")
    return match[1], match[2].strip("[]"), int(match[3] or 5060)


def prompt_file(text: str) -> tuple[str, tuple[int, ...]]:
    """`NAME=FILE` of raw G.711 (.ulaw or .alaw) as the name and the frames to compare with."""
    name, equals, path = text.partition("=")
    try:
        audio = Path(path).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
    if not equals or not audio:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE of raw G.711")
    return name, tuple(trim(prompt_frames(audio, 0xD5 if path.endswith(".alaw") else 0xFF)))


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="callers.py", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--target", type=target, default="sip:1000@127.0.0.1:5060", help="who to call")
    add("--host", default="127.0.0.1", help="this crowd's own address")
    add("--concurrent", type=int, default=0, help="live calls at most (0: no limit)")
    add("--rate", type=float, default=0.0, help="new calls a second (0: as fast as --concurrent allows)")
    add("--calls", type=int, default=0, help="calls to make (0: no limit)")
    add("--seconds", type=float, default=0.0, help="how long to make new calls (0: no limit)")
    add("--drain", type=float, default=60.0, help="seconds that live calls may last after the last new one")
    add("--digits", type=digit_plan, default="", help="keys to press: 4@2.5 or random@1-7, seconds after the answer")
    add("--digits-share", type=float, default=1.0, help="share of the callers that press keys at all, 0 to 1")
    add("--digit-ms", type=int, default=100, help="how long a key is held")
    add("--hang-up-after", type=float, metavar="S", help="BYE that long after the answer")
    add("--cancel-after", type=float, metavar="S", help="CANCEL that long after the INVITE")
    add("--give-up-after", type=float, metavar="S", default=120.0, help="a call still up by then has failed")
    add("--rtp", choices=RTP_MODES, default="noise", help="what to send (light: one packet a second)")
    add("--codec", choices=CODECS, default="pcmu")
    add("--port-base", type=int, default=0, help="first RTP port, even (0: the kernel chooses)")
    add("--seed", type=int, default=0, help="of everything that is random in the callers' behaviour")
    add("--expect", type=expectation_prompts, default=(), metavar="PROMPTS",
        help="what a good call hears, in order: NAME, NAME* (a digit may cut it), NAME+ (over and over)")  # fmt: skip
    add("--expect-bye", choices=("theirs", "ours", "none"), help="default: by --hang-up-after")
    add("--expect-status", type=int, default=200)
    add("--media-deaths", action="store_true", help="frames may be missing in time, and a packet may come twice")
    add("--prompt", type=prompt_file, action="append", default=[], metavar="NAME=FILE", help="raw G.711 to recognise")
    add("--json", action="store_true", help="a JSON object for each call and a summary")
    add("--events", action="store_true", help="with --json: what each caller hears now, twice a second")
    return parser


def plan_of(args: argparse.Namespace) -> Plan:
    """The command line as a plan."""
    user, host, port = args.target
    bye = args.expect_bye or ("theirs" if args.hang_up_after is None else "ours")
    expect = Expectation(bye, args.expect_status, args.expect, args.media_deaths, args.rtp != "none")
    return Plan(
        user=user, target_host=host, target_port=port, host=args.host, concurrent=args.concurrent, rate=args.rate,
        calls=args.calls, seconds=args.seconds, drain_s=args.drain, rtp=args.rtp, codec=CODECS[args.codec],
        port_base=args.port_base, digit_packets=max(1, args.digit_ms // 20), seed=args.seed, expect=expect,
        prompts=dict(args.prompt),
    )  # fmt: skip


def script_of(args: argparse.Namespace, index: int) -> Script:
    """What caller `index` does: a function of the seed and of nothing else."""
    rng = random.Random(f"{args.seed}/{index}")
    digits = []
    if rng.random() < args.digits_share:
        for digit, earliest, latest in args.digits:
            at = earliest + (latest - earliest) * rng.random()
            digits.append((rng.choice("0123456789*#") if digit == "random" else digit, at))
    return Script(digits, args.hang_up_after, args.cancel_after, args.give_up_after)


def show(report: dict[str, Any], as_json: bool) -> None:
    """One line on stdout."""
    if as_json:
        print(json.dumps(report, separators=(",", ":")), flush=True)
        return
    if report["event"] == "call":
        heard = ", ".join(f"{run['prompt'] or run['crc']} {run['ms'] / 1000:.2f} s" for run in report["heard"])
        pressed = "".join(key["digit"] for key in report["pressed"]) or "-"
        verdict = "good" if report["good"] else "; ".join(report["faults"])
        gap_ms = report["gap_ms_max"]
        print(f"call {report['call']}: heard {heard or 'nothing'}; pressed {pressed}; gap {gap_ms} ms; {verdict}")
    elif report["event"] == "summary":
        print(json.dumps(report, indent=2))


def main() -> int:
    """Run the crowd; 0 when every call was good, 1 when not."""
    args = options().parse_args()
    raise_descriptor_limit()
    plan = plan_of(args)
    tally = Tally()
    known = Recogniser(plan.prompts)

    def on_end(caller: Caller) -> None:
        report = call_report(caller, plan.expect, known)
        tally.add(report)
        if args.json or not report["good"] or plan.calls <= 100:
            show(report, args.json)

    crowd = Crowd(plan, lambda index: script_of(args, index), on_end)
    next_events = 0.0

    def on_tick(now: float) -> None:
        nonlocal next_events
        if args.events and now >= next_events:
            next_events = now + EVENTS_EVERY_S
            show(live_report(list(crowd.live.values()), known, crowd.ended_calls), True)

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
        crowd.run(on_tick)
    finally:
        crowd.close()
    summary = tally.summary(crowd.gaps)
    took_s = time.monotonic() - begun
    longest_s = max((length_s for _, length_s in crowd.stalls), default=0.0)
    summary |= {
        "started": crowd.started, "left": len(crowd.live), "peak": crowd.peak, "took_s": round(took_s, 3),
        "own": {"cpu": round((time.process_time() - cpu) / took_s, 3), "slots_skipped": crowd.slots_skipped,
                "stalls": len(crowd.stalls), "stall_ms_max": round(1000 * longest_s)},
    }  # fmt: skip
    show(summary, args.json)
    return 0 if tally.good == crowd.started else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(1)
