"""The step of a call whose flow failed: `apology`, in words that stand on disk since the node began, or as tones."""

from keepline.call.effects import PromptPlayed
from keepline.call.state import CallState
from keepline.call.steps.common import Behaviour, Result, play, result_of
from keepline.call.turn import Turn
from keepline.flow import Apologise, StepOutcome, Waiting
from keepline.flow.words import WORDS, words_of
from keepline.model.operation import TONES, Operation, Prompt

LANGUAGE = "en"
"""Of the apology, where there are no words for the call's language."""


def apology_of(operation: Operation | None, language: str) -> Prompt:
    """What a caller hears when a flow fails: the operation's words, else ours in the call's language."""
    if operation is not None and operation.apology is not None:
        return operation.apology
    words = words_of(language)
    return Prompt(text=words.apology, language=language) if words else _default()


def apologies(operation: Operation) -> list[Prompt]:
    """Every apology that a caller may hear, to be made before one is needed: without speech it cannot be."""
    languages = {operation.language, *(number.language for number in operation.numbers.values())} - {""}
    return list({prompt.key: prompt for prompt in (apology_of(operation, each) for each in languages)}.values())


def _default() -> Prompt:
    return Prompt(text=WORDS[LANGUAGE].apology, language=LANGUAGE)


def _speak(turn: Turn, call: CallState, waiting: Waiting) -> Result | None:
    request = waiting.request
    assert isinstance(request, Apologise)
    program = turn.program_of(call.received.operation)
    language = call.failed.language if call.failed is not None else ""
    prompt = TONES if request.by_tones else apology_of(program.operation if program else None, language)
    play(turn, call, waiting, prompt)
    return None


def _on_spoken(_turn: Turn, _call: CallState, waiting: Waiting, played: PromptPlayed) -> Result:
    if played.reason == "failed":
        return result_of(waiting, StepOutcome.FAILED, "the apology could not be played")
    return result_of(waiting)


APOLOGY = Behaviour(begin=_speak, on_prompt_played=_on_spoken, resume_media=_speak)
