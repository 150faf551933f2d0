"""SIPp as the side that is called: it plays a scenario of `sipp/uas` meanwhile, and must be content in the end."""

import csv
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keepline.demo_node import free_port_range
from tests.live.sipp_runner import SCENARIOS


@contextmanager
def sipp_plays(
    scenario: str, port: int, directory: Path, *options: str, calls: int = 1, within_s: int = 60
) -> Iterator[None]:
    """Every one of its calls must have gone as the scenario says; `options` are more of SIPp's own."""
    statistics, errors = (directory / f"{scenario}.{kind}" for kind in ("csv", "errors"))
    sipp = subprocess.Popen(
        [
            "sipp", "-sf", str(SCENARIOS / "uas" / f"{scenario}.xml"), "-i", "127.0.0.1", "-p", str(port),
            "-mi", "127.0.0.1", "-mp", str(free_port_range(8)[0]), *options, "-m", str(calls), "-nostdin",
            "-timeout", str(within_s), "-timeout_error", "-trace_stat", "-stf", str(statistics), "-fd", "1",
            "-trace_err", "-error_file", str(errors),
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=directory, env={"TERM": "xterm"},
    )  # fmt: skip
    try:
        yield
        said = sipp.communicate(timeout=within_s)[1]
    finally:
        sipp.kill()
        sipp.wait()
    said += errors.read_text(errors="replace") if errors.exists() else ""
    with statistics.open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    assert (int(last["SuccessfulCall(C)"]), int(last["FailedCall(C)"])) == (calls, 0), said
