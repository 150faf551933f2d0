"""Asks a node for something again until it is answered: a switch-over meanwhile takes no longer than that.

Whoever asks names what is asked for by an id, so that asking twice asks once.
"""

import time
from pathlib import Path

from keepline.node import control
from keepline.node.control import Message, NodeNotRunning

ASK_TIMEOUT_S = 5.0
ASK_AGAIN_FOR_S = 15.0
POLL_S = 0.1


def ask_until_answered(data: Path, request: Message, again_for_s: float = ASK_AGAIN_FOR_S) -> Message:
    """The node's answer. Raises `NodeNotRunning` where none runs, or it had none to give in that time."""
    give_up_s = time.monotonic() + again_for_s
    while True:
        try:
            reply = control.ask(data, request, min(ASK_TIMEOUT_S, again_for_s))
        except NodeNotRunning as error:
            if "did not answer" not in str(error) or time.monotonic() > give_up_s:
                raise
            continue
        if reply.get("ok") or not reply.get("again"):
            return reply
        if time.monotonic() > give_up_s:
            raise NodeNotRunning(f"the node in {data} cannot do it just now: {reply.get('error')}")
        time.sleep(POLL_S)
