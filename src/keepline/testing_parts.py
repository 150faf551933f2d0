"""What `keepline.testing` is made of beside the tester: the operation under test, and a run as a test sees it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from keepline.call.runs.state import RunState, fold
from keepline.call.turn import Program
from keepline.config import import_flow, load_operation
from keepline.flow.capabilities import read_value
from keepline.model.operation import (
    EVERYBODY,
    FlowReference,
    HostPort,
    MediaSettings,
    NodeSettings,
    Number,
    Operation,
    OutboundPolicy,
    SipSettings,
    Trunk,
    TrunkOutbound,
)
from keepline.sim.node import SimNode
from keepline.sim.world import World

NUMBER = "1000"
"""What a single flow is dialled by."""
NODE = ("203.0.113.5", 5060)
CALLERS = "192.0.2.0/24"
FAR_END = ("192.0.2.253", 5060)
"""Whom the node's own calls reach."""
Source = str | Path | Operation | Program | Callable[..., Any]


class StartedFlow:
    """One run of a flow without a caller."""

    def __init__(self, world: World, node: SimNode, run: str) -> None:
        self._world = world
        self._node = node
        self.id = run

    @property
    def ended(self) -> bool:
        return self._state.ended is not None

    @property
    def waits_for(self) -> str:
        """`event NAME KEY`, `run ID`, `call ID` or `time`; empty where it waits for nothing."""
        waits = self._state.waits
        return "" if waits is None else waits.subject or "time"

    @property
    def outcome(self) -> str:
        """What it noted last."""
        return self._state.noted

    def returns(self, within_s: float = 600.0) -> Any:
        """Wait for its end, which may be days away; what its flow returned. `AssertionError` where it does not."""
        give_up_s = self._world.now_s + within_s
        world = self._world
        while not self.ended and world.now_s < give_up_s:
            world.run(min(give_up_s, max(world.next_s, world.now_s)))
        over = self._state.ended
        assert over is not None, f"the flow has not ended within {within_s:g} s; it waits for {self.waits_for}"
        assert over.ending == "returned", f"the flow {over.ending}:\n{over.error}"
        return read_value(over.value)

    @property
    def _state(self) -> RunState:
        return fold(tuple(fact for fact in self._node.written if fact.call == self.id))


def program_of(source: Source) -> Program:
    """What a test is about, with every trunk's calls going to the far end."""
    if isinstance(source, Program):
        operation, functions = source.operation, dict(source.functions)
    elif callable(source):
        operation = operation_of(source.__name__)
        functions = {source.__name__: source}
    else:
        operation = source if isinstance(source, Operation) else load_operation(Path(source))
        imported: Any = {name: import_flow(operation, reference) for name, reference in operation.flows.items()}
        functions = imported
    name = operation.trunks[0].name if operation.trunks else "carrier"
    outbound = TrunkOutbound(*FAR_END) if callable(source) else None
    for trunk in operation.trunks:
        if trunk.outbound is not None:
            outbound = replace(trunk.outbound, proxy_host=FAR_END[0], proxy_port=FAR_END[1], transport="udp")
            break
    # One far end answers for every carrier: which of them is asked is not what a flow is tested for.
    policy = replace(operation.outbound, carriers=())
    trunks = (Trunk(name, (CALLERS,), outbound=outbound),)
    return Program(replace(operation, trunks=trunks, outbound=policy), functions)


def operation_of(flow: str) -> Operation:
    """The smallest operation: one number, one flow."""
    return Operation(
        name="test",
        directory="",
        digest="0" * 32,
        sip=SipSettings(HostPort(*NODE)),
        media=MediaSettings(),
        http=HostPort("127.0.0.1", 0),
        node=NodeSettings(),
        trunks=(),
        numbers={NUMBER: Number(flow)},
        flows={flow: FlowReference("flows", flow)},
        prompts={},
        outbound=OutboundPolicy((EVERYBODY,)),
    )
