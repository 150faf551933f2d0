"""What a command asks of the active calls process, by the messages that the supervisor passes on."""

from keepline.call import effects as fx
from keepline.node import (
    incident_commands,
    message_commands,
    number_commands,
    path_commands,
    people_commands,
    run_commands,
    work_requests,
)
from keepline.node.control import Message
from keepline.node.placements import wanted_of


def asked_in(message: Message) -> fx.Input | fx.PlacementAnswered | fx.WorkAnswered | None:
    """The input that it is, or the answer to one that is none; None for another kind of message."""
    op, call = message.get("op"), str(message.get("call"))
    if op == "place":
        return wanted_of(message) or fx.PlacementAnswered(call, "no request to place a call")
    if op in work_requests.OPS:
        return work_requests.wanted_in(message) or fx.WorkAnswered(call, "no request that concerns an item")
    if op in (run_commands.START, run_commands.TELL):
        return run_commands.wanted_of(message)
    if op in message_commands.OPS:
        return message_commands.message_wanted(message)
    if op in people_commands.OPS:
        found = people_commands.wanted_in(message)
        return found or fx.PlacementAnswered(call, "no request of a person")
    if op in incident_commands.OPS:
        return incident_commands.incident_wanted(message)
    if op == number_commands.POINT:
        return number_commands.point_wanted(message)
    if op == path_commands.DRILL:
        return path_commands.drill_wanted(message)
    return path_commands.wish_wanted(message) if op == path_commands.WISH else None
