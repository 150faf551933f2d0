"""Secrets on their way out: given at the last moment, sent within bodies alone, taken out of whatever comes back."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from keepline.connectors.fake import FakeConnector
from keepline.connectors.http.client import HttpConnector
from keepline.connectors.interface import Asked, Connector
from keepline.connectors.python.runner import PythonConnector
from keepline.connectors.revealing import MASK, Revealing, SecretValue, has_secret, opened, scrubbed
from keepline.flow.capabilities import (
    Refused,
    Reply,
    SecretsGone,
    Unavailable,
    Unknown,
    UseOutcome,
    read_value,
    write_value,
)
from keepline.flow.questions import Reason
from keepline.flow.secrets import Secret
from keepline.model.capability import CapabilityAction, FieldPath, HttpService

CARD, CODE = "5893018254760292", "847"
KNOWN = {3: CARD, 5: CODE}
ARGUMENTS = {"invoice": "12", "card": {"number": Secret(3, 16, Reason.ANSWERED)}, "code": Secret(5, 3, Reason.ANSWERED)}
CHARGE = CapabilityAction(method="POST", path="/charge/{invoice}", changes=True)


async def reveal(handles: Iterable[int]) -> Mapping[int, str] | Unavailable:
    missing = tuple(each for each in handles if each not in KNOWN)
    return SecretsGone("lost", missing) if missing else {each: KNOWN[each] for each in handles}


def asked(action: CapabilityAction = CHARGE, **arguments: Any) -> Asked:
    """As the journal has the arguments."""
    written = write_value(arguments or ARGUMENTS)
    assert CARD not in written
    return Asked("charge", action, read_value(written), "key", 5.0, reveal)


def ask(connector: Connector, wanted: Asked) -> UseOutcome:
    async def run() -> UseOutcome:
        made = Revealing(connector, "payments/first")
        try:
            return await made.ask(wanted)
        finally:
            await made.close()

    return asyncio.run(run())


class Gateway:
    """An HTTP service that keeps what it was sent and answers as it is told."""

    def __init__(self, status: int = 200, answer: object = None) -> None:
        self.requests: list[httpx2.Request] = []
        self._answer = httpx2.Response(status, json=answer)
        self.service = HttpService("http://gateway.invalid", {}, FieldPath(("code",)), FieldPath(("detail",)))

    @property
    def connector(self) -> HttpConnector:
        def handle(request: httpx2.Request) -> httpx2.Response:
            self.requests.append(request)
            return self._answer

        return HttpConnector(self.service, 2, httpx2.MockTransport(handle))


def test_http_sends_the_digits_within_the_body() -> None:
    gateway = Gateway(answer={"receipt": "R1"})
    outcome = ask(gateway.connector, asked())
    assert outcome == Reply({"receipt": "R1"})
    [request] = gateway.requests
    assert json.loads(request.content) == {"card": {"number": CARD}, "code": CODE}
    assert str(request.url) == "http://gateway.invalid/charge/12"


def test_a_template_of_the_body_may_name_a_secret() -> None:
    gateway = Gateway(answer={})
    action = CapabilityAction(method="POST", path="/charge", changes=True, body={"pan": "{code}", "text": "no. {code}"})
    ask(gateway.connector, asked(action, code=Secret(5, 3, Reason.ANSWERED)))
    assert json.loads(gateway.requests[0].content) == {"pan": CODE, "text": f"no. {CODE}"}


@pytest.mark.parametrize(
    "action",
    [
        CapabilityAction(method="POST", path="/charge/{code}", changes=True),
        CapabilityAction(method="POST", path="/charge", changes=True, query={"code": "{code}"}, body={}),
        CapabilityAction(method="POST", path="/charge", changes=True, query={"code": "no. {code}"}, body={}),
        CapabilityAction(method="GET", path="/charge"),
        CapabilityAction(method="DELETE", path="/charge", changes=True),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_no_address_has_a_secret(action: CapabilityAction, nested: bool) -> None:
    gateway = Gateway(answer={})
    code: object = Secret(5, 3, Reason.ANSWERED)
    outcome = ask(gateway.connector, asked(action, code=[{"is": code}] if nested else code))
    assert isinstance(outcome, Unavailable)
    assert "a secret goes into a body alone" in outcome.reason
    assert gateway.requests == []


def test_a_refusal_that_repeats_the_card_does_not() -> None:
    answer = {"code": "card_declined", "detail": f"{CARD}, {CARD[:4]} {CARD[4:8]}-{CARD[8:12]} {CARD[12:]} with {CODE}"}
    outcome = ask(Gateway(402, answer).connector, asked())
    assert outcome == Refused(402, "card_declined", f"{MASK}, {MASK} with {MASK}")


def test_an_answer_that_repeats_the_card_does_not() -> None:
    answer = {"receipt": f"R-{CODE}1", "echo": {CARD: [int(CARD), f"x{CARD}"]}, "amount": 847, "ok": True}
    outcome = ask(Gateway(200, answer).connector, asked())
    assert outcome == Reply({"receipt": f"R-{CODE}1", "echo": {MASK: [MASK, f"x{MASK}"]}, "amount": 847, "ok": True})


@pytest.mark.parametrize("kind", [Unknown, Unavailable])
def test_a_failure_that_repeats_the_card_does_not(kind: type) -> None:
    assert scrubbed(kind(f"{CARD} and {CODE} and 8471"), [CARD, CODE]) == kind(f"{MASK} and {MASK} and 8471")


class Till:
    """A connector of an operation's own."""

    got: list[object] = []  # noqa: RUF012

    def charge(self, invoice: str, card: dict[str, str], code: str) -> dict[str, str]:
        self.got.append((invoice, card, code))
        if invoice == "13":
            raise ValueError(f"{card['number']} is no card")
        return {"receipt": "R2"}


def test_python_is_given_text() -> None:
    outcome = ask(PythonConnector(Till, 1), asked())
    assert outcome == Reply({"receipt": "R2"})
    assert Till.got[-1] == ("12", {"number": CARD}, CODE)


def test_what_a_method_raises_is_logged_without_its_words() -> None:
    with capture_logs() as logs:
        outcome = ask(PythonConnector(Till, 1), asked(**{**ARGUMENTS, "invoice": "13"}))
    assert outcome == Unknown("charge raised ValueError")
    assert logs == [{"action": "charge", "what": "ValueError", "event": "method_raised", "log_level": "warning"}]


class Broken:
    async def ask(self, asked: Asked) -> UseOutcome:
        raise RuntimeError(f"bug: {opened(asked.arguments)}")

    async def close(self) -> None:
        return


def test_what_a_connector_raises_is_logged_without_its_words() -> None:
    with capture_logs() as logs:
        outcome = ask(Broken(), asked())
    assert outcome == Unknown("RuntimeError in the connector")
    assert [entry["event"] for entry in logs] == ["connector_failed"]
    assert CARD not in str(logs)
    assert "RuntimeError in ask, line" in logs[0]["what"]


def test_nothing_is_asked_where_a_secret_is_gone() -> None:
    fake = FakeConnector({"charge": {}})
    outcome = ask(fake, asked(card=Secret(9, 16, Reason.ANSWERED)))
    assert outcome == SecretsGone("lost", (9,))
    assert fake.asked == []
    nobody = Asked("charge", CHARGE, read_value(write_value(ARGUMENTS)), "key", 5.0)
    assert isinstance(ask(fake, nobody), Unavailable)


def test_a_use_without_a_secret_is_asked_as_ever() -> None:
    fake = FakeConnector({"charge": lambda invoice: {"receipt": invoice}})
    assert ask(fake, asked(invoice="12")) == Reply({"receipt": "12"})


def test_a_value_shows_no_digit() -> None:
    value = SecretValue(CARD)
    assert f"{value} {value!r} {[value]}" == "Secret(16 digits) Secret(16 digits) [Secret(16 digits)]"
    assert has_secret({"a": [{"b": value}]})
    assert opened({"a": [{"b": value}]}) == {"a": [{"b": CARD}]}
