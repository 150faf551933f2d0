"""Requests to start a run, or to tell of an event, on their way from a command to the active calls process.

Who asks names an id, so that asking again after a switch-over asks once. They go the way of requests to place a call.
"""

from keepline.call.effects_run import RunAnswered, StartRun, TellEvent, Variables
from keepline.node.control import Message

START, TELL = "start_run", "tell"


def request_of(wanted: StartRun | TellEvent) -> Message:
    """What a command sends."""
    common: Message = {"call": wanted.id, "key": wanted.key, "variables": dict(wanted.variables)}
    if isinstance(wanted, StartRun):
        return {"op": START, "flow": wanted.flow, **common}
    return {"op": TELL, "event": wanted.event, **common}


def wanted_of(message: Message) -> StartRun | TellEvent:
    """What such a message asks for; the core says what is wrong with it."""
    given = message.get("variables")
    variables: Variables = tuple((str(name), value) for name, value in given.items()) if isinstance(given, dict) else ()
    id_, key = str(message.get("call", "")), str(message.get("key", ""))
    if message.get("op") == START:
        return StartRun(str(message.get("flow", "")), id_, key, variables)
    return TellEvent(str(message.get("event", "")), key, id_, variables)


def answer_of(news: RunAnswered) -> Message:
    """What became of it, for who asked."""
    return {
        "op": "placed",
        "ok": not news.mistake,
        "call": news.asked,
        "id": news.id,
        "error": news.mistake,
        "known": news.known,
    }
