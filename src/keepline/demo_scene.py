"""What a demo plays: how its node is started, who calls, and what is looked at in the end."""

import contextlib
from pathlib import Path

from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeSettings
from keepline.demo_view import Picture


class Scene:
    """One demo, with what it has to show."""

    last_calls_within_s = 30.0
    """How long calls may go on after the last new one."""

    def __init__(self, directory: Path, seconds: float) -> None:
        """`directory` is thrown away afterwards; new calls are made for `seconds`."""
        self.directory = directory
        self.picture = Picture(seconds=seconds)

    def begin(self, stack: contextlib.ExitStack) -> NodeSettings:
        """Start what the node needs, to be ended by `stack`; how to start the node."""
        raise NotImplementedError

    def crowd(self, node: LocalNode) -> Crowd:
        """Have them call."""
        raise NotImplementedError

    def conclude(self, node: LocalNode) -> None:
        """Everybody is through, and the node is still there."""
