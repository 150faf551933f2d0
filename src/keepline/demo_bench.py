"""The scene of the benchmarks: callers who hear a long prompt, press a digit into it, and hear a short one."""

import contextlib
import os

from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd, prompt_options
from keepline.demo_node import LocalNode, NodeSettings
from keepline.demo_scene import Scene

CALLERS = 14
NEW_CALLS_PER_S = 2.0
SLOTS = 100


class BenchScene(Scene):
    """Strict callers, each of whom expects every packet of two prompts."""

    def begin(self, stack: contextlib.ExitStack) -> NodeSettings:
        return NodeSettings(embedded_operation_path(), self.directory / "data", SLOTS)

    def crowd(self, node: LocalNode) -> Crowd:
        options = [
            "--events", "--rate", str(NEW_CALLS_PER_S), "--concurrent", str(CALLERS), "--digits", "random@0.5-7.5",
            "--digits-share", "0.7", "--seed", str(os.getpid()), "--give-up-after", "60",
            "--expect", "welcome*,goodbye", *prompt_options(node.prompts()),
        ]  # fmt: skip
        return Crowd(node.uri("1000"), options)
