"""`make sim SEEDS=1000`: that many random worlds, one after the other, and what they were worth.

Each world has callers with all kinds of plans, bad weather, and a process that dies again and again; at its end nothing
may be wrong. A failure prints the line that replays it and is the exit code. SIP is text here, parsed and written.
"""

import argparse
import sys
import time

from keepline.model.errors import LocalError
from tests.sim.random_worlds import random_scene, replay_line

SHOWN_MAX = 20


def main() -> int:
    """Run the worlds; 1 where something was wrong in one of them."""
    parser = argparse.ArgumentParser(prog="make sim", description="Random worlds in virtual time.")
    parser.add_argument("seeds", type=int, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    worlds = calls = deaths = lost = 0
    virtual_s = 0.0
    failed = []
    began_s, cpu_s = time.monotonic(), time.process_time()
    for seed in range(given.first, given.first + given.seeds):
        scene = random_scene(seed)
        try:
            wrong = scene.run()
        except LocalError as error:
            wrong = [str(error)]
        worlds += 1
        calls += len(scene.callers)
        deaths += scene.node.log.deaths
        lost += scene.network.lost
        virtual_s += scene.world.elapsed_s
        if wrong:
            failed.append(seed)
            print("\n".join([f"seed {seed}: {len(wrong)} things are wrong", *wrong[:SHOWN_MAX], replay_line(seed)]))
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
