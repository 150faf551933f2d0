"""What a caller means to do, as data: personas read from a text file.

    # …                                      a line for the reader
    persona NAME [weight N]                  begins a persona; the rest is indented
      hear PATTERN [-> LABEL], …  [begin] [within S] [else LABEL]
                                             waits until such audio has ended (or begun); what comes after decides
      press KEYS [after A[-B]]               keys may hold {values}; A to B seconds after the step before
      speak S                                talks for S seconds
      wait A[-B]
      maybe SHARE LABEL                      goes there with that probability
      go LABEL
      label NAME
      believe WORD                           what the caller takes to have happened
      listen [within S]                      until the other side hangs up
      hang up [after A[-B]]
      cancel after A[-B]                     gives up that long after dialling, if it is not answered by then

Whoever hears `apology` where the persona does not wait for it believes `apology` and listens to the end.

A PATTERN is the name of a prompt, with `*` for any run of characters. A prompt whose audio is not known to the world
(nobody rendered it beforehand, or it holds a customer's own figures) is recognised by position: the next audio that
belongs to no known prompt. Pure; mistakes are `ScriptError` with the line they are on.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

HEAR_WITHIN_S = 30.0
LISTEN_WITHIN_S = 60.0
APOLOGY = "apology"
"""The prompt after which nothing goes on as anybody meant it to, and the label of what callers do then."""
KEYS = re.compile(r"(?:[0-9A-D*#]|\{[a-z_]+\})+")
VALUE = re.compile(r"\{([a-z_]+)\}")
VALUES = frozenset(
    ("order", "open_order", "booked_order", "done_order", "unknown_order", "invoice", "paid_invoice", "void_invoice",
     "unknown_invoice", "card", "declined_card", "wrong_card", "expiry", "past_expiry", "cvv")
)  # fmt: skip
"""What a persona can key besides plain digits."""
CHANGED = frozenset(("open_order", "booked_order", "invoice"))
"""Who keys one of these wants it booked, moved, cancelled or paid."""
SECRET_VALUES = frozenset(("card", "declined_card", "wrong_card", "expiry", "past_expiry", "cvv"))

Span = tuple[float, float]


class ScriptError(Exception):
    """A mistake in a file of personas."""


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for audio."""

    options: tuple[tuple[str, str], ...]
    """(pattern, label to go to or ""), the first that matches counts."""
    begin: bool = False
    within_s: float = HEAR_WITHIN_S
    otherwise: str = ""
    """Where to go when nothing came in time; "" is being confused and hanging up."""


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys, one after another."""

    keys: str
    after_s: Span = (0.5, 1.5)


@dataclass(frozen=True, slots=True)
class Speak:
    """Talk."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing."""

    seconds: Span


@dataclass(frozen=True, slots=True)
class Maybe:
    """Go somewhere with some probability."""

    share: float
    label: str


@dataclass(frozen=True, slots=True)
class Go:
    """Go somewhere."""

    label: str


@dataclass(frozen=True, slots=True)
class Believe:
    """Take something to have happened."""

    word: str


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for the other side to hang up."""

    within_s: float = LISTEN_WITHIN_S


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""

    after_s: Span = (0.0, 0.0)


Step = Hear | Press | Speak | Wait | Maybe | Go | Believe | Listen | HangUp


@dataclass(slots=True)
class Persona:
    """A kind of caller."""

    name: str
    weight: float = 1.0
    steps: list[Step] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    """Where in `steps` each label stands."""
    cancel_after_s: Span | None = None

    def values(self) -> frozenset[str]:
        """The names of everything it keys that is not plain digits."""
        return frozenset(name for step in self.steps if isinstance(step, Press) for name in VALUE.findall(step.keys))

    def changes(self) -> bool:
        """Whether it may have something done that must not be done twice."""
        return bool(self.values() & CHANGED)


def read_personas(text: str) -> dict[str, Persona]:
    """Every persona of a file, by name, in its order."""
    found: dict[str, Persona] = {}
    current: Persona | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.rstrip()
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            if line.startswith("persona "):
                current = _persona(line)
                if current.name in found:
                    raise ScriptError(f"persona {current.name} is there already")
                found[current.name] = current
            elif current is None or not line.startswith(" "):
                raise ScriptError("a line that is not indented begins with `persona NAME`")
            else:
                _add(current, line.strip())
        except ScriptError as error:
            raise ScriptError(f"line {number}: {error}") from None
    for persona in found.values():
        _check(persona)
        persona.labels.setdefault(APOLOGY, len(persona.steps) + 1)
        persona.steps += [HangUp(), Believe(APOLOGY), Listen()]
    return found


def _persona(line: str) -> Persona:
    match = re.fullmatch(r"persona ([a-z_]+)(?: weight ([0-9.]+))?", line)
    if match is None:
        raise ScriptError("expected `persona NAME weight N`, the name in lower case")
    return Persona(match[1], _number(match[2] or "1"))


def _add(persona: Persona, line: str) -> None:
    verb, _, rest = line.partition(" ")
    if verb == "label":
        if rest in persona.labels:
            raise ScriptError(f"label {rest} is there already")
        persona.labels[rest] = len(persona.steps)
    elif verb == "cancel":
        persona.cancel_after_s = _span(rest.removeprefix("after "))
    elif verb in PARSERS:
        persona.steps.append(PARSERS[verb](rest))
    else:
        raise ScriptError(f"{verb!r} is no step; there are {', '.join([*PARSERS, 'label', 'cancel'])}")


def _check(persona: Persona) -> None:
    for step in persona.steps:
        wanted = [step.label] if isinstance(step, Maybe | Go) else []
        if isinstance(step, Hear):
            wanted = [label for _, label in (*step.options, ("", step.otherwise)) if label]
        for label in wanted:
            if label not in persona.labels:
                raise ScriptError(f"persona {persona.name} goes to {label}, which is nowhere")


def _hear(rest: str) -> Hear:
    match = re.fullmatch(r"(.+?)(?P<begin> begin)?(?: within (?P<within>\S+))?(?: else (?P<other>\S+))?", rest)
    if match is None:
        raise ScriptError("expected `hear PATTERN [-> LABEL], … [begin] [within S] [else LABEL]`")
    options = []
    for option in match[1].split(","):
        one = re.fullmatch(r"([\w*?]+)(?: -> (\w+))?", option.strip())
        if one is None:
            raise ScriptError(f"{option.strip()!r} is not `PATTERN` or `PATTERN -> LABEL`")
        options.append((one[1], one[2] or ""))
    within_s = _number(match["within"]) if match["within"] else HEAR_WITHIN_S
    return Hear(tuple(options), match["begin"] is not None, within_s, match["other"] or "")


def _press(rest: str) -> Press:
    keys, _, after = rest.partition(" after ")
    if not KEYS.fullmatch(keys):
        raise ScriptError(f"{keys!r} are not keys: 0-9 A-D * # and {{values}}")
    for name in VALUE.findall(keys):
        if name not in VALUES:
            raise ScriptError(f"no value is called {name}; there are {', '.join(sorted(VALUES))}")
    return Press(keys, _span(after)) if after else Press(keys)


def _maybe(rest: str) -> Maybe:
    share, _, label = rest.partition(" ")
    if not label:
        raise ScriptError("expected `maybe SHARE LABEL`")
    return Maybe(_number(share), label)


def _listen(rest: str) -> Listen:
    return Listen(_number(rest.removeprefix("within "))) if rest else Listen()


def _hang(rest: str) -> HangUp:
    if rest.split(" ")[0] != "up":
        raise ScriptError("expected `hang up [after A-B]`")
    after = rest.removeprefix("up").strip().removeprefix("after ")
    return HangUp(_span(after)) if after else HangUp()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ScriptError(f"{text!r} is not a number") from None


def _span(text: str) -> Span:
    earliest, _, latest = text.partition("-")
    span = _number(earliest), _number(latest or earliest)
    if span[1] < span[0]:
        raise ScriptError(f"{text!r} ends before it begins")
    return span


PARSERS: dict[str, Callable[[str], Step]] = {
    "hear": _hear, "press": _press, "maybe": _maybe, "listen": _listen, "hang": _hang,
    "speak": lambda rest: Speak(_number(rest)), "wait": lambda rest: Wait(_span(rest)), "go": Go, "believe": Believe,
}  # fmt: skip
