"""Minds: what a caller does because of what it hears, and what it takes to have happened."""

import random

from world_actor import Action, Actor, EndCall, PressKey, Talk
from world_ear import Sound
from world_script import read_personas

KNOWN = frozenset({"menu", "ask_order", "apology"})
VALUES = {"order": "100001", "card": "4242424242424242", "cvv": "123"}


def actor(script: str, known: frozenset[str] = KNOWN) -> Actor:
    [persona] = read_personas("persona test\n" + script).values()
    return Actor(persona, VALUES, known, random.Random(1))


def end(prompt: str, complete: bool = True) -> Sound:
    return Sound(prompt, True, complete, 0, 50)


def begin(prompt: str) -> Sound:
    return Sound(prompt, False, False, 0, 1)


def run(subject: Actor, since_s: float, until_s: float) -> list[tuple[float, Action]]:
    """Everything that time alone makes it do, looked at every 50 ms."""
    done = []
    for n in range(round((until_s - since_s) * 20) + 1):
        now_s = round(since_s + n / 20, 2)
        done += [(now_s, action) for action in subject.tick(now_s)]
    return done


def test_it_presses_after_it_has_heard() -> None:
    subject = actor("  hear menu\n  press 1 after 1\n  hear ask_order\n  press {order} after 0.5\n  listen")
    assert subject.answered(100.0) == []
    assert subject.heard([begin("menu")], 100.1) == []
    assert run(subject, 100.1, 103.0) == []
    assert subject.heard([end("menu")], 103.0) == []
    assert run(subject, 103.0, 105.0) == [(104.0, PressKey("1"))]
    subject.heard([end("ask_order")], 106.0)
    keys = run(subject, 106.0, 109.0)
    assert [action for _, action in keys] == [PressKey(key) for key in "100001"]
    assert [at for at, _ in keys] == [106.5, 106.75, 107.0, 107.25, 107.5, 107.75]
    subject.ended(110.0)
    assert (subject.outcome.how, subject.over) == ("done", True)


def test_what_was_heard_before_the_keys_is_no_answer_to_them() -> None:
    subject = actor("  hear menu begin\n  press 1 after 0\n  hear status\n  believe it\n  listen")
    subject.answered(0.0)
    subject.heard([begin("menu"), end("")], 1.0)
    run(subject, 1.0, 2.0)
    assert subject.outcome.believes == []
    subject.heard([end("")], 3.0)
    assert subject.outcome.believes == ["it"]


def test_audio_that_nobody_rendered_is_known_by_its_position() -> None:
    subject = actor("  hear receipt -> paid, apology -> sorry\n  label paid\n  believe paid\n  listen\n  label sorry\n"
                    "  believe sorry\n  listen")  # fmt: skip
    subject.answered(0.0)
    subject.heard([end("menu")], 1.0)
    assert subject.outcome.believes == []
    subject.heard([end("")], 2.0)
    assert subject.outcome.believes == ["paid"]


def test_a_prompt_that_is_known_is_never_mistaken_for_another() -> None:
    subject = actor("  hear apology within 5 else no\n  label no\n  believe no\n  listen")
    subject.answered(0.0)
    subject.heard([end(""), end("menu")], 1.0)
    assert subject.outcome.believes == []
    run(subject, 1.0, 6.0)
    assert subject.outcome.believes == ["no"]


def test_who_waits_in_vain_is_confused_and_hangs_up() -> None:
    subject = actor("  hear menu within 3\n  listen")
    subject.answered(0.0)
    assert run(subject, 0.0, 5.0) == [(3.0, EndCall())]
    assert (subject.outcome.how, subject.outcome.where) == ("confused", "menu")
    subject.ended(6.0)
    assert subject.outcome.how == "confused"


def test_who_is_hung_up_on_too_early_says_where() -> None:
    subject = actor("  hear menu, apology\n  listen")
    subject.answered(0.0)
    subject.ended(1.0)
    assert (subject.outcome.how, subject.outcome.where) == ("cut off", "menu or apology")


def test_speaking_begins_and_ends() -> None:
    subject = actor("  speak 2\n  hang up")
    assert subject.answered(0.0) == [Talk(True)]
    assert run(subject, 0.0, 3.0) == [(2.0, Talk(False)), (2.05, EndCall())]
    assert subject.outcome.how == "hung up"


def test_a_persona_that_goes_round_in_circles_ends() -> None:
    subject = actor("  label here\n  go here")
    assert subject.answered(0.0) == [EndCall()]
    assert subject.outcome.how == "confused"


def test_chance_is_the_seeds() -> None:
    def believed(seed: int) -> list[str]:
        subject = actor("  maybe 0.5 other\n  believe one\n  listen\n  label other\n  believe two\n  listen")
        subject.rng = random.Random(seed)
        subject.answered(0.0)
        return subject.outcome.believes

    assert [believed(seed) for seed in range(20)] == [believed(seed) for seed in range(20)]
    assert {word for seed in range(20) for word in believed(seed)} == {"one", "two"}


def test_the_diary_holds_orders_but_no_cards() -> None:
    subject = actor("  press {order} after 0\n  press {card}{cvv}# after 0\n  listen")
    subject.answered(0.0)
    run(subject, 0.0, 20.0)
    assert [entry.what for entry in subject.diary] == ["pressed 100001", "pressed {card}{cvv}#"]


def test_nothing_is_done_once_it_is_over() -> None:
    subject = actor("  hang up")
    subject.answered(0.0)
    run(subject, 0.0, 1.0)
    assert subject.heard([end("menu")], 2.0) == []
    assert subject.tick(3.0) == []


def test_who_hears_an_apology_waits_for_nothing_else() -> None:
    subject = actor("  hear menu begin\n  press 1 after 0\n  hear status begin\n  believe it\n")
    subject.answered(0.0)
    subject.heard([begin("menu")], 1.0)
    run(subject, 1.0, 2.0)
    assert subject.heard([begin("apology"), end("apology")], 4.0) == []
    assert (subject.outcome.believes, subject.over) == (["apology"], False)
    subject.ended(6.0)
    assert subject.outcome.how == "done"


def test_a_persona_may_have_its_own_answer_to_an_apology() -> None:
    subject = actor("  hear apology -> own, status\n  label own\n  believe own\n  listen\n")
    subject.answered(0.0)
    subject.heard([end("apology")], 4.0)
    assert subject.outcome.believes == ["own"]
