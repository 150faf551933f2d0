"""Flows of our own, by names that no operation can give, and what the node does for them.

Their own words for what they may ask of the node are acts; whoever follows the exchange brings them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from keepline.call.runs.state import RunState
from keepline.call.turn import Turn
from keepline.flow.calling_back import CALLBACK, calling_back
from keepline.flow.engine import FlowFunction
from keepline.flow.playbook import BRANCH, PLAYBOOK, playing, playing_branch
from keepline.flow.telling import MESSAGE_FLOWS

BUILT_IN: Mapping[str, FlowFunction] = {
    CALLBACK: calling_back, PLAYBOOK: playing, BRANCH: playing_branch, **MESSAGE_FLOWS,
}  # fmt: skip
RunAct = Callable[[Turn, RunState, Mapping[str, Any]], dict[str, Any]]
"""What an act does, and what it tells the flow; the facts of it are written in the turn of its step."""
