"""Callers at an even rate, each with a number of their own, who say when they called and whether they talked.

`python bench/outage/outage_callers.py --target sip:1000@HOST:PORT --rate 50 --seconds 60`. It imports nothing of what
it calls; the engine is that of `examples/bench/callers.py`. A JSON line for each call that ended, and a summary.
"""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "bench"))

from callers import target
from callers_crowd import Crowd, Plan, raise_descriptor_limit
from callers_sip import Caller, Script

GIVES_UP_AFTER_S = 45.0


def report(caller: Caller) -> dict[str, Any]:
    """One call that ended."""
    times, facts = caller.times, caller.facts
    return {
        "event": "call", "call": caller.index, "call_id": caller.call_id, "status": facts.status,
        "answered": facts.answered, "error": facts.error, "invited_at": times.invited, "answered_at": times.answered,
        "ended_at": times.ended,
    }  # fmt: skip


def main() -> int:
    """Call, and tell."""
    parser = argparse.ArgumentParser(prog="outage-callers", description=__doc__.partition("\n")[0])
    parser.add_argument("--target", type=target, required=True, help="who to call")
    parser.add_argument("--rate", type=float, required=True, help="new calls a second")
    parser.add_argument("--seconds", type=float, required=True, help="for how long")
    args = parser.parse_args()
    user, host, port = args.target
    plan = Plan(user, host, port, rate=args.rate, seconds=args.seconds, rtp="none", drain_s=60.0)
    script = lambda index: Script(give_up_after_s=GIVES_UP_AFTER_S, name=f"+1555{index:07d}")  # noqa: E731
    raise_descriptor_limit()
    crowd = Crowd(plan, script, lambda caller: print(json.dumps(report(caller)), flush=True))
    signal.signal(signal.SIGTERM, lambda *_: crowd.stop(hang_up=True))
    crowd.run()
    print(json.dumps({"event": "summary", "started": crowd.started}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
