"""`keepline demo`: one of two carriers dies at peak traffic and comes back; beside it, an operation with only that one.

Two nodes are started as anybody would start them, each with its own back office, carriers and callers, who are the same
by their seed. Nothing is scripted but the fault, which is planted into the world and ends by itself, and one `kill -9`
in the midst of it. That four times as many call is what people do who hear that nobody gets through.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from keepline.demo_by_hand import BACK, ByHand, serving
from keepline.demo_node import NodeFailedError
from keepline.demo_outage_side import DRAIN_S, Side, Traffic
from keepline.demo_outage_tally import Moments
from keepline.demo_outage_view import Story, card_table, card_words

OUTAGE_S = 36.0
"""What 47 minutes are shortened to."""
AROUND_S_MIN, AROUND_S_MAX = 12.0, 180.0
CALLS_PER_S = 0.8
RUSH = 4.0
"""So many times as many call during an outage."""
FAULT = "black-holed"
DRAW_EVERY_S = 0.25
BY_HAND_WITHIN_S = 900.0
"""Where nobody takes the carrier away it dies by itself after so long."""
LOST_WITHIN_S = 20.0
"""How much longer than its callers may a side last."""


@dataclass(frozen=True, slots=True)
class OutagePlan:
    """How long, how many, and who."""

    outage_s: float = OUTAGE_S
    calls_per_s: float = CALLS_PER_S
    seed: int = 1
    compares: bool = True
    by_hand: bool = False
    """A person takes the carrier away, and may give it back sooner."""
    settings: tuple[str, ...] = ()
    """More of the operation that has two carriers, each a.b.c=value."""

    @property
    def around_s(self) -> float:
        """Before it, and after it."""
        return min(max(AROUND_S_MIN, self.outage_s / 3), AROUND_S_MAX)


def run_outage(plan: OutagePlan, as_json: bool, ends_on_signals: Callable[[], Any]) -> int:
    """Play it and return 0 if the steady state held, else 1; Ctrl-C ends it early, with all its processes."""
    console = Console(stderr=as_json)
    cards: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="keepline-demo-") as directory, ends_on_signals():
        try:
            with contextlib.ExitStack() as stack:
                place = Path(directory) / "two"
                more = [word for each in plan.settings for word in ("--set", each)]
                sides = [Side("two carriers", ("carrier", "second"), place, stack, moves=True, more=more)]
                if plan.compares:
                    sides.append(Side("one carrier", ("carrier",), Path(directory) / "one", stack))
                if not as_json:
                    nodes = "two nodes, of two operations" if plan.compares else "a node"
                    console.print(f"Starting {nodes}: speaking their prompts, opening their ports…")
                for side in sides:
                    side.begin()
                console.print(f"Watch the node with two carriers: http://{sides[0].node.http}/", soft_wrap=True)
                hand = _handed(stack, sides[0], console) if plan.by_hand else None
                cards = _play(Player(plan, sides, stack, console, as_json, hand))
        except KeyboardInterrupt:
            print("keepline demo: ended early, so there is no score card", file=sys.stderr)
            return 1
        except NodeFailedError as failure:
            print(f"keepline demo: {failure}", file=sys.stderr)
            return 1
    if as_json:
        names = ("keepline", "one_carrier")
        told = {"outage_s": plan.outage_s, "seed": plan.seed, "held": cards[0]["held"]}
        print(json.dumps(told | dict(zip(names, cards, strict=False))))
    else:
        console.print()
        console.print(card_table([side.title for side in sides], cards))
        console.print(card_words(cards[0]), highlight=False, soft_wrap=True)
    return 0 if cards[0]["held"] else 1


@dataclass(frozen=True, slots=True)
class Player:
    """What a play needs."""

    plan: OutagePlan
    sides: list[Side]
    stack: contextlib.ExitStack
    console: Console
    as_json: bool
    hand: ByHand | None = None


@dataclass(slots=True)
class Course:
    """When what is to happen, in seconds since the first call."""

    fault_s: float
    outage_s: float
    after_s: float

    @property
    def kill_s(self) -> float:
        """In the midst of it."""
        return self.fault_s + self.outage_s / 2

    @property
    def back_s(self) -> float:
        """The carrier is there again."""
        return self.fault_s + self.outage_s

    @property
    def over_s(self) -> float:
        """Nobody calls any more who has not called before."""
        return self.back_s + self.after_s

    def heed(self, hand: ByHand, now_s: float) -> None:
        """What somebody has asked for."""
        if hand.wanted and self.fault_s > now_s:
            self.fault_s = now_s
        if hand.wanted == BACK and self.back_s > now_s:
            self.outage_s = now_s - self.fault_s


def _handed(stack: contextlib.ExitStack, side: Side, console: Console) -> ByHand:
    hand = ByHand()
    hand.board, hand.public = side.node.http, side.public
    hand.link = side.node.command("people", "first-link").stdout.strip()
    address = stack.enter_context(serving(hand))
    console.print(f"Take the first carrier away, and give it back: {address}", soft_wrap=True, highlight=False)
    return hand


def _play(player: Player) -> list[dict[str, Any]]:
    plan, sides = player.plan, player.sides
    story = Story(plan.around_s, plan.outage_s, plan.around_s, sides)
    traffic = Traffic(plan.calls_per_s, RUSH, plan.seed)
    for side in sides:
        side.open(traffic)
    moments = _tell(story, player)
    with ThreadPoolExecutor(len(sides)) as pool:
        return list(pool.map(lambda side: side.conclude(moments), sides))


def _tell(story: Story, player: Player) -> Moments:
    """From the first call to the last."""
    begun = time.monotonic()
    course, hand = Course(story.before_s, story.outage_s, story.after_s), player.hand
    if hand is not None:
        course.fault_s = BY_HAND_WITHIN_S
    fault_at = back_at = 0.0
    kills, finished, conditions = 0, False, ["unknown"] * len(story.sides)
    with _showing(story, player) as show:
        there = True
        while there:
            time.sleep(DRAW_EVERY_S)
            now = story.elapsed_s = time.monotonic() - begun
            still = [side.listen(now) for side in story.sides]
            there = any(still)
            if not finished and not all(still):
                raise NodeFailedError("the program of the callers has ended before its time")
            if hand is not None:
                course.heed(hand, now)
            if not fault_at and now >= course.fault_s:
                story.before_s = course.fault_s
                for side in story.sides:
                    side.carriers[0].plant(FAULT, course.outage_s)
                fault_at, story.phase = time.time(), "the first carrier is dead"
                story.say("the first carrier is dead: nothing comes through it any more, and nobody is told")
            if fault_at and not kills and now >= course.kill_s:
                kills = 1
                story.say(f"kill -9 {story.sides[0].kill()}: the process that runs the calls of the two carriers, too")
            if fault_at and not back_at and now >= course.back_s:
                if hand is not None and hand.wanted == BACK:
                    for side in story.sides:
                        side.carriers[0].heal()
                back_at, story.phase = fault_at + course.outage_s, "the first carrier is there again"
                story.outage_s = course.outage_s
                story.say("the first carrier is there again")
            if not finished and now >= course.over_s:
                finished, story.phase = True, "no new customers; who is on the phone hears the rest"
                story.say(story.phase)
                for side in story.sides:
                    side.finish()
            for place, side in enumerate(story.sides):
                if conditions[place] != side.condition:
                    conditions[place] = side.condition
                    story.say(f"{side.title}: the node takes the first carrier to be {side.condition}: {side.evidence}")
            if now > course.over_s + DRAIN_S + LOST_WITHIN_S:
                story.say("some calls did not end")
                break
            show()
    return Moments(fault_at, back_at)


@contextlib.contextmanager
def _showing(story: Story, player: Player) -> Iterator[Callable[[], None]]:
    if player.as_json:
        yield lambda: None
    elif player.console.is_terminal:
        with Live(story.drawn(), console=player.console, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda: live.update(story.drawn(), refresh=True)
    else:
        yield lambda: _print(story.new_lines())


def _print(lines: list[str]) -> None:
    for line in lines:
        print(line, flush=True)
