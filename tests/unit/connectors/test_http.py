"""What HTTP answers, and what it means for a question and for a change."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keepline.connectors.http.client import HttpConnector
from keepline.connectors.interface import Asked
from keepline.flow import Refused, Unavailable, Unknown
from keepline.model.capability import CapabilityAction, HttpService, SecretRef
from keepline.model.limits_capabilities import HTTP_ANSWER_BYTES_MAX, SECRET_BYTES_MAX
from tests.unit.connectors.connector_suite import run

READ = CapabilityAction(method="GET", path="/x/{a}")
CHANGE = CapabilityAction(method="POST", path="/x/{a}", changes=True)


def answering(answer: Any, **headers: SecretRef) -> tuple[HttpConnector, list[httpx2.Request]]:
    seen: list[httpx2.Request] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(answer)

    return HttpConnector(HttpService("http://x.invalid", headers), 2, httpx2.MockTransport(reply)), seen


def asks(action: CapabilityAction, **arguments: object) -> Asked:
    return Asked("x", action, {"a": "1", **arguments}, "c1-0", 5.0)


@pytest.mark.parametrize(
    ("answer", "of_read", "of_change"),
    [
        (500, Unavailable, Unknown),
        (502, Unavailable, Unknown),
        (302, Unavailable, Unknown),
        (503, Unavailable, Unavailable),
        (429, Unavailable, Unavailable),
        (409, Refused, Refused),
        (httpx2.ConnectError("refused"), Unavailable, Unavailable),
        (httpx2.ReadError("reset"), Unavailable, Unknown),
        (httpx2.RemoteProtocolError("gone"), Unavailable, Unknown),
        (httpx2.Response(200, content=b"<html>"), Unavailable, Unknown),
        (httpx2.Response(200, content=b"x" * (HTTP_ANSWER_BYTES_MAX + 1)), Unavailable, Unknown),
    ],
)
def test_what_an_answer_means(answer: Any, of_read: type, of_change: type) -> None:
    assert type(run(answering(answer)[0], asks(READ))[0]) is of_read
    assert type(run(answering(answer)[0], asks(CHANGE))[0]) is of_change


def test_a_question_is_asked_again_over_a_new_connection() -> None:
    connector, seen = answering(httpx2.RemoteProtocolError("gone"))
    run(connector, asks(READ))
    assert len(seen) == 2
    connector, seen = answering(httpx2.RemoteProtocolError("gone"))
    run(connector, asks(CHANGE))
    assert len(seen) == 1


def test_arguments_go_where_they_belong() -> None:
    connector, seen = answering(200)
    templates = CapabilityAction(
        method="PUT", path="/x/{a}", changes=True, query={"k": "{idempotency_key}"}, body={"n": "{n}", "t": "<{n}>"}
    )
    run(connector, asks(READ, since="a b", flag=True), asks(CHANGE, n=3), asks(templates, n=3), asks(READ, a="../y?"))
    assert [str(each.url) for each in seen] == [
        "http://x.invalid/x/1?since=a+b&flag=true",
        "http://x.invalid/x/1",
        "http://x.invalid/x/1?k=c1-0",
        "http://x.invalid/x/..%2Fy%3F",
    ]
    assert [each.content for each in seen][1:3] == [b'{"n": 3}', b'{"n": 3, "t": "<3>"}']
    assert ["idempotency-key" in each.headers for each in seen] == [False, True, True, False]


def test_a_missing_argument_is_said() -> None:
    [found] = run(answering(200)[0], Asked("x", READ, {}, "k", 1.0))
    assert found == Unavailable("the request cannot be made: it needs `a`")


def test_secrets_come_from_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "t0")
    kept = tmp_path / "key"
    kept.write_text("s" * (SECRET_BYTES_MAX + 10))
    connector, seen = answering(
        200,
        Authorization=SecretRef("env", "SHOP_TOKEN", "Bearer "),
        Key=SecretRef("file", str(kept)),
        Plain=SecretRef("", "p"),
    )
    run(connector, asks(READ))
    headers = seen[0].headers
    assert (headers["authorization"], headers["plain"]) == ("Bearer t0", "p")
    assert len(headers["key"]) == SECRET_BYTES_MAX
    monkeypatch.delenv("SHOP_TOKEN")
    [found] = run(answering(200, Authorization=SecretRef("env", "SHOP_TOKEN"))[0], asks(READ))
    assert found == Unavailable("the request cannot be made: the environment has no SHOP_TOKEN")
    [found] = run(answering(200, Key=SecretRef("file", "/nowhere/at/all"))[0], asks(READ))
    assert "cannot be read" in found.reason


def test_what_is_not_sent_is_closed() -> None:
    connector, _ = answering(200)
    asyncio.run(connector.close())
