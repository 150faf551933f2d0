"""Kills the active call process every ten seconds, and keeps an eye on who is there between."""

import contextlib
import os
import signal
import threading
import time
from typing import Any

from keepline.demo_node import LocalNode, NodeFailedError
from keepline.demo_view import Picture

KILL_EVERY_S = 10.0
LOOK_EVERY_S = 0.2


class Kills:
    """While it is entered; `over` once it was told to end."""

    def __init__(self, node: LocalNode, picture: Picture) -> None:
        self._node, self._picture = node, picture
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Kills":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._thread.join()

    @property
    def over(self) -> bool:
        return self._done.is_set()

    def end(self) -> None:
        """No more."""
        self._done.set()

    def _run(self) -> None:
        picture = self._picture
        begun = time.monotonic()
        kills = killed = 0
        killed_at = 0.0
        while not self._done.wait(LOOK_EVERY_S):
            pids = _pids(self._node)
            if not pids:
                continue
            picture.pids = pids
            active = pids.get("calls active", 0)
            if killed and active and active != killed:
                took_s = time.monotonic() - killed_at
                picture.say(f"process {active} has the calls now, seen {took_s:.1f} s after the kill")
                killed = 0
            if time.monotonic() - begun >= (kills + 1) * KILL_EVERY_S and active and not killed and not self.over:
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
