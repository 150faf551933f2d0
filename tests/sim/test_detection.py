"""How soon a fault is an incident, and that a quiet hour has none: the worlds of `python -m bench --only detection`."""

import pytest

from bench.detection import FAULTS, fault_words, quiet_words, watch


@pytest.mark.parametrize("fault", [each for each in FAULTS if FAULTS[each][0] in ("503", "carrier")])
def test_what_fails_is_an_incident_within_seconds(fault: str) -> None:
    watched = watch(3, fault)
    (after_s, cause, evidence) = watched.opened[0]
    assert 0.0 < after_s < 15.0
    assert cause in ("orders/office", "telephony/carrier")
    assert "of the last" in evidence
    assert watched.calls > 500


def test_hours_of_a_quiet_day_have_no_incident() -> None:
    watched = watch(1, "", weeks=10 / 168)
    assert (watched.opened, watched.calls > 500) == ([], True)


def test_what_is_missed_is_said() -> None:
    assert fault_words({"median_s": None, "worst_s": 0.0, "missed": 2, "before": 0}).endswith("MISSED 2 times")
    assert "1 false alarms" in quiet_words({"weeks": 4, "calls": 1000, "alarms": ["week 1: x: y"]})
