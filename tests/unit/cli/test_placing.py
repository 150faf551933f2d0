"""The exit codes of `keepline call place`."""

from dataclasses import replace

import pytest

from keepline.call.record import CallRecord
from keepline.cli import output
from keepline.cli.placing import exit_code_of

RECORD = CallRecord("a" * 16, "outbound", "carrier", "1", "2", "remind", "ended", 1.0)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"answered_at": 2.0, "outcome": "answered"}, output.FINE),
        ({"answered_at": 2.0, "outcome": "paid"}, output.FINE),
        ({"answered_at": 2.0, "outcome": "failed", "error": "it"}, output.FLOW_FAILED),
        ({"answered_at": 2.0, "outcome": "cancelled"}, output.CANCELLED),
        ({"outcome": "busy"}, output.BUSY),
        ({"outcome": "no_answer"}, output.NO_ANSWER),
        ({"outcome": "refused"}, output.REFUSED),
        ({"outcome": "cancelled"}, output.CANCELLED),
        ({"outcome": "failed"}, output.FAILED),
        ({"state": "ringing"}, output.GOING_ON),
    ],
)
def test_the_exit_code_says_what_came_of_it(changed: dict[str, object], code: int) -> None:
    assert exit_code_of(replace(RECORD, **changed)) == code  # type: ignore[arg-type]
    assert code in output.CODES
