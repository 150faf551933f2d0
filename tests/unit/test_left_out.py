"""What happens to a test whose Debian program is missing: counted at a desk, failed in CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.needs_program("no-such-program-anywhere")
def test_with_a_peer():
    raise AssertionError("never run")

@pytest.mark.needs_program("sh")
def test_with_what_is_there():
    pass

{more}
"""
SKIPPED = """
def test_left_out_otherwise():
    pytest.skip("no such kernel")
"""


def run(directory: Path, ci: str, more: str = "") -> tuple[int, str]:
    file = directory / "test_peers.py"
    file.write_text(TESTS.format(more=more), encoding="utf-8")
    chosen = ["-k", "not with_a_peer"] if more else []
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", "--rootdir", directory]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *chosen, file],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return ran.returncode, ran.stdout


def test_at_a_desk_it_is_left_out_and_counted(tmp_path: Path) -> None:
    code, said = run(tmp_path, ci="")
    assert code == 0
    assert "1 passed, 1 skipped" in said
    assert "needs no-such-program-anywhere, which `make test-deps` installs" in said
    assert "1 left out, so this run proves less than it could" in said


def test_in_ci_a_missing_program_is_a_failure(tmp_path: Path) -> None:
    code, said = run(tmp_path, ci="true")
    assert code == 1
    assert "1 passed, 1 error" in said
    assert "needs no-such-program-anywhere" in said


@pytest.mark.parametrize(
    ("ci", "code", "verdict"), [("", 0, "so this run proves"), ("true", 1, "which CI does not allow")]
)
def test_a_test_left_out_for_any_reason_fails_ci(tmp_path: Path, ci: str, code: int, verdict: str) -> None:
    found, said = run(tmp_path, ci, SKIPPED)
    assert found == code
    assert f"1 left out, {verdict}" in said
