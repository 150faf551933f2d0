"""A process that takes over knows which carriers were not well, before a call is tried by them."""

from pathlib import Path

from keepline.call.facts import Fact
from keepline.call.facts.path import PATHS, PathStood
from keepline.model.limits_carriers import STANDINGS_READ_MAX
from keepline.node.journal import Journal, create, next_epoch
from keepline.node.journal_paths import path_standings, path_wishes
from tests.spec.carriers_rig import CarriersPlacer
from tests.spec.placing_rig import answer_of
from tests.unit.node.journal_facts import Told


def failing(times: int) -> CarriersPlacer:
    """The first carrier has refused so many calls, one a second; the second has brought them to somebody."""
    placer = CarriersPlacer()
    for index in range(times):
        first = placer.place(call=f"00000000000000b{index}")
        placer.hear_of("first", answer_of(first, 503))
        placer.hear_of("second", answer_of(placer.invite_to("second"), 603))
        placer.wait(1.0)
    return placer


def asked(placer: CarriersPlacer, call: str = "00000000000000bf") -> str:
    """The carrier that is asked first."""
    placer.take_log()
    placer.place(call=call)
    return placer.take_log()[0]


def standing(placer: CarriersPlacer) -> tuple[object, object]:
    told = placer.exchange.switchboard.carriers.standings(placer.operation, placer.now_s)[0]
    return told["condition"], told["evidence"]


def test_one_that_was_down_is_so_still_and_is_not_asked() -> None:
    placer = failing(5)
    before = standing(placer)
    assert before[0] == "down"
    placer.crash()
    assert standing(placer) == before
    assert asked(placer) == "second INVITE"


def test_it_has_its_turn_when_its_time_has_come() -> None:
    placer = failing(5)
    placer.crash()
    placer.wait(11.0)
    assert asked(placer) == "first INVITE"


def test_one_that_was_degraded_is_asked_after_the_other() -> None:
    placer = failing(3)
    assert standing(placer)[0] == "degraded"
    placer.crash()
    assert standing(placer)[0] == "degraded"
    assert "when the process before died" in str(standing(placer)[1])
    asked(placer)  # its turn to show what it can do
    assert asked(placer, "00000000000000be") == "second INVITE"


def test_one_that_was_well_again_is_not_as_it_was_before() -> None:
    placer = CarriersPlacer()
    stood = [
        PathStood(PATHS, 990.0, "telephony/first", "down", "open", "5 of 6", 990.0, 990.0, 1000.0, 1),
        PathStood(PATHS, 999.0, "telephony/first", "healthy", "closed", "", 990.0, 990.0, 1000.0, 1),
    ]
    placer.facts += stood
    placer.crash()
    assert standing(placer)[0] == "unknown"


def test_what_was_long_ago_says_nothing() -> None:
    placer = CarriersPlacer()
    placer.facts.append(PathStood(PATHS, 10.0, "telephony/first", "down", "open", "5 of 6", 10.0, 10.0, 20.0, 1))
    placer.crash()
    assert standing(placer)[0] == "unknown"


def test_a_start_reads_the_latest_words_alone(tmp_path: Path) -> None:
    path = create(tmp_path)
    told = Told()
    journal = Journal(path, next_epoch(path), told)
    facts: list[Fact] = [
        PathStood(PATHS, float(index), f"telephony/c{index}", "down", "open", "", 1.0, 1.0, 2.0, 1)
        for index in range(STANDINGS_READ_MAX + 5)
    ]
    told.of(journal.submit(facts))
    journal.close()
    assert path_standings(path, 10_000) == facts[5:]
    assert path_standings(path, 3) == facts[:3]
    assert path_wishes(path, 10_000) == []
