"""Fields of a text as a person would say them: digits, numbers, money, dates, times, durations.

`"Your order {order:digits} of {total:money} arrives on {day:date}."` The words come from `WORDS`; the figures between
them are left to the voice, which knows how to read a number. Pure: no locale, no clock. It refuses to guess: a field
without a value, a value that its kind cannot say and a language without words raise `ValueError`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from keepline.flow.words import WORDS, Plural, Words, words_of

_PLACE = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)(?::(\w+))?\}")
_AMOUNT = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,2}))?", re.ASCII)
_NUMBER = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?", re.ASCII)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T.*)?", re.ASCII)
_TIME = re.compile(r"(?:[0-9-]{10}T)?([0-9]{2}):([0-9]{2})(?::[0-9]{2}.*)?", re.ASCII)
_GROUP = 4
"""Digits between two pauses."""
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTH_OFFSETS = (0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4)
_SECONDS = (86_400, 3_600, 60, 1)


@runtime_checkable
class _Date(Protocol):
    year: int
    month: int
    day: int


@runtime_checkable
class _Time(Protocol):
    hour: int
    minute: int


@runtime_checkable
class _Duration(Protocol):
    days: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of a currency: `Money("EUR", "12.50")`. Text, an int or a decimal; never a float, which rounds."""

    currency: str
    """ISO 4217: three letters."""
    amount: object
    """Whole units and at most two decimal places."""

    def __post_init__(self) -> None:
        if not isinstance(self.currency, str) or not re.fullmatch("[A-Z]{3}", self.currency):
            raise ValueError(f"Money: a currency has three letters, for example EUR, not {self.currency!r}")
        amount = "" if isinstance(self.amount, bool | float) else str(self.amount)
        if not _AMOUNT.fullmatch(amount):
            raise ValueError(f'Money: an amount is written "12.50", not {self.amount!r}')
        object.__setattr__(self, "amount", amount)


def fields_of(text: str) -> list[str]:
    """The names of a text's fields."""
    return [name for name, _ in _PLACE.findall(text) if name]


def fill(verb: str, text: str, fields: Mapping[str, object], language: str) -> str:
    """The text with its `{fields}` said in a language; `{{` and `}}` are braces.

    Raises `ValueError`, naming the verb, for a field without a value, a value that its text does not name, and a
    value that cannot be said so.
    """
    if not fields and "{" not in text and "}" not in text:
        return text
    said: set[str] = set()

    def one(found: re.Match[str]) -> str:
        name, kind = found[1], found[2]
        if name is None:
            return found[0][0]
        if name not in fields:
            known = ", ".join(sorted(fields)) or "none"
            raise ValueError(f"{verb}: the text has a field {{{name}}} and no value for it (given: {known})")
        said.add(name)
        try:
            return speak(fields[name], kind or "", language)
        except ValueError as error:
            raise ValueError(f"{verb}: field {{{name}}}: {error}") from None

    filled = _PLACE.sub(one, text)
    if strangers := sorted(set(fields) - said):
        raise ValueError(f"{verb}: {', '.join(strangers)} is neither an argument nor a field of the text {text!r}")
    return filled


def speak(value: object, kind: str, language: str) -> str:
    """One value as it is said; an empty `kind` follows from its type. Raises `ValueError` where it cannot be."""
    kind = kind or _kind_of(value)
    if kind == "text":
        return str(value)
    if kind not in _KINDS:
        raise ValueError(f"there is no kind {kind!r} of field; there are text, {', '.join(_KINDS)}")
    words = words_of(language or "en")
    if words is None:
        raise ValueError(f"a {kind} cannot be said in {language!r}, only in {', '.join(WORDS)}")
    return _KINDS[kind](value, words)


def confirmation(digits: str, language: str) -> str:
    """What reads an entry back and asks whether it is right; without words for the language, the digits alone."""
    words = words_of(language or "en")
    return words.confirm.format(digits=_digits(digits, words)) if words else " ".join(digits)


def _kind_of(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, Money):
        return "money"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    for kind, shape in (("date", _Date), ("time", _Time), ("duration", _Duration)):
        if isinstance(value, shape):
            return kind
    raise ValueError(f"{value!r} is no text, number, Money, date, time or duration; say what it is, {{name:kind}}")


def _digits(value: object, _words: Words) -> str:
    """One by one, with a pause after every fourth, and wherever the text has something else than letters and digits."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} has no digits; give a text or a whole number")
    parts = re.findall(r"[^\W_]+", str(value))
    groups = [part[at : at + _GROUP] for part in parts for at in range(0, len(part), _GROUP)]
    if not groups:
        raise ValueError(f"{value!r} has no digits")
    return ", ".join(" ".join(group) for group in groups)


def _number(value: object, words: Words) -> str:
    found = None if isinstance(value, bool) else _NUMBER.fullmatch(_plain(value))
    if not found:
        raise ValueError(f"{value!r} is not a number that can be said")
    minus, whole, decimals = found.groups()
    return (words.minus if minus else "") + str(int(whole)) + (words.point + decimals if decimals else "")


def _plain(value: object) -> str:
    """A number without an exponent, as far as it is a number."""
    if isinstance(value, float):
        return repr(value) if abs(value) < 1e16 and "e" not in repr(value) else f"{value:.6f}"
    return str(value)


def _money(value: object, words: Words) -> str:
    if not isinstance(value, Money):
        raise ValueError(f'{value!r} is no amount; give Money("EUR", "12.50")')
    found = _AMOUNT.fullmatch(str(value.amount))
    assert found is not None
    minus, whole, decimals = found.groups()
    units, cents = int(whole), int((decimals or "").ljust(2, "0"))
    sign = words.minus if minus and (units or cents) else ""
    if value.currency not in words.currencies:
        figures = f"{units}{words.point}{cents:02}" if cents else f"{units}"
        return f"{sign}{figures} {' '.join(value.currency)}"
    unit, hundredth = words.currencies[value.currency]
    parts = [_counted(units, unit, words)] if units or not cents else []
    if cents:
        parts.append(_counted(cents, hundredth, words))
    return sign + words.money_join.join(parts)


def _counted(count: int, name: Plural, words: Words) -> str:
    is_one = count == 1 or (count == 0 and words.zero_is_one)
    return f"{count} {name[0] if is_one else name[1]}"


def _date(value: object, words: Words) -> str:
    if isinstance(value, str) and (found := _DATE.fullmatch(value)):
        year, month, day = (int(each) for each in found.groups())
    elif isinstance(value, _Date):
        year, month, day = value.year, value.month, value.day
    else:
        raise ValueError(f'{value!r} is no date; give a date, or "2026-11-25"')
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= 12 or not 1 <= day <= _MONTH_DAYS[month - 1] or (month == 2 and day == 29 and not is_leap):
        raise ValueError(f"{value!r} is not in the calendar")
    shifted = year - (month < 3)
    weekday = (shifted + shifted // 4 - shifted // 100 + shifted // 400 + _MONTH_OFFSETS[month - 1] + day) % 7
    said = words.first if day == 1 else str(day)
    return words.date.format(weekday=words.weekdays[weekday], day=said, month=words.months[month - 1], year=year)


def _time(value: object, words: Words) -> str:
    if isinstance(value, str) and (found := _TIME.fullmatch(value)):
        hour, minute = (int(each) for each in found.groups())
    elif isinstance(value, _Time):
        hour, minute = value.hour, value.minute
    else:
        raise ValueError(f'{value!r} is no time of day; give a time, or "15:30"')
    if not 0 <= hour <= 23 or not 0 <= minute <= 59:
        raise ValueError(f"{value!r} is no time of day")
    half = words.halves[hour >= 12]
    shown = (hour - 1) % 12 + 1 if half else hour
    return (words.time if minute else words.time_even).format(hour=shown, minute=minute, half=half)


def _duration(value: object, words: Words) -> str:
    """Its two largest parts, since nobody remembers more."""
    if isinstance(value, _Duration):
        seconds = value.days * 86_400 + value.seconds
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12:  # NaN is not
        seconds = round(value)
    else:
        raise ValueError(f"{value!r} is no duration; give a timedelta, or seconds")
    parts, rest = [], abs(seconds)
    for size, name in zip(_SECONDS, words.units, strict=True):
        count, rest = divmod(rest, size)
        if count:
            parts.append(_counted(count, name, words))
    said = words.join.join(parts[:2]) or _counted(0, words.units[-1], words)
    return (words.minus if seconds < 0 else "") + said


_KINDS: dict[str, Callable[[object, Words], str]] = {
    "digits": _digits,
    "number": _number,
    "money": _money,
    "date": _date,
    "time": _time,
    "duration": _duration,
}
