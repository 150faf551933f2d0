"""`incidents:` of an operation file: what is read, the usual settings, and every mistake at its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.incident import IncidentSettings
from keepline.model.limits_incidents import EXERCISE_NAME_MAX, GATE_SHARES_MAX, INCIDENT_WINDOW_S_MAX
from tests.unit.config.test_failover import with_failover

Check = Callable[..., list[str]]


def test_a_file_without_them_has_the_usual_ones(shop: Path) -> None:
    assert load_operation(shop).incidents == IncidentSettings()


def test_they_are_read(shop: Path) -> None:
    text = with_failover("{method: none}")
    more = (
        "incidents: {exercise: drill-7, short_s: 30, kinds: {portal: surge}, objectives: {answered: 0.999}, "
        "gate: {shares: [0.5, 1]}}\n"
    )
    (shop / "keepline.yaml").write_text(text + more, encoding="utf-8")
    found = load_operation(shop).incidents
    assert found is not None
    assert (found.short_s, found.objectives.answered, found.gate.shares) == (30.0, 0.999, (0.5, 1.0))
    assert (dict(found.kinds), found.exercise) == ({"portal": "surge"}, "drill-7")


SHARES = [round((number + 1) / (GATE_SHARES_MAX + 1), 3) for number in range(GATE_SHARES_MAX)] + [1.0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{{long_s: {INCIDENT_WINDOW_S_MAX + 1}}}", "out of range"),
        ("{short_s: 700}", "the short window, 700 s, is longer than the long one, 600 s"),
        ("{gate: {shares: [0.5, 0.25, 1]}}", "do not rise to 1"),
        ("{gate: {shares: [0.5]}}", "do not rise to 1"),
        (f"{{gate: {{shares: {SHARES}}}}}", "shares"),
        ("{gate: {tests: {portal/nobody: {action: where}}}}", "there is no path `portal/nobody`"),
        ("{kinds: {nobody: payments}}", "there is no capability `nobody`"),
        ("{kinds: {portal: weather}}", "weather"),
        ("{objectives: {answered: 1.5}}", "out of range"),
        (f"{{exercise: {'x' * (EXERCISE_NAME_MAX + 1)}}}", "exercise"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Check, text: str, told: str) -> None:
    found = mistakes(with_failover("{method: none}") + f"incidents: {text}\n")
    assert [each for each in found if told in each], found
