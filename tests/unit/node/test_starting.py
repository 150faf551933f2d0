"""What answers calls is started first; what guards it when it does; what shows it when it is guarded."""

import os
import subprocess
import sys

import pytest

from keepline.node.children import Child
from keepline.node.processes import ProcessId
from keepline.node.starting import STAGE_LIMIT_S, Starting

ROLES = ["media", "calls", "speech", "calls", "desk"]


def adopted(*roles: str) -> list[Child]:
    return [Child(role, ProcessId(1, 1), -1, 0.0) for role in roles]


def test_each_stage_waits_for_the_one_before() -> None:
    started: list[str] = []
    starting = Starting(0.0, [], started.append)
    assert started == ["media", "calls"]
    starting.tick(0.1, is_ready=False, is_guarded=False)
    assert started == ROLES[:2]
    starting.tick(0.2, is_ready=True, is_guarded=False)
    assert started == ROLES[:4]
    starting.tick(0.3, is_ready=True, is_guarded=False)
    assert started == ROLES[:4]
    starting.tick(0.4, is_ready=True, is_guarded=True)
    assert started == ROLES
    starting.tick(99.0, is_ready=True, is_guarded=True)
    assert started == ROLES


def test_a_stage_that_fails_holds_up_nobody_for_long() -> None:
    started: list[str] = []
    starting = Starting(0.0, [], started.append)
    starting.tick(STAGE_LIMIT_S, is_ready=False, is_guarded=False)
    assert started == ROLES[:2]
    starting.tick(STAGE_LIMIT_S + 0.1, is_ready=False, is_guarded=False)
    assert started == ROLES[:4]
    starting.tick(2 * STAGE_LIMIT_S + 0.2, is_ready=False, is_guarded=False)
    assert started == ROLES


def test_the_status_page_comes_last_where_there_is_one() -> None:
    started: list[str] = []
    starting = Starting(0.0, adopted("media", "calls", "calls", "speech"), started.append, with_page=True)
    starting.tick(0.1, is_ready=True, is_guarded=True)
    starting.tick(0.2, is_ready=True, is_guarded=True)
    assert started == ["desk", "status_page"]


@pytest.mark.parametrize(
    ("there", "first", "all_of_them"),
    [
        (["media", "calls", "calls"], [], ["speech", "desk"]),
        (["calls"], ["media"], ["media", "speech", "calls", "desk"]),
        (["media"], ["calls"], ["calls", "speech", "calls", "desk"]),
    ],
)
def test_nobody_is_started_in_the_place_of_the_adopted(
    there: list[str], first: list[str], all_of_them: list[str]
) -> None:
    started: list[str] = []
    starting = Starting(0.0, adopted(*there), started.append)
    assert started == first
    starting.tick(0.1, is_ready=True, is_guarded=True)
    starting.tick(0.2, is_ready=True, is_guarded=True)
    assert started == all_of_them


HEAVY = ("pydantic", "ruamel.yaml", "rich", "dns", "typer", "httpx2", "uvicorn", "fastapi", "numpy")


@pytest.mark.parametrize(
    ("module", "left_out"),
    [
        ("keepline.node.calls", HEAVY),
        ("keepline.node.supervisor", (*HEAVY, "cryptography", "msgspec", "keepline.call", "keepline.model.operation")),
    ],
)
def test_the_first_caller_waits_for_no_import_that_is_not_needed(module: str, left_out: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*(m for m in {left_out!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.split() == []
