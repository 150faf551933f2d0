"""What the verbs of a flow have in common as steps of a call: how a step begins, what it hears of, how it ends.

Each verb has its `Behaviour`, in a file of its own kind; `verbs.BEHAVIOURS` is the table of them all. A reaction gets
the step that the flow waits for and gives back its result, or None while it goes on.
"""

from collections.abc import Callable

from keepline.call.effects import PlayPrompt, PromptPlayed, SecretHeard
from keepline.call.outbound.legs import LegNews
from keepline.call.state import CallState
from keepline.call.turn import Program, Turn
from keepline.flow import StepOutcome, StepResult, Waiting
from keepline.flow.steps import fingerprint
from keepline.model.frozen import frozen
from keepline.model.operation import Prompt

PLAY_NUMBER_FIRST = 2
"""Command number of the first prompt of a call; 1 opens its media."""


@frozen
class Result:
    """How a step ended, and how many of the call's digits it used up."""

    step: StepResult
    digits_used: int = 0


Reaction = Callable[[Turn, CallState, Waiting], Result | None]
LegReaction = Callable[[Turn, CallState, Waiting, LegNews], Result | None]
PromptReaction = Callable[[Turn, CallState, Waiting, PromptPlayed], Result | None]
SecretReaction = Callable[[Turn, CallState, Waiting, SecretHeard], Result | None]


def nothing(_turn: Turn, _call: CallState, _waiting: Waiting) -> Result | None:
    """The reaction to what a verb takes no notice of."""
    return None


def nothing_of_prompts(_turn: Turn, _call: CallState, _waiting: Waiting, _played: PromptPlayed) -> Result | None:
    """The same, of a prompt's end."""
    return None


def nothing_of_legs(_turn: Turn, _call: CallState, _waiting: Waiting, _news: LegNews) -> Result | None:
    """The same, of a leg."""
    return None


def nothing_of_secrets(_turn: Turn, _call: CallState, _waiting: Waiting, _heard: SecretHeard) -> Result | None:
    """The same, of keys that nobody sees."""
    return None


@frozen
class Behaviour:
    """What one verb does at each thing that can happen to its step."""

    begin: Reaction
    """The step begins, or begins again in a process that took over: the call's state says how far it had come."""
    on_prompt_played: PromptReaction = nothing_of_prompts
    """The play of the step is over."""
    on_digits: Reaction = nothing
    """Digits are new in `call.digits`."""
    on_secret: SecretReaction = nothing_of_secrets
    """Media has more of an entry that nobody sees, or it is over."""
    on_timer: Reaction = nothing
    """`Timer.STEP` is due."""
    on_line_silent: Reaction = nothing
    """Nothing comes by the caller's line any more."""
    resume_media: Reaction = nothing
    """Media is a new process: say again what the step needs of it."""
    on_leg_news: LegReaction = nothing_of_legs
    """Something became of the leg that the step placed."""
    needs_caller: bool = True
    """Without a caller the step is not begun, and the flow hears `HungUp`."""


def play_number(step: int) -> int:
    """Command number of the prompt of a step, where no question of the call was asked twice."""
    return PLAY_NUMBER_FIRST + step


def play_number_of(call: CallState, waiting: Waiting) -> int:
    """The same where some were: it follows from facts alone, so that a successor asks for the very same play."""
    return play_number(step_number(call, waiting)) + call.repeats


def step_number(call: CallState, waiting: Waiting) -> int:
    """Number of the step in its call: a fallback's steps go on where those of the failed flow end."""
    return call.steps_before + waiting.step


def result_of(waiting: Waiting, outcome: StepOutcome = StepOutcome.DONE, value: str = "") -> Result:
    """The result of a step that used up no digits."""
    return Result(StepResult(waiting.request.verb, fingerprint(waiting.request), outcome, value))


def play(
    turn: Turn, call: CallState, waiting: Waiting, prompt: Prompt, *, repeat: bool = False, barge_in: bool = False
) -> None:
    """Have media play a prompt of the step; media ignores it where it has."""
    number = play_number_of(call, waiting)
    turn.emit(PlayPrompt(call.id, call.received.slot, number, prompt, repeat, barge_in, call.digits_head))


def prompt_of(program: Program | None, text: str, name: str, language: str) -> Prompt | None:
    """What a verb's words name: a prompt of the operation, or a text; None where there is no such prompt."""
    if program is None:
        return None
    if name:
        return program.operation.prompts.get(name)
    return Prompt(text=text, language=language or program.operation.language)


def language_of(program: Program | None, number: str) -> str:
    """The language of a call to this number."""
    if program is None:
        return ""
    found = program.operation.numbers.get(number)
    return (found.language if found else "") or program.operation.language


def no_prompt(waiting: Waiting, name: str) -> Result:
    """The result of a step whose prompt is not there."""
    return result_of(waiting, StepOutcome.FAILED, f"the operation has no prompt named {name!r}")
