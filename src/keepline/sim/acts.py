"""What a calls process does outside of itself, in virtual time, the most frequent effects left out (`sim.process`)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from keepline.call import effects as fx
from keepline.call.effects_incident import IncidentAnswered
from keepline.call.effects_message import MessageAnswered
from keepline.call.effects_number import NumberAnswered
from keepline.call.effects_path import PathAnswered
from keepline.call.effects_run import RunEffect
from keepline.flow.capabilities import Promised, SecretsGone
from keepline.model.capability import PROMISING
from keepline.node.held_effects import Then, Waiting

if TYPE_CHECKING:
    from keepline.sim.node import SimNode
    from keepline.sim.process import SimProcess

Elsewhere = (
    fx.Persist | fx.RegistrationChanged | fx.WorkCounted | PathAnswered | NumberAnswered | IncidentAnswered
    | MessageAnswered
)  # fmt: skip
"""Effects that are done already, or that nobody is there for."""


def carry_out(process: "SimProcess", node: "SimNode", effect: Waiting) -> Iterable[fx.Input]:
    """One effect; what the process is told of it at once."""
    if isinstance(effect, Then):
        effect.do()
    elif isinstance(effect, fx.InspectMedia):
        seen = node.media.inspect(effect.call, effect.slot)
        return (seen,) if seen is not None else ()
    elif isinstance(effect, fx.Report):
        node.log.reports.append(effect)
    elif isinstance(effect, fx.CloseMedia) and effect.slot < 0:
        return (fx.MediaStopped(effect.call),)
    elif isinstance(effect, fx.CloseConnection):
        node.streams.close(effect.peer)
    elif isinstance(effect, fx.CallCapability):
        return ask_office(process, node, effect)
    elif isinstance(effect, fx.WorkAnswered):
        node.log.work[effect.item] = effect.mistake
    elif isinstance(effect, IncidentAnswered):
        node.log.placed[effect.asked] = node.log.incidents[effect.asked] = effect.mistake
    elif isinstance(effect, fx.PlacementAnswered):
        node.log.placed[effect.call] = effect.mistake
    elif isinstance(effect, RunEffect):
        return node.runs.answer(effect)
    elif not isinstance(effect, Elsewhere):
        node.media.apply(effect)  # type: ignore[arg-type]
    return ()


def ask_office(process: "SimProcess", node: "SimNode", wanted: fx.CallCapability) -> tuple[fx.Input, ...]:
    """Ask with what the handles stand for; where one stands for nothing, nothing is asked. A promise asks nobody."""
    if wanted.path and is_promise(process, wanted):
        return (fx.CapabilityAnswered(wanted.call, wanted.step, Promised(""), wanted.attempt),)
    arguments = node.media.reveal(wanted.call, wanted.slot, wanted.arguments)
    if isinstance(arguments, SecretsGone):
        return (fx.CapabilityAnswered(wanted.call, wanted.step, arguments, wanted.attempt),)
    node.office.ask(replace(wanted, arguments=arguments), lambda given: process.guard(lambda: process.feed(given)))
    return ()


def is_promise(process: "SimProcess", wanted: fx.CallCapability) -> bool:
    """Whether what is asked of does nothing but promise."""
    exchange = process.exchange
    program = exchange.programs.get(wanted.operation) if exchange is not None else None
    capability = program.operation.capabilities.get(wanted.capability) if program is not None else None
    path = capability.path(wanted.path) if capability is not None else None
    return path is not None and isinstance(path.connector, PROMISING)
