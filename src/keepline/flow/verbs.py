"""What a flow can ask of a call.

Each method of `Call` makes a verb: a frozen request that the engine turns into a journaled step when it is awaited.
A verb does nothing until it is awaited, and a flow never touches a socket, a clock or a file itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keepline.flow.capabilities import UseOutcome, checked_use
from keepline.flow.connect import ConnectOutcome, checked_connect
from keepline.flow.promises import CallbackPromised, NoCallback, checked_promise
from keepline.flow.questions import AskChoice, AskDigits, AskYesNo, Digits, Failure, check_question, checked_choices
from keepline.flow.quiet import Field, Log, Outcome, checked_note, checked_wait
from keepline.flow.recording import Recording, RecordMessage, checked_recording
from keepline.flow.runs import StartedRun, checked_start
from keepline.flow.secrets import AskSecretDigits, Secret, checked_secret
from keepline.flow.spoken import fill
from keepline.flow.steps import SpokenRequest, StepRequest, Verb, check_words
from keepline.flow.transfer import TransferOutcome, checked_transfer
from keepline.model.frozen import frozen

CONFIRM_RETRIES = 2
"""Of a question whose answer is read back, unless it says how many."""


@frozen
class Say(SpokenRequest):
    """Play one prompt to its end; digits keyed meanwhile are kept for the next question."""

    text: str = ""
    prompt: str = ""
    """Name of a prompt of the operation; empty where `text` is spoken."""
    language: str = ""
    repeat: bool = False
    """Start again at the end, until the caller hangs up."""

    verb = "say"


@frozen
class HangUp(StepRequest):
    """End the call. The flow may go on without its caller; a verb that needs one then raises `HungUp`."""

    verb = "hangup"


@dataclass(slots=True)
class Call:
    """The call a flow runs for: who calls, and the verbs."""

    id: str
    from_number: str
    """User part of the From URI; empty when it has none."""
    to_number: str
    """The number that was dialled."""
    language: str = ""
    """Of what is said without naming another. A flow may set it: `call.language = "es"`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the call was placed with (`keepline call place --var name=value`); empty for a call that came in."""
    is_silent: bool = False
    """Whether nothing came by the caller's line when the last verb ended: dead air, as the operation defines it."""

    def say(
        self, text: str = "", *, prompt: str = "", language: str = "", repeat: bool = False, **fields: object
    ) -> Verb[None]:
        """Say `text`, or the operation's prompt of that name, to its end (again and again with `repeat`).

        `{name}` and `{name:kind}` in the text are said as `fields` has them; see `keepline.flow.spoken`.
        """
        text, spoken_in = self._words("say", text, language, fields)
        check_words("say", prompt=prompt)
        if bool(text) == bool(prompt):
            raise ValueError("say: give either a text to speak or prompt='a name of the operation file'")
        return Verb(Say(text, prompt, spoken_in, repeat))

    def ask_digits(
        self,
        text: str = "",
        *,
        prompt: str = "",
        language: str = "",
        count: int = 1,
        min_count: int = 1,
        timeout_s: float | None = 5.0,
        between_s: float = 3.0,
        terminator: str = "#",
        retries: int | None = None,
        on_invalid: str = "",
        confirm: bool = False,
        **fields: object,
    ) -> Verb[Digits]:
        """Ask, and collect up to `count` digits; returns them, "" where the caller gave no answer, with the `reason`.

        A digit interrupts the prompt. `timeout_s` counts from the end of the prompt to the first digit, `between_s`
        from one digit to the next. `terminator` ends the entry early. With neither text nor prompt it only listens.
        Fewer than `min_count` digits are no answer; without one it is asked again, `retries` times (0, or 2 with
        `confirm`), after saying `on_invalid` where something was keyed. `confirm` reads the digits back.
        `fields` are those of the text, as in `say`.
        """
        often = retries if retries is not None else CONFIRM_RETRIES if confirm else 0
        text, spoken_in = self._words("ask_digits", text, language, fields)
        question = AskDigits(
            text=text,
            prompt=prompt,
            language=spoken_in,
            count=count,
            timeout_s=timeout_s,
            between_s=between_s,
            terminator=terminator,
            min_count=min_count,
            retries=often,
            on_invalid=on_invalid,
            confirm=confirm,
        )
        return Verb(check_question(question))

    def ask_secret_digits(
        self,
        text: str = "",
        *,
        prompt: str = "",
        language: str = "",
        count: int,
        min_count: int | None = None,
        timeout_s: float | None = 5.0,
        between_s: float = 3.0,
        terminator: str = "#",
        retries: int = 2,
        on_invalid: str = "",
        check: str | None = None,
        **fields: object,
    ) -> Verb[Secret]:
        """Ask for digits that nobody but a connector gets to see; returns a handle, for `use`, or why there is none.

        Everything is as of `ask_digits`, but all `count` digits are needed unless `min_count` is less, and keys that
        were pressed before the question are no part of the answer. `check="luhn"` takes a number with a right check
        digit alone, `check="expiry"` a month and a year of two digits each.
        """
        text, spoken_in = self._words("ask_secret_digits", text, language, fields)
        needed = count if min_count is None else min_count
        question = AskSecretDigits(
            text, prompt, spoken_in, count, timeout_s, between_s, terminator, needed, retries, on_invalid, check or ""
        )
        return Verb(checked_secret(question))

    def ask_choice(
        self,
        choices: Mapping[str, str],
        text: str = "",
        *,
        prompt: str = "",
        language: str = "",
        retries: int = 2,
        timeout_s: float | None = 5.0,
        between_s: float = 3.0,
        on_invalid: str = "",
        **fields: object,
    ) -> Verb[str | Failure]:
        """Ask for one of `choices`, key to value; returns the value, or a `Failure` with the `reason`.

        A key interrupts the menu. After silence, and after another key and `on_invalid`, it is asked again, `retries`
        times. Keys may have several digits; `between_s` is the time for the next where one begins like another.
        """
        known = checked_choices("ask_choice", choices)
        text, spoken_in = self._words("ask_choice", text, language, fields)
        return Verb(
            check_question(AskChoice(known, text, prompt, spoken_in, timeout_s, between_s, retries, on_invalid))
        )

    def ask_yes_no(
        self,
        text: str = "",
        *,
        prompt: str = "",
        language: str = "",
        yes: str = "1",
        no: str = "2",
        retries: int = 2,
        timeout_s: float | None = 5.0,
        on_invalid: str = "",
        **fields: object,
    ) -> Verb[bool | Failure]:
        """Ask for the key `yes` or the key `no`; returns True, False, or a `Failure`, which is false, with the reason.

        The words say which key is which. Times and retries are those of `ask_choice`.
        """
        if yes == no:
            raise ValueError(f"ask_yes_no: yes and no cannot both be {yes!r}")
        known = checked_choices("ask_yes_no", {yes: "yes", no: "no"})
        text, spoken_in = self._words("ask_yes_no", text, language, fields)
        return Verb(check_question(AskYesNo(known, text, prompt, spoken_in, timeout_s, 3.0, retries, on_invalid)))

    def record_message(
        self,
        text: str = "",
        *,
        prompt: str = "",
        language: str = "",
        length_s_max: float = 120.0,
        silence_s: float | None = 5.0,
        terminator: str = "#",
        beep: bool = True,
        min_s: float = 1.0,
        retries: int = 0,
        on_invalid: str = "",
        **fields: object,
    ) -> Verb[Recording]:
        """Say `text`, which a key cuts short, sound a tone, and record the caller; returns the `Recording`.

        It ends with `silence_s` without a sound, a key of `terminator`, or at its limit. Less than `min_s` is no
        message: then it is asked again, `retries` times, after saying `on_invalid`. Keys pressed so far are used up.
        """
        text, spoken_in = self._words("record_message", text, language, fields)
        words = (text, prompt, spoken_in)
        request = RecordMessage(*words, length_s_max, silence_s, terminator, beep, min_s, retries, on_invalid)
        return Verb(checked_recording(request))

    def use(self, name: str, /, *, prompt: str = "", **arguments: object) -> Verb[UseOutcome]:
        """Ask something of a capability, `use("orders.status", number="100001")`; returns what came of it.

        A `Reply`, with the answer's declared fields as attributes, is `ok`; `Unavailable`, `Refused` and `Unknown` are
        not. The prompt of that name is played meanwhile, else the caller hears silence; digits are kept.
        """
        return Verb(checked_use(name, arguments, prompt))

    def wait(self, seconds: float) -> Verb[None]:
        """Let this much time pass, in silence; a successor waits until the same moment."""
        return Verb(checked_wait(seconds))

    def log(self, event: str, /, **fields: Field) -> Verb[None]:
        """Put `event` into the call's story, with fields: text, numbers, truth or None."""
        return Verb(checked_note(Log, event, fields))

    def outcome(self, outcome: str, /, **fields: Field) -> Verb[None]:
        """Say what the call came to: `outcome` and `outcome_fields` of its record. The last one stands."""
        return Verb(checked_note(Outcome, outcome, fields))

    def connect(
        self, number: str, *, timeout_s: float = 25.0, from_: str | None = None, prompt: str = ""
    ) -> Verb[ConnectOutcome]:
        """Call `number` and let the caller talk to whoever answers; returns what came of it, when that is over.

        The caller hears it ring, or the prompt of that name, for `timeout_s` at most. `Connected` says how long they
        talked; `NotConnected`, which is false, has the `reason`. `from_` is whom the callee sees calling.
        """
        return Verb(checked_connect(number, timeout_s, from_, prompt))

    def transfer(self, target: str, *, timeout_s: float = 30.0) -> Verb[TransferOutcome]:
        """Hand the caller over to a number, a user or a SIP URI, by REFER; returns what came of it.

        `Transferred` ends the call: what follows in the flow has no caller. `NotTransferred`, which is false, has the
        `reason`, and the flow goes on with the caller. `timeout_s` counts until either is known.
        """
        return Verb(checked_transfer(target, timeout_s))

    def start(self, flow: str, *, key: str = "", **variables: object) -> Verb[StartedRun]:
        """Start a run, a flow without a caller that outlives the call; with a `key`, once for all that ever have it."""
        return Verb(checked_start(flow, key, variables))

    def promise_callback(
        self,
        flow: str = "",
        *,
        number: str = "",
        after_s: float = 0.0,
        within_s: float | None = None,
        unless_called: bool = False,
        **variables: str,
    ) -> Verb[CallbackPromised | NoCallback]:
        """Promise the caller, or `number`, to be called back by a flow, the operation's if none is named; once.

        The promise is synced before the caller hears of it. `NoCallback`, which is false, has the `reason`. The flow
        finds `variables` in `call.variables`. With `unless_called` a call of theirs that is served keeps the promise.
        """
        return Verb(checked_promise(number, flow, after_s, within_s, variables, unless_called=unless_called))

    def hangup(self) -> Verb[None]:
        """End the call with a BYE."""
        return Verb(HangUp())

    def _words(self, verb: str, text: str, language: str, fields: Mapping[str, object]) -> tuple[str, str]:
        """What is said, and in which language."""
        spoken_in = language or self.language
        check_words(verb, text=text, language=spoken_in)
        return fill(verb, text, fields, spoken_in), spoken_in
