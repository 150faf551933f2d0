"""`keepline demo`: a node, a crowd of callers, and the active call process killed every ten seconds before your eyes.

The node is started as anybody would start it, on free ports, with a data directory that is thrown away. The callers are
a program of their own that imports nothing of Keepline; what the table shows is what they hear. Nothing is simulated.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeFailedError, NodeSettings
from keepline.demo_view import Picture, draw, plain_lines

SECONDS = 60.0
KILL_EVERY_S = 10.0
CALLERS = 14
NEW_CALLS_PER_S = 2.0
LAST_CALLS_WITHIN_S = 30.0
DRAW_EVERY_S = 0.25
LOOK_EVERY_S = 0.2
SLOTS = 100


def run_demo(seconds: float | None, as_json: bool) -> int:
    """Run the demo for `seconds` (None: a minute) and return 0 if no caller lost anything, else 1.

    Prints a live table on a terminal, plain lines elsewhere, or with `as_json` one object at the end. Ctrl-C ends it
    early, with all its processes.
    """
    console = Console(stderr=as_json)
    picture = Picture(seconds=seconds or SECONDS)
    with tempfile.TemporaryDirectory(prefix="keepline-demo-") as directory, _ends_on_signals():
        node = LocalNode(NodeSettings(embedded_operation_path(), Path(directory) / "data", SLOTS))
        if not as_json:
            console.print("Starting a node: speaking its prompts, opening its ports…")
        try:
            with node:
                _besiege(node, picture, console, as_json)
                node.stop()
        except KeyboardInterrupt:
            picture.say("ended early")
        except NodeFailedError as failure:
            print(f"keepline demo: {failure}", file=sys.stderr)
            return 1
    summary = picture.summary()
    if as_json:
        print(json.dumps(summary))
    else:
        console.print(picture.words(), highlight=False, soft_wrap=True)
    return 0 if summary["good"] else 1


@contextlib.contextmanager
def _ends_on_signals() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, so that its processes end with it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _besiege(node: LocalNode, picture: Picture, console: Console, as_json: bool) -> None:
    options = [
        "--events", "--rate", str(NEW_CALLS_PER_S), "--concurrent", str(CALLERS), "--digits", "random@0.5-7.5",
        "--digits-share", "0.7", "--seed", str(os.getpid()), "--give-up-after", "60", "--expect", "welcome*,goodbye",
        *prompt_options(node.prompts()),
    ]  # fmt: skip
    picture.say(f"the node answers calls after {node.ready_after_s:.1f} s")
    done = threading.Event()
    killer = threading.Thread(target=_kill_again_and_again, args=(node, picture, done), daemon=True)
    with Crowd(node.uri("1000"), options) as crowd:
        killer.start()
        try:
            with _showing(picture, console, as_json) as show:
                _watch(crowd, picture, done, show)
        finally:
            done.set()
            killer.join()
    picture.summary_of_crowd = crowd.summary


def _watch(crowd: Crowd, picture: Picture, done: threading.Event, show: Callable[[], None]) -> None:
    """Take in what the callers say until they are through."""
    begun = time.monotonic()
    next_show = begun
    while True:
        now = time.monotonic()
        picture.elapsed_s = now - begun
        if picture.elapsed_s > picture.seconds and not done.is_set():
            picture.say("no more kills and no new calls: the callers on the phone hear the rest")
            done.set()
            crowd.finish()
        if picture.elapsed_s > picture.seconds + LAST_CALLS_WITHIN_S:
            picture.say("some calls did not end")
            return
        with contextlib.suppress(queue.Empty):
            line = crowd.lines.get(timeout=DRAW_EVERY_S / 2)
            if line is None:
                show()
                return
            picture.take(line)
        if now >= next_show:
            next_show = now + DRAW_EVERY_S
            show()


@contextlib.contextmanager
def _showing(picture: Picture, console: Console, as_json: bool) -> Iterator[Callable[[], None]]:
    if as_json:
        yield lambda: None
    elif console.is_terminal:
        with Live(draw(picture), console=console, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda: live.update(draw(picture), refresh=True)
    else:
        yield lambda: _print_new(picture)


def _print_new(picture: Picture) -> None:
    for line in plain_lines(picture):
        print(line, flush=True)


def _kill_again_and_again(node: LocalNode, picture: Picture, done: threading.Event) -> None:
    """Every ten seconds, and between them keep an eye on who is there."""
    begun = time.monotonic()
    kills = 0
    killed = 0
    killed_at = 0.0
    while not done.wait(LOOK_EVERY_S):
        pids = _pids(node)
        if not pids:
            continue
        picture.pids = pids
        active = pids.get("calls active", 0)
        if killed and active and active != killed:
            took_s = time.monotonic() - killed_at
            picture.say(f"process {active} has the calls now, seen {took_s:.1f} s after the kill")
            killed = 0
        if time.monotonic() - begun >= (kills + 1) * KILL_EVERY_S and active and not killed and not done.is_set():
            kills += 1
            killed, killed_at = active, time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.kill(active, signal.SIGKILL)
                picture.kills += 1
                picture.say(f"kill -9 {active}: the process that ran {len(picture.rows())} calls is dead")


def _pids(node: LocalNode) -> dict[str, int]:
    try:
        processes: dict[str, Any] = node.glance()["processes"]
    except (NodeFailedError, OSError, KeyError, ValueError):
        return {}
    flat = {name: found for name, found in processes.items() if name != "calls"}
    flat |= {f"calls {role}": found for role, found in (processes.get("calls") or {}).items()}
    return {name: int(found["pid"]) for name, found in flat.items() if found and found.get("pid")}
