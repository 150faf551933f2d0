"""The verb `use`: what is asked of a capability, and what comes back, as values that a journal can hold.

Arguments and answers are text, numbers, truth, None, lists and mappings; decimals, dates and times are tagged, so that
a replay gives back the very same. What can be expected to fail is a value: `Unavailable`, `Refused`, `Unknown`,
`Pending` or `Promised`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, Literal

from keepline.flow.secrets import AskSecretDigits, Secret, SecretHandle, secrets_in
from keepline.flow.steps import UNTOLD, StepRequest, StepResult, check_words, fingerprint_of
from keepline.model.errors import LocalError
from keepline.model.frozen import frozen
from keepline.model.limits_capabilities import USE_ARGUMENTS_CHARS_MAX, USE_RESULT_CHARS_MAX, USES_REMEMBERED_MAX

Value = str | int | float | bool | Decimal | date | list[Any] | dict[str, Any] | None
"""What an argument or a field of an answer may hold; lists and mappings hold the same."""
_NAME = re.compile(r"([A-Za-z][\w-]*)\.([A-Za-z_]\w*)")
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode
_raw_decode = json.JSONDecoder().raw_decode
_REPLY = '{"reply":'
_EMPTY_REPLY = '{"reply":{}}'
NO_ARGUMENTS = "{}"
"""As `write_value` has them."""
_DECIMAL, _DATE, _DATETIME, _MAPPING = "$decimal", "$date", "$datetime", "$mapping"
_SECRET = "$secret"


class Reply:
    """An answer: its declared fields are attributes. It is true, and `ok`."""

    __slots__ = ("age_s", "fields")
    ok: ClassVar[Literal[True]] = True

    def __init__(self, fields: Mapping[str, Any], age_s: float = 0.0) -> None:
        """`age_s`: seconds since it was so, of an answer from a copy; 0 of one from the other side itself."""
        self.fields = dict(fields)
        self.age_s = age_s

    def __getattr__(self, name: str) -> Any:
        try:
            return object.__getattribute__(self, "fields")[name]
        except KeyError:
            raise AttributeError(f"the answer has no field {name!r}, only {', '.join(self.fields) or 'none'}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and (self.fields, self.age_s) == (other.fields, other.age_s)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Reply({self.fields!r}{f', age_s={self.age_s:g}' if self.age_s else ''})"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nothing was done: it could not be asked, or did not answer a question that changes nothing."""

    reason: str
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class SecretsGone(Unavailable):
    """It was not asked, since what these handles stood for is lost. No flow sees it."""

    handles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side says no, and nothing was done."""

    status: int
    """Of HTTP; 0 where there is none."""
    code: str = ""
    detail: str = ""
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done or not: it was asked for, and what became of it cannot be had."""

    reason: str
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Pending(Unknown):
    """It may have been done or not, and is being found out: what becomes of it is on record once it is certain."""


@dataclass(frozen=True, slots=True)
class Promised:
    """It is not done yet, and will be: it is kept on record, and seen to without the flow."""

    reason: str
    """Why it could not be done at once."""
    id: str = ""
    """By which `keepline outbox` knows it, or the run that sees to it."""
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


UseOutcome = Reply | Unavailable | Refused | Unknown | Promised
NO_RECORD = "journal: "
"""How the reason of an `Unavailable` begins that says that nothing could be put on record."""
NOT_FOUND = (404, 410)
"""Statuses of a `Refused` that say that there is no such thing."""


def unanswered(reason: str, *, changes: bool) -> UseOutcome:
    """The outcome of what was sent and has no answer that can be used; only of a change does that leave a doubt."""
    return Unknown(reason) if changes else Unavailable(reason)


@frozen
class Use(StepRequest):
    """Ask something of a capability."""

    capability: str
    action: str
    arguments: str
    """JSON."""
    prompt: str = ""
    """What is played while it takes, again and again; empty for silence."""
    secrets: tuple[tuple[int, AskSecretDigits], ...] = field(default=(), metadata=UNTOLD)
    """The handles among the arguments, and how to ask for each again."""

    verb = "use"

    def fingerprint(self) -> str:
        return _fingerprint(self.capability, self.action, self.arguments, self.prompt)

    def returned(self, result: StepResult) -> UseOutcome:
        return read_outcome(result.value)


@lru_cache(maxsize=USES_REMEMBERED_MAX)
def _fingerprint(capability: str, action: str, arguments: str, prompt: str) -> str:
    """Of a use, which its words alone decide; many are the same from step to step, or are asked for by many flows."""
    return fingerprint_of(Use(capability, action, arguments, prompt))


def checked_use(name: str, arguments: Mapping[str, object], prompt: str) -> Use:
    """The request; raises `ValueError` or `TypeError` for what cannot be asked or recorded."""
    if not arguments and type(name) is str and type(prompt) is str:
        return _bare_use(name, prompt)
    check_words("use", name=name, prompt=prompt)
    capability, action = _parts(name)
    text = write_value(dict(arguments))
    if len(text) > USE_ARGUMENTS_CHARS_MAX:
        raise ValueError(f"use: the arguments have {len(text)} characters, more than {USE_ARGUMENTS_CHARS_MAX}")
    secrets = secrets_in(arguments)
    asked = {each.handle: each.question for each in secrets if each.question is not None}
    return Use(capability, action, text, prompt, tuple(asked.items()))


@lru_cache(maxsize=USES_REMEMBERED_MAX)
def _bare_use(name: str, prompt: str) -> Use:
    """One without arguments, which is the same whenever it is asked for."""
    check_words("use", name=name, prompt=prompt)
    return Use(*_parts(name), NO_ARGUMENTS, prompt)


@lru_cache(maxsize=USES_REMEMBERED_MAX)
def _parts(name: str) -> tuple[str, str]:
    """A flow says the same few names again and again."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"use: {name!r} is no CAPABILITY.ACTION, such as 'orders.status'")
    return found[1], found[2]


def handles_in(arguments: str) -> tuple[int, ...]:
    """The handles of the secrets among written arguments."""
    return tuple(dict.fromkeys(_handles(read_value(arguments)))) if _SECRET in arguments else ()


def without_secrets(arguments: str) -> str:
    """Written arguments but those that are or hold a secret."""
    if not handles_in(arguments):
        return arguments
    return json.dumps({name: each for name, each in json.loads(arguments).items() if not _handles(_rich(each))})


def _handles(value: Any) -> list[int]:
    if isinstance(value, SecretHandle):
        return [value.handle]
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for each in below for found in _handles(each)]


# What a journal holds -------------------------------------------------------------------------------------------------


def write_value(value: object) -> str:
    """A value as JSON, the same text for the same value; raises `TypeError` or `ValueError` for what is none."""
    return _encode(_plain(value))


def read_value(text: str) -> Any:
    """What `write_value` wrote."""
    return _rich(_parsed(text))


def _parsed(text: str) -> Any:
    """As `json.loads`, which first looks for the white space that nobody writes."""
    try:
        value, end = _raw_decode(text)
    except ValueError:
        return json.loads(text)
    return value if end == len(text) else json.loads(text)


def write_outcome(outcome: UseOutcome, *, changes: bool = False) -> str:
    """An outcome for the journal; an answer that none can hold is as good as none. `changes`: of what was asked."""
    if isinstance(outcome, Reply):
        if not outcome.fields and not outcome.age_s:
            return _EMPTY_REPLY
        try:
            told = {"reply": outcome.fields, "age_s": outcome.age_s} if outcome.age_s else {"reply": outcome.fields}
            text = write_value(told)
            if len(text) <= USE_RESULT_CHARS_MAX:
                return text
            wrong = f"the answer has {len(text)} characters, more than {USE_RESULT_CHARS_MAX}"
        except (TypeError, ValueError, RecursionError) as error:
            wrong = f"the answer cannot be recorded: {error}"
        return write_outcome(unanswered(wrong, changes=changes))
    if isinstance(outcome, Refused):
        return json.dumps(
            {"refused": [outcome.status, _short(outcome.code), _short(outcome.detail)]}, ensure_ascii=False
        )
    if isinstance(outcome, Promised):
        return json.dumps({"promised": [_short(outcome.reason), outcome.id]}, ensure_ascii=False)
    kinds: dict[type[UseOutcome], str] = {Pending: "pending", Unknown: "unknown"}
    kind = kinds.get(type(outcome), "unavailable")
    return json.dumps({kind: _short(outcome.reason)}, ensure_ascii=False)


def read_outcome(text: str) -> UseOutcome:
    """What `write_outcome` wrote; raises `LocalError` for anything else."""
    if text == _EMPTY_REPLY:
        return Reply({})
    told = _parsed(text)
    if "reply" in told:
        return Reply(_rich(told["reply"]), told.get("age_s", 0.0))
    if "refused" in told:
        return Refused(*told["refused"])
    if "unavailable" in told:
        return Unavailable(told["unavailable"])
    if "promised" in told:
        return Promised(*told["promised"])
    if "pending" in told:
        return Pending(told["pending"])
    if "unknown" in told:
        return Unknown(told["unknown"])
    raise LocalError(f"this is no outcome of a use: {text[:100]}")


def is_reply(text: str) -> bool:
    """Whether what `write_outcome` wrote is an answer."""
    return text.startswith(_REPLY) or isinstance(read_outcome(text), Reply)


def outcome_words(text: str) -> str:
    """An outcome in a few words for a person: `done`, `unavailable: …`; never what the answer holds."""
    outcome = read_outcome(text)
    if isinstance(outcome, Reply):
        return f"done: from a copy {outcome.age_s:.0f} s old" if outcome.age_s else "done"
    if isinstance(outcome, Refused):
        return " ".join(filter(None, (f"refused: {outcome.status or ''}".strip(), outcome.code, outcome.detail)))
    return f"{type(outcome).__name__.lower()}: {outcome.reason}"


REASON_CHARS_MAX = 500
"""Of what went wrong with a use; the rest is cut."""


def _short(text: str) -> str:
    return str(text)[:REASON_CHARS_MAX].encode(errors="replace").decode()


def _plain(value: object) -> object:
    if type(value) is dict:  # by far the most, and asking whether it is a Mapping takes long
        return _plain_mapping(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        value.encode()
        return str(value)
    if isinstance(value, Secret):
        return {_SECRET: [value.handle, value.count]}
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} is not a number")
        return {_DECIMAL: str(value)}
    if isinstance(value, datetime):
        return {_DATETIME: value.isoformat()}
    if isinstance(value, date):
        return {_DATE: value.isoformat()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    raise TypeError(
        f"use: a value is text, a number, truth, None, a decimal, a date, a list or a mapping, not {value!r}"
    )


def _plain_mapping(value: Mapping[Any, object]) -> object:
    plain, has_tag = {}, False
    for key, each in value.items():
        if not isinstance(key, str):
            raise TypeError(f"use: a key of a mapping is text, not {key!r}")
        plain[key] = _plain(each)
        has_tag = has_tag or key.startswith("$")
    return {_MAPPING: plain} if has_tag else plain


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return [_rich(each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, told),) = value.items()
        if key == _SECRET:
            return SecretHandle(*told)
        if key == _DECIMAL:
            return Decimal(told)
        if key == _DATE:
            return date.fromisoformat(told)
        if key == _DATETIME:
            return datetime.fromisoformat(told)
        if key == _MAPPING:
            return {each: _rich(below) for each, below in told.items()}
    return {key: _rich(each) for key, each in value.items()}
