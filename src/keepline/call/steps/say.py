"""The steps that only speak or end: `say`, `hangup`."""

from keepline.call.effects import PromptPlayed
from keepline.call.state import CallState
from keepline.call.steps.common import Behaviour, Result, no_prompt, play, prompt_of, result_of
from keepline.call.turn import Turn
from keepline.flow import Say, StepOutcome, Waiting


def _speak(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = waiting.request
    assert isinstance(request, Say)
    prompt = prompt_of(turn.program_of(call.received.operation), request.text, request.prompt, request.language)
    if prompt is None:
        return no_prompt(waiting, request.prompt)
    play(turn, call, waiting, prompt, repeat=request.repeat)
    return None


def _on_spoken(_turn: Turn, _call: CallState, waiting: Waiting, played: PromptPlayed) -> Result:
    if played.reason == "failed":
        return result_of(waiting, StepOutcome.FAILED, f"the prompt could not be played: {waiting.request}")
    return result_of(waiting)


def _at_once(_turn: Turn, _call: CallState, waiting: Waiting) -> Result:
    return result_of(waiting)


SAY = Behaviour(begin=_speak, on_prompt_played=_on_spoken, resume_media=_speak)
HANG_UP = Behaviour(begin=_at_once, needs_caller=False)
