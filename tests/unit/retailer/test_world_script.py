"""Personas: what a file of them says, and what is said of a mistake in it; who is chosen; what callers are handed."""

import random
from pathlib import Path

import pytest
from world_crowd import Mix
from world_directory import BUILT_IN, Directory
from world_script import Believe, Go, HangUp, Hear, Listen, Maybe, Press, ScriptError, Speak, Wait, read_personas

PERSONAS = Path(__file__).parents[3] / "examples" / "retailer" / "world" / "personas.txt"

EVERYTHING = """
# a line for the reader
persona one weight 2.5
  hear menu, other_* -> there begin within 7 else there
  press 12#{order} after 1-2
  label there
  speak 3
  wait 1-2
  maybe 0.25 there
  go there
  believe it
  listen within 9
  hang up after 0.5
persona two
  cancel after 0.1-0.2
  hang up
"""


def test_every_step_can_be_said() -> None:
    one, two = read_personas(EVERYTHING).values()
    assert (one.name, one.weight, one.labels) == ("one", 2.5, {"there": 2, "apology": 10})
    assert one.steps == [
        Hear((("menu", ""), ("other_*", "there")), True, 7.0, "there"),
        Press("12#{order}", (1.0, 2.0)),
        Speak(3.0),
        Wait((1.0, 2.0)),
        Maybe(0.25, "there"),
        Go("there"),
        Believe("it"),
        Listen(9.0),
        HangUp((0.5, 0.5)),
        # What is done after an apology.
        HangUp(),
        Believe("apology"),
        Listen(),
    ]
    assert one.values() == {"order"}
    assert (two.weight, two.cancel_after_s, two.steps[:-3]) == (1.0, (0.1, 0.2), [HangUp()])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("persona One", "line 1: expected `persona NAME"),
        ("  hear menu", "line 1: a line that is not indented"),
        ("persona a\npersona a", "line 2: persona a is there already"),
        ("persona a\n  dance", "line 2: 'dance' is no step"),
        ("persona a\n  press 12x", "line 2: '12x' are not keys"),
        ("persona a\n  press {weather}", "no value is called weather"),
        ("persona a\n  press 1 after soon", "'soon' is not a number"),
        ("persona a\n  wait 3-2", "'3-2' ends before it begins"),
        ("persona a\n  hear a b", "'a b' is not `PATTERN`"),
        ("persona a\n  maybe 0.5", "expected `maybe SHARE LABEL`"),
        ("persona a\n  hang on", "expected `hang up"),
        ("persona a\n  label x\n  label x", "line 3: label x is there already"),
        ("persona a\n  go nowhere", "persona a goes to nowhere, which is nowhere"),
        ("persona a\n  hear b -> nowhere", "goes to nowhere"),
    ],
)
def test_a_mistake_is_named(text: str, message: str) -> None:
    with pytest.raises(ScriptError) as error:
        read_personas(text)
    assert message in str(error.value)


def test_the_retailers_personas_are_right() -> None:
    personas = read_personas(PERSONAS.read_text(encoding="utf-8"))
    directory = Directory(BUILT_IN, booked=["100001"])
    for persona in personas.values():
        assert persona.steps
        assert set(directory.values(persona.values())) == persona.values()


def test_who_calls_is_a_matter_of_the_seed_and_the_index() -> None:
    personas = read_personas(PERSONAS.read_text(encoding="utf-8"))
    first, again, other = Mix(personas, seed=1), Mix(personas, seed=1), Mix(personas, seed=2)
    names = [first.chosen(index)[0].name for index in range(200)]
    assert names == [again.chosen(index)[0].name for index in range(200)]
    assert names != [other.chosen(index)[0].name for index in range(200)]
    assert len(set(names)) > 10


def test_a_mix_leaves_out_whom_it_does_not_name() -> None:
    personas = read_personas(PERSONAS.read_text(encoding="utf-8"))
    mix = Mix(personas, {"pay": 3, "lead": 1})
    names = [mix.chosen(index)[0].name for index in range(400)]
    assert set(names) == {"pay", "lead"}
    assert 240 < names.count("pay") < 360


def test_every_value_is_handed_out_once_before_it_comes_again() -> None:
    directory = Directory(BUILT_IN, booked=["100001", "100004"])
    invoices = [directory.values(frozenset({"invoice"}))["invoice"] for _ in directory.pools["invoice"]]
    assert len(set(invoices)) == len(invoices)
    assert directory.values(frozenset({"invoice"}))["invoice"] == invoices[0]
    assert not set(directory.pools["booked_order"]) & set(directory.pools["open_order"])
    assert directory.phone(random.Random(1)).startswith("+1")


def test_what_there_is_none_of_is_said() -> None:
    with pytest.raises(LookupError, match="no booked_order"):
        Directory(BUILT_IN).values(frozenset({"booked_order"}))
