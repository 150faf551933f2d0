"""Secrets on their way to the other side: a use's handles are made digits here, at the last moment, and nowhere before.

What comes back may repeat them (`the card 4111… is declined`), and so may an exception: they are taken out of every
outcome, and a connector's mistake is logged without its words. It refuses to know where digits come from.
"""

import re
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from keepline.connectors.interface import Asked, Connector
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome, unanswered
from keepline.flow.secrets import filled

MASK = "•••"
LONG = 8
"""Digits of a secret that is no other number by chance: it is taken out of answers too, and wherever it stands."""
log = structlog.get_logger("calls")


class SecretValue:
    """Digits that show only where `opened` is called."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def __repr__(self) -> str:
        return f"Secret({len(self._digits)} digits)"

    def opened(self) -> str:
        """The digits."""
        return self._digits


def opened(value: Any) -> Any:
    """Arguments with the digits in them."""
    if isinstance(value, SecretValue):
        return value.opened()
    if isinstance(value, dict | Mapping):  # dict by itself, since asking whether it is a Mapping takes long
        return {name: opened(each) for name, each in value.items()}
    return [opened(each) for each in value] if isinstance(value, list) else value


def has_secret(value: Any) -> bool:
    """Whether there is one anywhere in an argument."""
    if isinstance(value, dict | Mapping):
        return any(has_secret(each) for each in value.values()) if value else False
    return any(has_secret(each) for each in value) if isinstance(value, list) else isinstance(value, SecretValue)


class Revealing:
    """A connector that is given digits in the places of handles."""

    def __init__(self, connector: Connector, name: str) -> None:
        """`name` is that of its capability and path, for the log."""
        self._connector = connector
        self._name = name

    async def ask(self, asked: Asked) -> UseOutcome:
        """What came of it, without the digits; nothing is asked where they are not to be had."""
        handles = set(_handles(asked.arguments)) if asked.arguments else None
        if not handles:
            return await self._connector.ask(asked)
        if asked.reveal is None:
            return Unavailable("there is nobody who knows its secret")
        found = await asked.reveal(handles)
        if isinstance(found, Unavailable):
            return found
        values = list(found.values())
        arguments = filled(dict(asked.arguments), lambda handle: SecretValue(found[handle]))
        try:
            outcome = await self._connector.ask(replace(asked, arguments=arguments))
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} in {where.name}, line {where.lineno} of {where.filename}"
            log.error("connector_failed", path=self._name, action=asked.name, what=what)
            outcome = unanswered(f"{type(error).__name__} in the connector", changes=asked.action.changes)
        return scrubbed(outcome, values)

    async def close(self) -> None:
        """Let go of what the connector holds."""
        await self._connector.close()


def _handles(value: Any) -> list[int]:
    found: list[int] = []
    filled(value if not isinstance(value, Mapping) else dict(value), found.append)
    return found


def scrubbed(outcome: UseOutcome, secrets: list[str]) -> UseOutcome:
    """An outcome without the digits of these secrets.

    Of short ones (a code, a month) only what went wrong is searched, for numbers that are just them: an answer may well
    be a number that has them in it.
    """
    if isinstance(outcome, Reply):
        return Reply(_without(outcome.fields, [each for each in secrets if len(each) >= LONG]))
    if isinstance(outcome, Refused):
        return Refused(outcome.status, _text_without(outcome.code, secrets), _text_without(outcome.detail, secrets))
    if isinstance(outcome, Unknown):
        return Unknown(_text_without(outcome.reason, secrets))
    if type(outcome) is Unavailable:
        return Unavailable(_text_without(outcome.reason, secrets))
    return outcome


def _without(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, str):
        return _text_without(value, secrets)
    if isinstance(value, Mapping):
        return {_without(name, secrets): _without(each, secrets) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without(each, secrets) for each in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return MASK if is_number and str(value) in secrets else value


def _text_without(text: str, secrets: list[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = r"[\s.-]?".join(map(re.escape, secret))
        text = re.sub(pattern if len(secret) >= LONG else rf"(?<!\d){pattern}(?!\d)", MASK, str(text))
    return text
