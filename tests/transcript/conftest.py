"""`--record` writes what the machines do now into the transcripts, to be read as a diff."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write the transcripts anew from what the machines do now")


@pytest.fixture
def record(request: pytest.FixtureRequest) -> bool:
    """Whether to write instead of to compare."""
    # The option exists only where this directory is named on the command line.
    return bool(request.config.getoption("--record", default=False))
