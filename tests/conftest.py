"""Rules for every test: what may be left out and where, and that the summary counts it."""

import gc
import os
import shutil
import signal
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI") == "true"
TOOLS = Path(__file__).parents[1] / ".tools"
"""Programs that `make test-deps` unpacks in place of installing their packages."""


def program_path(name: str) -> str | None:
    """Where a Debian program is, None where it is missing."""
    return shutil.which(name) or shutil.which(name, path=TOOLS)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on the width of a terminal, its colours or the tester's own settings."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("KEEPLINE_DEBUG", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def pytest_configure() -> None:
    """Garbage is looked for less often: in a process of so many tests that was a third of its time.

    Programs under test are interrupted as at a desk, though a shell without job control had us ignore SIGINT.
    """
    gc.set_threshold(50_000, 20, 50)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """The tests themselves are never garbage."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test whose Debian program is missing: at a desk only, never in CI."""
    for mark in item.iter_markers("needs_program"):
        program = str(mark.args[0])
        if program_path(program) is None:
            reason = f"needs {program}, which `make test-deps` installs"
            if IN_CI:
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


def _left_out(reporter: pytest.TerminalReporter) -> int:
    return len(reporter.stats.get("skipped", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were left out; `-ra` has listed the reasons above."""
    if left_out := _left_out(terminalreporter):
        verdict = "which CI does not allow" if IN_CI else "so this run proves less than it could"
        terminalreporter.write_line(f"{left_out} left out, {verdict}", yellow=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a test that did not run is a test that failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and exitstatus == pytest.ExitCode.OK and reporter is not None and _left_out(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
