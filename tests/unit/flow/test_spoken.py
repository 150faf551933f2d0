"""Fields are said as a person would, in every language, and what cannot be said is told to the author."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.flow import Call, Money, Say
from keepline.flow.spoken import confirmation, speak
from keepline.flow.words import WORDS

CALLER = Call("0194f1c2d3e4f5a6", "alice", "1000")
LANGUAGES = st.sampled_from([*WORDS, "en-us", "DE"])


def said(text: str, language: str = "", **fields: object) -> str:
    request = CALLER.say(text, language=language, **fields).request
    assert isinstance(request, Say)
    return request.text


@pytest.mark.parametrize(
    ("kind", "value", "en", "de", "fr", "es"),
    [
        ("digits", "12345678", *["1 2 3 4, 5 6 7 8"] * 4),
        ("digits", 407, *["4 0 7"] * 4),
        ("digits", "AB-12", *["A B, 1 2"] * 4),
        ("number", -3, "minus 3", "minus 3", "moins 3", "menos 3"),
        ("number", 12.5, "12.5", "12,5", "12,5", "12,5"),
        ("number", Decimal("7.25"), "7.25", "7,25", "7,25", "7,25"),
        (
            "money",
            Money("EUR", "12.50"),
            "12 euros and 50 cents",
            "12 Euro und 50 Cent",
            "12 euros et 50 centimes",
            "12 euros con 50 céntimos",
        ),
        (
            "money",
            Money("USD", "1.01"),
            "1 dollar and 1 cent",
            "1 Dollar und 1 Cent",
            "1 dollar et 1 cent",
            "1 dólar con 1 centavo",
        ),
        ("money", Money("EUR", 0), "0 euros", "0 Euro", "0 euro", "0 euros"),
        ("money", Money("EUR", "0.5"), "50 cents", "50 Cent", "50 centimes", "50 céntimos"),
        ("money", Money("SEK", "12.50"), "12.50 S E K", "12,50 S E K", "12,50 S E K", "12,50 S E K"),
        ("money", Money("GBP", Decimal("-3")), "minus 3 pounds", "minus 3 Pfund", "moins 3 livres", "menos 3 libras"),
        (
            "date",
            date(2026, 11, 25),
            "Wednesday, November 25, 2026",
            "Mittwoch, 25. November 2026",
            "mercredi 25 novembre 2026",
            "miércoles, 25 de noviembre de 2026",
        ),
        (
            "date",
            "2024-03-01",
            "Friday, March 1, 2024",
            "Freitag, 1. März 2024",
            "vendredi premier mars 2024",
            "viernes, 1 de marzo de 2024",
        ),
        ("time", time(15, 5), "3:05 p.m.", "15 Uhr 5", "15 heures 5", "15 horas y 5 minutos"),
        ("time", "00:00", "12 a.m.", "0 Uhr", "0 heures", "0 horas"),
        (
            "duration",
            timedelta(hours=2, minutes=1, seconds=9),
            "2 hours and 1 minute",
            "2 Stunden und 1 Minute",
            "2 heures et 1 minute",
            "2 horas y 1 minuto",
        ),
        ("duration", 0, "0 seconds", "0 Sekunden", "0 seconde", "0 segundos"),
        (
            "duration",
            -90,
            "minus 1 minute and 30 seconds",
            "minus 1 Minute und 30 Sekunden",
            "moins 1 minute et 30 secondes",
            "menos 1 minuto y 30 segundos",
        ),
    ],
)
def test_each_kind_in_each_language(kind: str, value: object, en: str, de: str, fr: str, es: str) -> None:
    for language, expected in {"en": en, "de": de, "fr": fr, "es": es, "en-gb": en}.items():
        assert speak(value, kind, language) == expected


def test_a_text_with_fields() -> None:
    text = "Your order {order:digits} of {total:money} arrives on {day:date}."
    assert said(text, order="4711", total=Money("EUR", "12.50"), day=date(2026, 11, 25)) == (
        "Your order 4 7 1 1 of 12 euros and 50 cents arrives on Wednesday, November 25, 2026."
    )


def test_a_field_says_what_it_is_by_itself() -> None:
    assert said("{a} {b} {c}", a="Ada", b=3, c=Money("EUR", 2)) == "Ada 3 2 euros"
    assert said("{d}, {t}, {l}", d=datetime(2026, 11, 25, 9, 0), t=time(9, 0), l=timedelta(seconds=5)) == (
        "Wednesday, November 25, 2026, 9 a.m., 5 seconds"
    )


def test_the_language_is_the_calls_or_the_verbs() -> None:
    call = Call("", "", "", "de")
    request, other = call.say("{n:money}", n=Money("EUR", 2)).request, call.say("{n}", n=-2, language="fr").request
    assert isinstance(request, Say)
    assert isinstance(other, Say)
    assert (request.text, other.text) == ("2 Euro", "moins 2")


def test_questions_have_fields_too() -> None:
    for asked in (
        CALLER.ask_digits("Is it {n}?", n=7),
        CALLER.ask_choice({"1": "yes"}, "Is it {n}?", n=7),
        CALLER.ask_yes_no("Is it {n}?", n=7),
    ):
        assert "Is it 7?" in repr(asked.request)


def test_braces_that_are_no_fields_stay() -> None:
    assert said("a { b } {{c}} {1}") == "a { b } {c} {1}"


@pytest.mark.parametrize(
    ("text", "fields", "wrong"),
    [
        ("{order}", {}, r"say: the text has a field \{order\} and no value for it \(given: none\)"),
        ("{oder}", {"order": 1}, r"field \{oder\} and no value for it \(given: order\)"),
        ("Hello.", {"lnaguage": "de"}, "lnaguage is neither an argument nor a field of the text"),
        ("{a:dog}", {"a": 1}, r"say: field \{a\}: there is no kind 'dog' of field; there are text, digits, number"),
        ("{a:money}", {"a": 12.5}, r'12.5 is no amount; give Money\("EUR", "12.50"\)'),
        ("{a:date}", {"a": "2026-02-30"}, "not in the calendar"),
        ("{a:date}", {"a": "2026-02-29"}, "not in the calendar"),
        ("{a:date}", {"a": "tomorrow"}, "is no date"),
        ("{a:time}", {"a": "24:00"}, "is no time of day"),
        ("{a:time}", {"a": 7}, "is no time of day"),
        ("{a:digits}", {"a": "--"}, "has no digits"),
        ("{a:digits}", {"a": 1.5}, "has no digits"),
        ("{a:number}", {"a": True}, "is not a number"),
        ("{a:number}", {"a": float("nan")}, "is not a number"),
        ("{a:duration}", {"a": "2 h"}, "is no duration"),
        ("{a:duration}", {"a": float("inf")}, "is no duration"),
        ("{a}", {"a": None}, r"say what it is, \{name:kind\}"),
    ],
)
def test_what_cannot_be_said_is_told(text: str, fields: dict[str, object], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        CALLER.say(text, **fields)  # type: ignore[arg-type]


def test_a_language_without_words_says_so() -> None:
    with pytest.raises(ValueError, match="a money cannot be said in 'it', only in en, de, fr, es"):
        CALLER.say("{n:money}", n=Money("EUR", 2), language="it")
    assert said("{n}", language="it", n="due") == "due"


@pytest.mark.parametrize("wrong", [("euro", "1"), ("EUR", 1.5), ("EUR", "1.234"), ("EUR", "1,50"), ("EUR", True)])
def test_money_is_exact(wrong: tuple[str, object]) -> None:
    with pytest.raises(ValueError, match="Money: "):
        Money(*wrong)


def test_an_entry_is_read_back() -> None:
    assert confirmation("1234", "en-us").startswith("You entered 1 2 3 4.")
    assert confirmation("1234", "it") == "1 2 3 4"


@given(LANGUAGES, st.dates())
def test_every_date_can_be_said(language: str, value: date) -> None:
    spoken = speak(value, "date", language)
    assert str(value.year) in spoken
    words = WORDS[language[:2].lower()]
    assert words.weekdays[value.isoweekday() % 7] in spoken
    assert speak(value.isoformat(), "date", language) == spoken


@given(LANGUAGES, st.times())
def test_every_time_can_be_said(language: str, value: time) -> None:
    assert speak(value, "time", language) == speak(value.isoformat("seconds"), "time", language)


@given(LANGUAGES, st.timedeltas())
def test_every_duration_can_be_said(language: str, value: timedelta) -> None:
    assert speak(value, "duration", language)


@given(LANGUAGES, st.decimals(min_value=-(10**15) + 1, max_value=10**15 - 1, places=2), st.sampled_from(["EUR", "SEK"]))
def test_every_amount_can_be_said(language: str, value: Decimal, currency: str) -> None:
    assert speak(Money(currency, f"{value:f}"), "", language)


@given(LANGUAGES, st.integers(-(10**39), 10**39) | st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_every_number_can_be_said(language: str, value: float) -> None:
    assert speak(value, "", language)


@given(LANGUAGES, st.from_regex(r"[A-Za-z0-9 -]*[A-Za-z0-9][A-Za-z0-9 -]*", fullmatch=True) | st.integers(0))
def test_all_digits_can_be_said(language: str, value: str | int) -> None:
    assert speak(value, "digits", language)
