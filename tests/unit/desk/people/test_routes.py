"""Every route with every role, and with nobody: what the desk does is what `docs/reference/people.md` says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from keepline.desk.people.needing import needed_by
from keepline.model.people import GRANTS, SCOPES, Permission, Role
from tests.unit.desk.people.visits import Place, Visitor, make_place

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "people.md"
NEEDED, ROLES = "| route | it needs |", "| permission | what it lets do |"


def table(head: str) -> dict[str, list[str]]:
    """Rows of the table of the page that begins with `head`, by their first cell."""
    lines = PAGE.read_text(encoding="utf-8").split(head, 1)[1].splitlines()[2:]
    rows: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *rest = [cell.strip() for cell in line.strip("|").split("|")]
        rows[first.strip("`")] = rest
    return rows


def routes(app: Any) -> Iterator[tuple[str, str, APIRoute]]:
    for route in cast(FastAPI, app.app).router.routes:
        assert isinstance(route, APIRoute), f"{route} is no route of the API"
        for method in route.methods:
            yield method, route.path, route


def test_every_route_declares_what_the_page_says(place: Place) -> None:
    found = {f"{method} {path}": needed_by(route.endpoint) for method, path, route in routes(place.app)}
    assert [name for name, needed in found.items() if needed is None] == []
    declared = {name: needed.value for name, needed in found.items() if needed is not None}
    assert {name: cells[0].strip("`") for name, cells in table(NEEDED).items()} == declared


def test_every_role_has_what_the_page_says() -> None:
    rows = table(ROLES)
    granted = [each for each in Permission if each not in (Permission.ANYBODY, Permission.ACCOUNT)]
    assert list(rows) == [each.value for each in granted]
    for each in granted:
        says = [role for role, cell in zip(Role, rows[each.value][1:], strict=True) if cell]
        assert says == [role for role in Role if each in GRANTS[role]], each


def outcome(visitor: Visitor, method: str, path: str) -> str:
    """`may`, `unknown` (he has to log in) or `may not`."""
    target = re.sub(r"\{[^}]*\}", "nosuch", path)
    reply = visitor.get(target) if method == "GET" else visitor.send(target, method=method)
    if reply.status == 401 and path != "/login":
        return "unknown"
    refused = reply.status == 403 and "needs the permission" in reply.text
    return "may not" if refused else "may"


def streams(path: str) -> bool:
    return path.startswith("/live/") or path == "/api/stream"


@pytest.mark.parametrize("role", [None, *Role], ids=lambda each: each.value if each is not None else "nobody")
def test_every_route_with_every_role(
    role: Role | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    """Of streams, which never end, only refusals are tried; who may is let in by the same lines as elsewhere."""
    place.visitor(Role.ADMIN, "keeper")  # so that there are accounts, and the last admin can be anybody
    wrong = []
    rows = table(NEEDED)
    visitor = place.visitor(role)
    for method, path, _ in list(routes(place.app)):
        needed = Permission(rows[f"{method} {path}"][0].strip("`"))
        if role is None:
            expected = "may" if needed is Permission.ANYBODY else "unknown"
        elif needed in (Permission.ANYBODY, Permission.ACCOUNT):
            expected = "may"
        else:
            expected = "may" if needed in GRANTS[role] else "may not"
        if path == "/logout" or (expected == "may" and streams(path)):
            continue
        if (found := outcome(visitor, method, path)) != expected:
            wrong.append(f"{method} {path}: {found}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("scope", SCOPES)
def test_every_route_with_a_token_of_every_scope(place: Place, scope: str) -> None:
    from tests.unit.desk.people.visits import SHELL

    secret = place.people.changes.make_token(SHELL, "program", [scope], 60.0)
    visitor = Visitor(place.app, headers={"authorization": f"Bearer {secret}"})
    for method, path, route in routes(place.app):
        needed = needed_by(route.endpoint)
        expected = "may" if needed in (Permission.ANYBODY, Permission(scope)) else "may not"
        if not (expected == "may" and streams(path)):
            assert (method, path, outcome(visitor, method, path)) == (method, path, expected)


def test_before_there_are_accounts_the_machine_itself_sees_everything_and_changes_nothing(place: Place) -> None:
    here = Visitor(place.local, address="127.0.0.1", headers={"host": "127.0.0.1:8080"})
    for method, path, route in routes(place.local):
        needed = needed_by(route.endpoint)
        assert needed is not None
        if needed in GRANTS[Role.VIEWER] | {Permission.LEADERS, Permission.ANYBODY}:
            assert streams(path) or outcome(here, method, path) == "may", path
        else:
            assert outcome(here, method, path) != "may", path
    assert here.page("/people").headers["location"] == "/login?next=%2Fpeople"
    assert Visitor(place.app, address="127.0.0.1").get("/api/now").status == 401, "it listens to others, too"
    proxied = Visitor(place.local, address="127.0.0.1", headers={"host": "localhost", "x-forwarded-for": "192.0.2.9"})
    assert proxied.get("/api/now").status == 401
    place.visitor(Role.VIEWER)
    assert here.get("/api/now").status == 401, "there is an account now"


def test_an_open_board_shows_no_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_place(tmp_path, monkeypatch, is_open=True)
    place.visitor(Role.ADMIN)
    visitor = place.visitor()
    assert [visitor.get(each).status for each in ("/", "/api/now", "/api/paths")] == [200, 200, 200]
    assert [visitor.get(each).status for each in ("/calls", "/api/calls", "/api/work", "/metrics")] == [401] * 4
    place.people.close()


def test_a_route_that_declares_nothing_is_nobodys(place: Place) -> None:
    app = cast(Any, place.app).app

    @app.get("/api/forgotten")
    async def forgotten() -> dict[str, str]:
        return {"secret": "x"}

    reply = place.visitor(Role.ADMIN).get("/api/forgotten")
    assert (reply.status, reply.json) == (403, {"error": "this route declares no permission, so nobody may"})
    assert place.visitor().get("/no/such/route").status == 404
