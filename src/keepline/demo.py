"""`keepline demo --kills`: a node, a crowd of callers, and the active call process killed every ten seconds.

The node is started as anybody would start it, on ports of its own, with a data directory that is thrown away. Callers,
back office and carrier are programs of their own that import nothing of Keepline; what is shown is what callers
experience. Nothing is simulated. What is played is a scene: the retailer's, or that of the benchmarks.
"""

import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.live import Live

from keepline.demo_bench import BenchScene
from keepline.demo_kills import Kills
from keepline.demo_node import LocalNode, NodeFailedError
from keepline.demo_retailer import RetailerScene
from keepline.demo_scene import Scene

SECONDS = 60.0
DRAW_EVERY_S = 0.25
SCENES: dict[str, type[Scene]] = {"retailer": RetailerScene, "bench": BenchScene}


def run_demo(seconds: float | None, as_json: bool, operation: str = "retailer") -> int:
    """Run a scene for `seconds` (None: a minute) and return 0 if no caller lost anything, else 1.

    Prints a live table on a terminal, plain lines elsewhere, or with `as_json` one object at the end. Ctrl-C ends it
    early, with all its processes.
    """
    console = Console(stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="keepline-demo-") as directory, ends_on_signals():
        scene = SCENES[operation](Path(directory), seconds or SECONDS)
        if not as_json:
            console.print("Starting a node: speaking its prompts, opening its ports…")
        try:
            with contextlib.ExitStack() as stack:
                _play(scene, stack, console, as_json)
        except KeyboardInterrupt:
            scene.picture.say("ended early")
        except NodeFailedError as failure:
            print(f"keepline demo: {failure}", file=sys.stderr)
            return 1
    summary = scene.picture.summary()
    if as_json:
        print(json.dumps(summary))
    else:
        console.print(scene.picture.words(), highlight=False, soft_wrap=True)
    return 0 if summary["good"] else 1


def _play(scene: Scene, stack: contextlib.ExitStack, console: Console, as_json: bool) -> None:
    settings = scene.begin(stack)
    node = stack.enter_context(LocalNode(settings))
    _besiege(scene, node, console, as_json)
    scene.conclude(node)
    node.stop()


@contextlib.contextmanager
def ends_on_signals() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that its processes end with it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _besiege(scene: Scene, node: LocalNode, console: Console, as_json: bool) -> None:
    picture = scene.picture
    picture.say(f"the node answers calls after {node.ready_after_s:.1f} s")
    with scene.crowd(node) as crowd, Kills(node, picture) as kills, _showing(scene, console, as_json) as show:
        begun = next_show = time.monotonic()
        for line in crowd.told(DRAW_EVERY_S / 2):
            now = time.monotonic()
            picture.elapsed_s = now - begun
            if picture.elapsed_s > picture.seconds and not kills.over:
                picture.say("no more kills and no new calls: the callers on the phone hear the rest")
                kills.end()
                crowd.finish()
            if picture.elapsed_s > picture.seconds + scene.last_calls_within_s:
                picture.say("some calls did not end")
                break
            if line is not None:
                picture.take(line)
            if now >= next_show:
                next_show = now + DRAW_EVERY_S
                show()
        show()
    picture.summary_of_crowd = crowd.summary


@contextlib.contextmanager
def _showing(scene: Scene, console: Console, as_json: bool) -> Iterator[Callable[[], None]]:
    picture = scene.picture
    if as_json:
        yield lambda: None
    elif console.is_terminal:
        with Live(picture.drawn(), console=console, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda: live.update(picture.drawn(), refresh=True)
    else:
        yield lambda: _print(picture.plain_lines())


def _print(lines: list[str]) -> None:
    for line in lines:
        print(line, flush=True)
