"""What the active calls process tells the supervisor of a command's request, as messages."""

from keepline.call import effects as fx
from keepline.call.effects_incident import IncidentAnswered
from keepline.call.effects_message import MessageAnswered
from keepline.call.effects_number import NumberAnswered
from keepline.call.effects_path import PathAnswered
from keepline.call.effects_person import DecisionAnswered
from keepline.call.effects_run import RunAnswered
from keepline.node import run_commands
from keepline.node.control import Message


def message_of(news: fx.PlacementAnswered | fx.WorkEffect | RunAnswered) -> Message:
    """The message that says it; its `call` is the id by which the supervisor knows who asked."""
    if isinstance(news, RunAnswered):
        return run_commands.answer_of(news)
    if isinstance(news, fx.WorkCounted):
        return {"op": "work", "work": dict(news.counts)}
    if isinstance(news, IncidentAnswered):
        found = {"incident": news.incident} if news.incident else {}
        return {"op": "placed", "ok": not news.mistake, "call": news.asked, "error": news.mistake} | found
    if isinstance(news, MessageAnswered):
        told = {"message": news.message} if news.message else {}
        return {"op": "placed", "ok": not news.mistake, "call": news.asked, "error": news.mistake} | told
    if isinstance(news, DecisionAnswered):
        held = {"held_until_s": news.held_until_s} if news.held_until_s else {}
        return {"op": "placed", "ok": not news.mistake, "call": news.asked, "error": news.mistake} | held
    if isinstance(news, PathAnswered | NumberAnswered):
        return {"op": "placed", "ok": not news.mistake, "call": news.asked, "error": news.mistake}
    if isinstance(news, fx.WorkAnswered):
        return {"op": "work_closed", "ok": not news.mistake, "call": news.item, "error": news.mistake}
    return {"op": "placed", "ok": not news.mistake, "call": news.call, "error": news.mistake}
