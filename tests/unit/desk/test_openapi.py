"""The API keeps to what it says of itself: schemathesis asks every route, rightly and wrongly, and reads."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from schemathesis.engine import events, from_schema
from starlette.types import ASGIApp, Receive, Scope, Send

from keepline.call.effects_incident import IncidentInput
from keepline.desk.describing import describe, examples
from keepline.model.people import Role
from tests.unit.desk.people.visits import MACHINE_TOKEN, Place, Visitor, make_place

STREAM = "/api/stream"
"""It never ends, and is tested by its own tests."""
SETTINGS: dict[str, Any] = {
    "seed": 1,
    "checks": {
        # 503 is no fault of ours: the node does not answer. 413: a text is bounded, and so is the whole body.
        "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},
        "negative_data_rejection": {
            "expected-statuses": ["400", "401", "403", "404", "405", "409", "413", "415", "422", "429"]
        },
        # 422: a name is taken already, there is no such scope; what a schema cannot say (RFC 9110 §15.5.21).
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422", "429", "503"]},
    },
}


class From:
    """Brings a request to the application as if it came from this machine, or with what somebody's browser sends."""

    def __init__(self, app: ASGIApp, visitor: Visitor | None = None) -> None:
        self.app, self._visitor = app, visitor
        self.answered: dict[tuple[str, str, int], int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            more = []
            if self._visitor is None:
                scope["client"] = ("127.0.0.1", 1)
            else:
                cookies = "; ".join(f"{name}={value}" for name, value in self._visitor.cookies.items())
                more = [(b"cookie", cookies.encode()), (b"x-csrf-token", self._visitor.csrf.encode())]
                scope["server"] = ("node1.example", 8080)
            scope["headers"] = [
                *(each for each in scope["headers"] if more == [] or each[0] != b"authorization"),
                *more,
            ]
        await self.app(scope, receive, send)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    def node(_: IncidentInput) -> dict[str, object]:
        return {"ok": True, "incident": "INC-20251123-1"}

    monkeypatch.setattr("keepline.desk.app._nobody_asked", node)
    found = make_place(tmp_path, monkeypatch)
    ticks = itertools.count()
    monkeypatch.setattr(type(found.clock), "__call__", lambda _: 1_700_000_000.0 + next(ticks))  # nobody is too fast
    yield found
    found.people.close()


def mistakes(place: Place, app: From, examples_max: int, headers: dict[str, str], *, coverage: bool) -> list[str]:
    """What schemathesis finds wrong, a line each; with `coverage` each bound of each field is tried."""
    settings = SETTINGS | {
        "headers": headers,
        "generation": {"max-examples": examples_max, "database": "none"},
        "phases": {"stateful": {"enabled": False}, "coverage": {"enabled": coverage}},  # there are no links
    }
    config = schemathesis.Config.from_dict(settings)
    description = describe(cast(Any, place.app).app)
    if "Authorization" not in headers:  # a session comes with a cookie, of which the description says nothing
        for operation in (each for methods in description["paths"].values() for each in methods.values()):
            del operation["security"]
    schema = schemathesis.openapi.from_dict(description, config=config)
    schema.app = app
    found, asked = [], set()
    for event in from_schema(schema.exclude(path=STREAM)).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.append(f"{event}")
        if not isinstance(event, events.ScenarioFinished):
            continue
        for case_id, checks in event.recorder.checks.items():
            case = event.recorder.cases[case_id].value
            asked.add(f"{case.method} {case.path}")
            for check in checks:
                if check.failure_info is not None:
                    failure = " ".join(str(check.failure_info.failure).split())
                    found.append(f"{check.name}: {failure[:200]}: {case.as_curl_command()}")
    assert set(described(place)) <= asked, "it has asked every route"
    return found


def described(place: Place) -> dict[str, Any]:
    """Every described operation but the stream, by METHOD path."""
    paths = describe(cast(Any, place.app).app)["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        if path != STREAM
        for method, operation in methods.items()
    }


def test_the_api_keeps_to_its_description_with_the_machines_token(place: Place) -> None:
    headers = {"Authorization": f"Bearer {MACHINE_TOKEN}", "Host": "node1.example:8080"}
    assert mistakes(place, From(place.app), 2, headers, coverage=True) == []


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AGENT], ids=lambda each: each.value)
def test_the_api_keeps_to_its_description_with_a_session(place: Place, role: Role) -> None:
    """Refusals are described as well: an agent hears them nearly everywhere."""
    place.visitor(Role.ADMIN, "keeper")
    visitor = place.visitor(role, "somebody")
    assert mistakes(place, From(place.app, visitor), 1, {"Host": "node1.example:8080"}, coverage=False) == []


def test_every_route_of_the_api_is_described_with_examples(place: Place) -> None:
    app = cast(FastAPI, cast(Any, place.app).app)
    found = described(place)
    routes = {
        f"{method} {route.path}": route
        for route in app.router.routes
        if isinstance(route, APIRoute) and route.path.startswith("/api/") and route.path != STREAM
        for method in route.methods
    }
    assert sorted(routes) == sorted(set(found) - {"GET /healthz"})
    assert sorted(examples()["answers"]) == sorted(found), "an example of each answer, and of no other"
    for name, route in routes.items():
        example = examples()["answers"][name]
        if isinstance(route.response_model, type):
            told = route.response_model.model_validate_json(json.dumps(example))
            assert set(example) <= set(told.model_dump(mode="json", by_alias=True)), name
    for name, operation in found.items():
        assert operation.get("description") or operation.get("summary"), name
        for each in operation.get("parameters", ()):
            assert each.get("example") is not None, (name, each["name"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content.get("example") is not None, name


def test_what_is_wrong_with_an_address_is_said_as_everything_else(place: Place) -> None:
    visitor = Visitor(
        place.local, address="127.0.0.1", headers={"host": "127.0.0.1:8080", "authorization": f"Bearer {MACHINE_TOKEN}"}
    )
    too_many = visitor.get("/api/calls?limit=100000")
    assert (too_many.status, re.findall(r"query\.limit: input should be", too_many.text)) == (
        422,
        ["query.limit: input should be"],
    )
    other = visitor.send("/api/people", method="DELETE")
    assert (other.status, other.headers["allow"]) == (405, "GET, POST")
    assert other.json == {"error": "this takes GET, POST alone, not DELETE"}
    assert visitor.get("/api/nowhere").json == {"error": "Not Found"}


@pytest.mark.parametrize("told", [{"approve": 1}, {"approve": "yes"}])
def test_json_says_what_it_means(place: Place, told: dict[str, object]) -> None:
    """A form has texts alone, and JSON has not: what is nearly a yes is none."""
    visitor = place.visitor(Role.ADMIN)
    assert visitor.send("/api/approvals/a1", told).status == 422
    assert visitor.post("/api/approvals/a1", {"approve": "true"}).status == 303
    assert (
        visitor.ask(
            "POST",
            "/api/mode",
            b'{"mode": "crisis", "for_s": Infinity}',
            {"content-type": "application/json", "x-csrf-token": visitor.csrf},
        ).status
        == 422
    )
