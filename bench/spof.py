"""How long it takes to find every single point and every pair of a big operation.

`python -m bench.spof [PARTS]`. The parts hang together by chance, from a seed: half of them causes, above those things
that need one or two or a choice, and on top twenty critical ones.
"""

import argparse
import random
import time

from keepline.model.dependency import Need
from keepline.paths.own_parts import OperationPart
from keepline.paths.weaknesses import Weaknesses, weaknesses_of

CRITICAL = 20


def made_up(parts: int, seed: int) -> dict[str, OperationPart]:
    """That many parts."""
    chance = random.Random(seed)
    names = [f"part-{number}" for number in range(parts)]
    found: dict[str, OperationPart] = {}
    for number, name in enumerate(names):
        needs: tuple[Need, ...] = ()
        is_critical = number >= parts - CRITICAL
        if is_critical:  # each needs its share of all of them, by twos and threes
            share = names[: parts - CRITICAL][number % CRITICAL :: CRITICAL]
            needs = tuple(Need(tuple(share[at : at + 3]), 1) for at in range(0, len(share), 3))
        elif number >= parts // 2:
            choices = [tuple(chance.sample(names[:number], chance.choice((1, 2, 3)))) for _ in range(2)]
            needs = tuple(Need(each, chance.randint(1, len(each))) for each in choices)
        found[name] = OperationPart(name, "thing", needs, can_fail=True, is_critical=is_critical)
    return found


def measure(parts: int, seed: int = 1) -> tuple[float, Weaknesses]:
    """Seconds, and what was found."""
    structure = made_up(parts, seed)
    begun = time.perf_counter()
    found = weaknesses_of(structure)
    return time.perf_counter() - begun, found


def main() -> None:
    """Read the arguments, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="?", type=int, default=500)
    parts = parser.parse_args().parts
    took = [measure(parts, seed) for seed in range(1, 6)]
    print("| single points | |\n|---|---|")
    print(f"| parts, that something critical needs | {parts}, {took[0][1].parts} |")
    print(f"| single points, pairs | {len(took[0][1].singles)}, {len(took[0][1].doubles)} |")
    print(f"| the slowest of five (wanted: 1 s) | {max(seconds for seconds, _ in took):.2f} s |")


if __name__ == "__main__":
    main()
