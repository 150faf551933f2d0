"""The process dies at every moment of a call in turn; its successor finishes the call as if nothing had happened."""

import pytest

from keepline.call.facts import StepEnded
from keepline.sim.caller import Plan
from tests.sim.moments import OUTAGES_S, die_at_every_moment, die_twice
from tests.sim.scenes import Scene

SCENARIOS = {
    "greeting": Plan("1000"),
    "greeting_digit": Plan("1000", keys=((3.0, "5"),)),
    "greeting_two_digits": Plan("1000", keys=((3.0, "5"), (3.0, "6"))),
    "greeting_late_digit": Plan("1000", keys=((9.8, "5"),)),
    "keyed": Plan("4000", keys=((1.0, "1"), (1.5, "2"), (2.0, "3"), (2.5, "4"))),
    "keyed_half": Plan("4000", keys=((3.0, "1"), (4.0, "2"))),
    "keyed_terminator": Plan("4000", keys=((1.0, "1"), (1.5, "#"))),
    "keyed_nothing": Plan("4000"),
    "menu_typed_ahead": Plan("5000", keys=((1.0, "7"), (1.2, "8"), (20.0, "9"))),
    "menu_slowly": Plan("5000", keys=((5.0, "7"), (7.0, "8"), (8.0, "9"))),
    "hold": Plan("2000", keys=((1.0, "1"), (2.0, "2")), hang_up_after_s=3.0),
    "endless": Plan("3000", hang_up_after_s=3.0),
    "held": Plan("4000", keys=((1.0, "1"), (2.5, "2"), (3.0, "3"), (4.0, "4")), holds_at_s=(0.5, 2.0)),
    "held_and_hung_up": Plan("2000", holds_at_s=(0.5, 1.5, 2.0), hang_up_after_s=2.5),
    "ringing": Plan("1001"),
    "ringing_cancelled": Plan("1001", cancel_after_s=1.0),
    "cancelled_too_late": Plan("1001", cancel_after_s=3.0),
    "hung_up_at_once": Plan("2000", hang_up_after_s=0.0),
    "hang_up_before_ack": Plan("6005"),
    "flow_returns": Plan("6000"),
    "flow_raises": Plan("6001"),
    "flow_goes_on_alone": Plan("6002", hang_up_after_s=2.0),
    "desk": Plan("7000", keys=((1.0, "1"), (4.0, "4"), (4.5, "5"), (5.0, "6"), (7.0, "1"), (12.0, "2"))),
    "desk_wrong_keys": Plan("7000", keys=((1.0, "9"), (2.0, "8"), (6.0, "2"), (8.0, "4"), (9.0, "#"), (11.0, "7"))),
    "desk_not_confirmed": Plan("7000", keys=tuple((1.0 + n, key) for n, key in enumerate("1123233311"))),
    "desk_silence": Plan("7000"),
    "desk_typed_ahead": Plan("7000", keys=tuple((0.5, key) for key in "112311")),
    "desk_hung_up": Plan("7000", keys=((1.0, "9"), (4.0, "1")), hang_up_after_s=6.5),
    "message_silence": Plan("7010", speaks=((3.0, 6.0),)),
    "message_terminator": Plan("7010", keys=((9.0, "5"), (9.5, "#"), (15.0, "1")), speaks=((3.0, 6.0),)),
    "message_limit": Plan("7010", speaks=((3.0, 60.0),)),
    "message_key_skips_words": Plan("7010", keys=((1.0, "5"), (8.0, "#")), speaks=((2.5, 5.0),)),
    "message_too_short": Plan("7010", speaks=((0.5, 1.0),)),
    "message_at_second_attempt": Plan("7010", speaks=((11.5, 4.0),)),
    "message_hung_up": Plan("7010", speaks=((3.0, 60.0),), hang_up_after_s=8.0),
    "message_hung_up_before": Plan("7010", hang_up_after_s=1.0),
    "dead_air": Plan("7020", silences=((3.0, 60.0),), keys=((30.0, "5"),), hang_up_after_s=40.0),
    "dead_air_while_it_waits": Plan("7020", keys=((1.0, "5"),), silences=((6.0, 60.0),)),
    "dead_air_and_back": Plan("7020", silences=((2.5, 7.0), (12.0, 6.0)), keys=((30.0, "7"),)),
    "flow_falls_back": Plan("7001", keys=((7.0, "9"), (9.0, "1"), (11.0, "4"))),
    "flow_falls_back_and_fails": Plan("7002"),
    "transferred": Plan("6007", transfer=(202, 100, 180, 200)),
    "transferred_and_leaves": Plan("6007", transfer=(202, 200), leaves=True),
    "transfer_busy": Plan("6007", transfer=(202, 100, 486)),
    "transfer_refused": Plan("6007", transfer=(603,)),
    "transfer_unsupported": Plan("6007", transfer=(405,)),
    "transfer_silent": Plan("6007", transfer=(202, 100)),
    "transfer_unanswered": Plan("6007"),
    "transfer_hung_up": Plan("6007", transfer=(202, 100, 180), hang_up_after_s=2.0),
    "transfer_held": Plan("6007", transfer=(202, 100, 180, 200), holds_at_s=(0.5,)),
    "flow_is_deaf": Plan("6003", hang_up_after_s=1.0),
    "glare": Plan("6000", hang_up_after_s=3.0),
    "refused": Plan("9999"),
    "tcp": Plan("1000", keys=((3.0, "5"),), transport="tcp"),
    "tcp_ringing": Plan("1001", transport="tcp"),
    "tcp_cancelled": Plan("1001", cancel_after_s=1.0, transport="tcp"),
    "tcp_hung_up": Plan("2000", keys=((1.0, "1"),), hang_up_after_s=2.0, transport="tcp"),
    "tcp_held": Plan("2000", holds_at_s=(0.5, 1.5), hang_up_after_s=2.5, transport="tcp"),
    "tcp_transferred": Plan("6007", transfer=(202, 100, 180, 200), transport="tcp"),
    "tcp_refused": Plan("9999", transport="tcp"),
    "never_acknowledged": Plan("2000", acknowledges=False),
}
UNSURE = ("glare", "transferred_and_leaves", "cancelled_too_late", "never_acknowledged")
"""Where a death at the right moment may change what comes of it, within what is promised."""


def outcome(scene: Scene) -> tuple[object, ...]:
    """What the caller can tell of its call, and what the flow was told."""
    caller = scene.callers[0]
    steps = [
        (fact.step, fact.outcome, fact.reason if fact.verb == "record_message" else fact.value)  # how long differs
        for fact in scene.node.written
        if isinstance(fact, StepEnded)
    ]
    return caller.heard.outcome, max(caller.heard.statuses), [step for step in steps if step[1] != "hung_up"]


@pytest.mark.parametrize("name", SCENARIOS)
def test_undisturbed(name: str) -> None:
    scene = Scene([(0.0, SCENARIOS[name])])
    assert scene.run() == []
    assert scene.node.log.deaths == 0


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_moment(name: str, outage_s: float) -> None:
    plan = SCENARIOS[name]
    die_at_every_moment(lambda: Scene([(0.0, plan)]), outage_s, None if name in UNSURE else outcome, name)


@pytest.mark.parametrize("name", ["greeting_digit", "keyed_terminator", "ringing", "hold"])
def test_the_successor_dies_too(name: str) -> None:
    plan = SCENARIOS[name]
    die_twice(lambda: Scene([(0.0, plan)]), range(1, 12), outcome, name)
