"""The words that `spoken` puts around figures: one row a language. Only data."""

from collections.abc import Mapping
from dataclasses import dataclass

Plural = tuple[str, str]
"""One, many."""


@dataclass(frozen=True, slots=True)
class Words:
    """What one language needs."""

    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    """Sunday first."""
    date: str
    """Of {weekday}, {day}, {month}, {year}."""
    first: str
    """The first day of a month."""
    time: str
    """Of {hour}, {minute} and {half}."""
    time_even: str
    """Of an hour without minutes."""
    halves: Plural
    """Before and after noon, where a day has two times twelve hours; empty where it has 24."""
    join: str
    """Between the last two parts of a duration."""
    money_join: str
    minus: str
    point: str
    """Between whole numbers and decimals."""
    zero_is_one: bool
    """Nothing takes the singular."""
    units: tuple[Plural, Plural, Plural, Plural]
    """Days, hours, minutes, seconds."""
    currencies: Mapping[str, tuple[Plural, Plural]]
    """Of a currency its unit and its hundredth."""
    confirm: str
    """Reads {digits} back and asks for 1 or 2."""
    apology: str
    """What a caller hears when a flow fails, unless the operation has its own."""


WORDS: Mapping[str, Words] = {
    "en": Words(
        months=(
            *("January", "February", "March", "April", "May", "June", "July"),
            *("August", "September", "October", "November", "December"),
        ),
        weekdays=("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
        date="{weekday}, {month} {day}, {year}",
        first="1",
        time="{hour}:{minute:02} {half}",
        time_even="{hour} {half}",
        halves=("a.m.", "p.m."),
        join=" and ",
        money_join=" and ",
        minus="minus ",
        point=".",
        zero_is_one=False,
        units=(("day", "days"), ("hour", "hours"), ("minute", "minutes"), ("second", "seconds")),
        currencies={
            "EUR": (("euro", "euros"), ("cent", "cents")),
            "USD": (("dollar", "dollars"), ("cent", "cents")),
            "GBP": (("pound", "pounds"), ("penny", "pence")),
            "CHF": (("Swiss franc", "Swiss francs"), ("centime", "centimes")),
        },
        confirm="You entered {digits}. If that is right, press 1. To enter it again, press 2.",
        apology="We are sorry, something went wrong on our side.",
    ),
    "de": Words(
        months=(
            *("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"),
            *("August", "September", "Oktober", "November", "Dezember"),
        ),
        weekdays=("Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"),
        date="{weekday}, {day}. {month} {year}",
        first="1",
        time="{hour} Uhr {minute}",
        time_even="{hour} Uhr",
        halves=("", ""),
        join=" und ",
        money_join=" und ",
        minus="minus ",
        point=",",
        zero_is_one=False,
        units=(("Tag", "Tage"), ("Stunde", "Stunden"), ("Minute", "Minuten"), ("Sekunde", "Sekunden")),
        currencies={
            "EUR": (("Euro", "Euro"), ("Cent", "Cent")),
            "USD": (("Dollar", "Dollar"), ("Cent", "Cent")),
            "GBP": (("Pfund", "Pfund"), ("Penny", "Pence")),
            "CHF": (("Schweizer Franken", "Schweizer Franken"), ("Rappen", "Rappen")),
        },
        confirm="Ihre Eingabe war {digits}. Wenn das stimmt, drücken Sie die 1. Für eine neue Eingabe die 2.",
        apology="Es tut uns leid, bei uns ist etwas schiefgegangen.",
    ),
    "fr": Words(
        months=(
            *("janvier", "février", "mars", "avril", "mai", "juin", "juillet"),
            *("août", "septembre", "octobre", "novembre", "décembre"),
        ),
        weekdays=("dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"),
        date="{weekday} {day} {month} {year}",
        first="premier",
        time="{hour} heures {minute}",
        time_even="{hour} heures",
        halves=("", ""),
        join=" et ",
        money_join=" et ",
        minus="moins ",
        point=",",
        zero_is_one=True,
        units=(("jour", "jours"), ("heure", "heures"), ("minute", "minutes"), ("seconde", "secondes")),
        currencies={
            "EUR": (("euro", "euros"), ("centime", "centimes")),
            "USD": (("dollar", "dollars"), ("cent", "cents")),
            "GBP": (("livre", "livres"), ("penny", "pence")),
            "CHF": (("franc suisse", "francs suisses"), ("centime", "centimes")),
        },
        confirm="Vous avez saisi {digits}. Si c'est exact, appuyez sur 1. Pour recommencer, appuyez sur 2.",
        apology="Nous sommes désolés, un problème est survenu de notre côté.",
    ),
    "es": Words(
        months=(
            *("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio"),
            *("agosto", "septiembre", "octubre", "noviembre", "diciembre"),
        ),
        weekdays=("domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"),
        date="{weekday}, {day} de {month} de {year}",
        first="1",
        time="{hour} horas y {minute} minutos",
        time_even="{hour} horas",
        halves=("", ""),
        join=" y ",
        money_join=" con ",
        minus="menos ",
        point=",",
        zero_is_one=False,
        units=(("día", "días"), ("hora", "horas"), ("minuto", "minutos"), ("segundo", "segundos")),
        currencies={
            "EUR": (("euro", "euros"), ("céntimo", "céntimos")),
            "USD": (("dólar", "dólares"), ("centavo", "centavos")),
            "GBP": (("libra", "libras"), ("penique", "peniques")),
            "CHF": (("franco suizo", "francos suizos"), ("céntimo", "céntimos")),
        },
        confirm="Ha marcado {digits}. Si es correcto, pulse 1. Para volver a marcar, pulse 2.",
        apology="Lo sentimos, se ha producido un error por nuestra parte.",
    ),
}


def words_of(language: str) -> Words | None:
    """The words of a language tag such as `de` or `en-us`; None where there are none."""
    return WORDS.get(language.partition("-")[0].lower())
