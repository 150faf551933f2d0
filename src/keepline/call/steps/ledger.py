"""What a call's facts say of its secrets: how much is keyed, which handles stand for something, which to ask again."""

from keepline.call.facts.flow import QuestionContinued, StepEnded, UseStarted
from keepline.call.facts.secret import SecretKeyed
from keepline.flow.capabilities import Pending, Promised, Refused, Reply, handles_in, read_outcome
from keepline.flow.secrets import LOST, AskSecretDigits

QUIET_VERBS = frozenset(("say", "wait", "log", "outcome", "use", "hangup", "apology"))
"""Steps that ask for no keys: what is keyed in them after a secret stays as private as it."""


class Ledger:
    """Only the call's `apply` changes it, but for `passed_cseq`."""

    __slots__ = ("again", "entry_repeats", "forgotten", "held", "is_private", "is_torn", "keyed", "keyed_at_s", "lost",
                 "passed_cseq")  # fmt: skip

    def __init__(self) -> None:
        self.again: tuple[int, ...] = ()
        """Handles whose questions the step that uses them asks again, the first one now."""
        self.entry_repeats = 0
        """`CallState.repeats` at the beginning of the entry: its number follows from it."""
        self.held: set[int] = set()
        """Handles that media was given digits for, and that no use is done with."""
        self.forgotten: set[int] = set()
        self.is_private = False
        """A secret was asked for, and no other keys since."""
        self.is_torn = False
        """The node died with its media since the entry began: media knows nothing of it."""
        self.keyed = 0
        """Keys of the entry."""
        self.keyed_at_s = 0.0
        self.lost = 0
        """How often this step has lost what was keyed."""
        self.passed_cseq = 0
        """Of the last INFO whose key this process passed on."""

    def begin_entry(self, repeats: int) -> None:
        """What is keyed from here on is another entry."""
        self.entry_repeats, self.keyed, self.is_torn = repeats, 0, False

    def count(self, fact: SecretKeyed) -> None:
        """Keys have come."""
        self.keyed, self.keyed_at_s = fact.count, fact.at_s

    def go_on(self, fact: QuestionContinued, attempt: int, repeats: int) -> None:
        """A question is asked again; with the next attempt, or once its keys were lost, by another entry."""
        if fact.attempt != attempt or fact.why == LOST:
            self.begin_entry(repeats)
        self.lost += fact.why == LOST

    def end_step(self, fact: StepEnded, use: UseStarted | None, repeats: int) -> None:
        """A step is over."""
        self.again, self.lost = (), 0
        self.begin_entry(repeats)
        if fact.verb == AskSecretDigits.verb:
            self.is_private = True
            if fact.value:
                self.held.add(fact.step)
                self.forgotten.discard(fact.step)
        elif fact.verb not in QUIET_VERBS:
            self.is_private = False
        if fact.verb == "use" and fact.outcome == "done" and use is not None:
            self.end_use(use, fact.value)

    def end_use(self, use: UseStarted, outcome: str) -> None:
        """A use has its outcome: once that is certain its secrets are done with."""
        done = done_with(use.arguments, outcome)
        self.held -= done
        self.forgotten |= done


def done_with(arguments: str, outcome: str) -> set[int]:
    """The handles that a use with this outcome was the last to need; none where it may be asked for again."""
    handles = handles_in(arguments)
    return (
        set(handles) if handles and isinstance(read_outcome(outcome), Reply | Refused | Pending | Promised) else set()
    )
