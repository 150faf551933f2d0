"""`keepline people` and `keepline token` without a node: what they print, and what they refuse."""

import json
import re
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    (tmp_path / "keepline-data").mkdir()


def test_accounts_are_made_listed_and_disabled(run: Run) -> None:
    made = run("people", "add", "ana", "--role", "admin", "--why", "first")
    assert (made.code, re.search(r"ana is admin; .*: /link\?code=[\w-]{32}$", made.out) is not None) == (0, True)
    run("people", "add", "ben", "--role", "agent")
    assert run("people", "role", "ben", "--role", "viewer").out == "ben is viewer\n"
    assert run("people", "disable", "ben").out == "ben is disabled\n"
    listed = [json.loads(line) for line in run("people", "list", "--json").out.splitlines()]
    assert [(each["name"], each["role"], each["disabled"]) for each in listed] == [
        ("ana", "admin", False),
        ("ben", "viewer", True),
    ]
    assert "ben" in run("people", "list").out
    assert run("people", "enable", "ben").code == 0
    assert "/link?code=" in run("people", "reset", "ben").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "ana", "--role", "king"), "there is no role 'king'"),
        (("add", "Ana", "--role", "agent"), "a name has up to"),
        (("role", "nobody", "--role", "agent"), "there is no account 'nobody'"),
        (("list", "--data", "nowhere"), "there is no data directory nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run("people", *arguments)
    assert (done.code, words in done.err, done.err.count("\n")) == (2, True, 1)


def test_the_first_link_is_for_a_node_without_accounts(run: Run) -> None:
    assert "/link?code=" in run("people", "first-link").out
    run("people", "add", "ana", "--role", "admin")
    assert run("people", "first-link").code == 2


def test_tokens_are_shown_once_and_revoked(run: Run) -> None:
    secret = run("token", "create", "prometheus", "--scope", "metrics", "--for", "1d").out.strip()
    assert secret.startswith("klt_")
    [listed] = [json.loads(line) for line in run("token", "list", "--json").out.splitlines()]
    assert (listed["name"], listed["scopes"], listed["revoked"]) == ("prometheus", ["metrics"], False)
    assert secret not in run("token", "list").out
    assert run("token", "revoke", listed["id"]).out == "revoked prometheus\n"
    assert "revoked" in run("token", "list").out
    assert run("token", "create", "x", "--scope", "people").code == 2
