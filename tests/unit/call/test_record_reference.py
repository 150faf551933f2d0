"""The reference of the call record: every field, every value of those that have a fixed number, and no others."""

import re
from pathlib import Path

import pytest

from keepline.call.facts import Fact
from keepline.call.record import record_of
from keepline.call.record_types import (
    AUDIO,
    DIRECTIONS,
    ENDINGS,
    OUTCOMES,
    STATES,
    CallRecord,
    CarrierRecord,
    MediaRecord,
    MessageRecord,
    StepRecord,
    UnrecordedRecord,
)
from keepline.flow import RecordingReason
from tests.sim.scenes import Scene
from tests.sim.test_crash_points import SCENARIOS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "record.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def named(section: str) -> list[str]:
    """The names in the first column of a section's tables."""
    cells = re.findall(r"^\| (`.*?) \|", SECTIONS[section], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("Fields", CallRecord),
        ("steps", StepRecord),
        ("messages", MessageRecord),
        ("carriers", CarrierRecord),
        ("unrecorded", UnrecordedRecord),
    ],
)
def test_every_field_is_in_the_reference(section: str, kind: type) -> None:
    assert named(section) == [name.rstrip("_") for name in kind.__slots__]  # type: ignore[attr-defined]


def test_every_field_of_media_is_in_the_reference_and_every_value_of_audio() -> None:
    assert named("media") == [*MediaRecord.__slots__, *AUDIO]


@pytest.mark.parametrize(
    ("section", "values"), [("direction", DIRECTIONS), ("state", STATES), ("ended_by", ENDINGS), ("outcome", OUTCOMES)]
)
def test_every_value_is_in_the_reference(section: str, values: tuple[str, ...]) -> None:
    assert named(section) == list(values)


def records(scene: Scene) -> list[CallRecord]:
    """Of every call, at each of its facts."""
    calls: dict[str, list[Fact]] = {}
    found = []
    for fact in scene.node.written:
        calls.setdefault(fact.call, []).append(fact)
        found.append(record_of(calls[fact.call]))
    return found


def test_no_record_has_another_value() -> None:
    seen: dict[str, set[str]] = {"direction": set(), "state": set(), "ended_by": set(), "outcome": set()}
    said = set()
    for plan in SCENARIOS.values():
        scene = Scene([(0.0, plan)])
        scene.run()
        for record in records(scene):
            for name, values in seen.items():
                values.add(getattr(record, name))
            said |= {step.result.split('"')[3] for step in record.steps if step.name == "outcome"}
            assert record.media.audio in ("", *AUDIO)
            assert {message.reason for message in record.messages} <= {"", *RecordingReason}
            assert (record.state == "ended") == (record.ended_at is not None) == bool(record.ended_by)
    assert seen["direction"] <= set(DIRECTIONS)
    assert seen["state"] == set(STATES)
    assert seen["ended_by"] <= {"", *ENDINGS}
    assert seen["ended_by"] >= {"caller", "flow", "node"}
    assert seen["outcome"] - said <= {"", *OUTCOMES}
    assert seen["outcome"] >= {"answered", "refused", "cancelled", "failed"}
