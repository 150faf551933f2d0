"""What people want of carriers: journaled, heeded by the next call, and said with its choice."""

import pytest

from keepline.call.carriers.wishing import note
from keepline.call.effects import Persist
from keepline.call.effects_path import PathAnswered, WishPath
from keepline.call.facts.path import PATHS, PathWished
from keepline.model.limits_carriers import PATH_WISH_S_MAX, PATH_WORDS_CHARS_MAX
from keepline.paths.wishes import Wishes
from tests.spec.carriers_rig import CarriersPlacer


def wish(placer: CarriersPlacer, path: str, what: str, for_s: float = 60.0, why: str = "works", by: str = "Ana") -> str:
    """What is wrong with it; empty where it is on record."""
    effects = placer.exchange.step(placer.now_s, WishPath("a1", path, what, for_s, why, by))
    placer.facts += [each.fact for each in effects if isinstance(each, Persist)]
    assert all(each.synced for each in effects if isinstance(each, Persist))
    [answer] = [each for each in effects if isinstance(each, PathAnswered)]
    assert answer.asked == "a1"
    return answer.mistake


def test_a_carrier_that_is_drained_is_passed_over_and_the_record_says_by_whom() -> None:
    placer = CarriersPlacer()
    assert wish(placer, "first", "drain") == ""
    assert placer.facts[-1] == PathWished(PATHS, 1000.0, "telephony/first", "drain", 1060.0, "works", "Ana")
    placer.place()
    assert placer.take_log() == ["second INVITE"]
    [asked] = placer.record().carriers
    assert "first: unknown, nothing came of it lately, drained by Ana (works)" in asked.why
    placer.wait(60.0)
    placer.place(call="00000000000000a2")
    assert "first INVITE" in placer.take_log(), "its time is over"


def test_release_ends_it_before_its_time() -> None:
    placer = CarriersPlacer()
    assert wish(placer, "telephony/second", "prefer") == ""
    assert wish(placer, "second", "release", 0.0, "") == ""
    placer.place()
    assert placer.take_log() == ["first INVITE"]


def test_a_successor_heeds_what_is_on_record() -> None:
    placer = CarriersPlacer()
    wish(placer, "first", "disable")
    wish(placer, "second", "prefer")
    wish(placer, "second", "release", 0.0, "")
    wishes = Wishes()
    for fact in placer.facts:
        note(wishes, fact)
    placer.crash()
    placer.exchange.switchboard.carriers.know(wishes, str)
    placer.place()
    assert placer.take_log() == ["second INVITE"]


@pytest.mark.parametrize(
    ("path", "what", "for_s", "why", "wrong"),
    [
        ("third", "drain", 60.0, "works", "there is no path 'third'; there are telephony/first, telephony/second"),
        ("first", "sell", 60.0, "works", "write one of prefer, drain, disable, release"),
        ("first", "drain", 0.0, "works", "it holds for up to 7 days, not 0 s"),
        ("first", "drain", PATH_WISH_S_MAX + 1.0, "works", "it holds for up to 7 days"),
        ("first", "drain", 60.0, " ", "say why"),
        ("first", "drain", 60.0, "x" * (PATH_WORDS_CHARS_MAX + 1), "say why"),
    ],
)
def test_what_cannot_be_wished_is_told(path: str, what: str, for_s: float, why: str, wrong: str) -> None:
    placer = CarriersPlacer()
    assert wrong in wish(placer, path, what, for_s, why)
    assert placer.facts == []


def test_standings_say_how_each_carrier_is() -> None:
    placer = CarriersPlacer()
    placer.place()
    wish(placer, "second", "drain")
    first, second = placer.exchange.switchboard.carriers.standings(placer.operation, placer.now_s)
    assert (first["path"], first["in_flight"], first["condition"], first["wish"]) == (
        "telephony/first",
        1,
        "unknown",
        "",
    )
    assert (second["wish"], second["until"], second["why"], second["by"]) == ("drain", 1060.0, "works", "Ana")
