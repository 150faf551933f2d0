"""`make sim SEEDS=1000`: that many random worlds, one after the other, and what they were worth.

Each world has callers with all kinds of plans, bad weather, and a process that dies again and again; at its end nothing
may be wrong. A failure prints the line that replays it and is the exit code. SIP is text, written and read, or objects
that are passed on (`--objects`), which comes to the same in less time.
"""

import argparse
import gc
import sys
import time
from functools import partial

from tests.sim.planted import planted_bugs
from tests.sim.random_worlds import failure_of, random_scene


def main() -> int:
    """Run the worlds; 1 where something was wrong in one of them."""
    parser = argparse.ArgumentParser(prog="make sim", description="Random worlds in virtual time.")
    parser.add_argument("seeds", type=int, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--bug", default="", choices=["", *planted_bugs()], help="plant this bug: tests/sim/planted/")
    parser.add_argument("--objects", action="store_true", help="pass SIP on as objects and not as text; sooner")
    given = parser.parse_args()
    scene_of = planted_bugs()[given.bug].plant if given.bug else partial(random_scene, as_objects=given.objects)
    gc.set_threshold(50_000, 50, 100)  # as in a node
    worlds = calls = deaths = lost = 0
    virtual_s = 0.0
    failed = []
    began_s, cpu_s = time.monotonic(), time.process_time()
    for seed in range(given.first, given.first + given.seeds):
        scene = scene_of(seed)
        wrong = failure_of(seed, scene, given.bug)
        worlds += 1
        calls += len(scene.callers)
        deaths += scene.node.log.deaths
        lost += scene.network.lost
        virtual_s += scene.world.elapsed_s
        if wrong:
            failed.append(seed)
            print(wrong)
    cpu_s = time.process_time() - cpu_s
    took_s = time.monotonic() - began_s
    print(
        f"{worlds} worlds, {calls} calls, {deaths} deaths of the process, {lost} datagrams lost, "
        f"{virtual_s / 3600:.1f} hours of virtual time in {took_s:.1f} s: "
        f"{calls / cpu_s:.0f} calls a CPU-second; {len(failed)} worlds were wrong"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
